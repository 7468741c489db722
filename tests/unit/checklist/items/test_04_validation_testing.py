"""Items of week 3: what the audit called a lie does not pass, and ordinary good systems do."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers import names
from servers.checking import context, raw, run
from servers.one_item import NAMES, VARIABLES, items, over_the_web, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from launch_pipeline.checks.verdict import CheckResult
    from launch_rehearsal.vendors.dns_server import Zone

    Answer = Callable[[str, web.Request], web.Response]

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ENVIRONMENT, SMOKE = "validation_testing.environment_validation", "validation_testing.smoke_tests"
INTEGRATION, SECURITY = "validation_testing.integration_tests", "validation_testing.security_tests"

# ---- health --------------------------------------------------------------------------------------------

APPLICATION = web.Response(text="<!doctype html><div id=root></div>", content_type="text/html").text
WELL = {
    "status": "ok",
    "dependencies": {"database": "connected", "redis": "up", "llm": "ok", "vectorDb": "ok"},
}


def page() -> web.Response:
    """Return what a single-page application answers for every path that is not there."""
    return web.Response(text=APPLICATION, content_type="text/html")


def health(document: Any, status: int = 200, only: str = "") -> Answer:
    """Answer with this health, for one connection alone if it is named."""

    def answer(conn_id: str, _: web.Request) -> web.Response:
        mine = not only or conn_id == only
        return web.json_response(document if mine else WELL, status=status if mine else 200)

    return answer


def needs(**dependencies: str) -> dict[str, Any]:
    return {**WELL, "dependencies": {**WELL["dependencies"], **dependencies}}  # type: ignore[dict-item]


CONNECTIONS = ("api_gateway", "constitutional_ai", "knowledge_ocean", "ai_routing", "openai")
DATABASE, REDIS = f"{ENVIRONMENT}.database_connectivity", f"{ENVIRONMENT}.redis_connectivity"
MODELS = f"{ENVIRONMENT}.external_services"
REACHED: dict[str, tuple[str, Answer, Verdict, str]] = {
    "the database": (DATABASE, health(WELL), P, ""),
    "the database, in other words": (DATABASE, health(needs(database="UP")), P, ""),
    "no database for the gateway": (DATABASE, health(needs(database="down"), only="api_gateway"), F, "down"),
    "no database for constitutional AI": (DATABASE, health(needs(database="timeout"), only="constitutional_ai"), F, "timeout"),
    "a health without dependencies": (DATABASE, health({"status": "ok"}), F, ""),
    "a page for the database": (DATABASE, lambda *_: page(), Q, ""),
    "Redis": (REDIS, health(WELL), P, ""),
    "no Redis for routing": (REDIS, health(needs(redis="unreachable"), only="ai_routing"), F, "unreachable"),
    "the model provider": (MODELS, health(WELL), P, ""),
    "no model provider for routing": (MODELS, health(needs(llm="forbidden by policy"), only="ai_routing"), F, "policy"),
    "the database of the smoke test": (f"{SMOKE}.database_connectivity", health(WELL), P, ""),
    "no database in the smoke test": (f"{SMOKE}.database_connectivity", health(needs(database="down")), F, "down"),
    "Redis of the smoke test": (f"{SMOKE}.redis_connectivity", health(WELL), P, ""),
    "no Redis in the smoke test": (f"{SMOKE}.redis_connectivity", health(needs(redis="down")), F, "down"),
    "a healthy gateway": (f"{SMOKE}.api_gateway_health", health(WELL), P, ""),
    "a gateway that degrades": (f"{SMOKE}.api_gateway_health", health({"status": "degraded"}), F, "degraded"),
    "a page for a gateway": (f"{SMOKE}.api_gateway_health", lambda *_: page(), Q, ""),
    "a page for routing": (f"{SMOKE}.ai_routing_health", lambda *_: page(), Q, ""),
    "an unhealthy gateway that answers 200": (f"{SMOKE}.api_gateway_health", health({"status": "unhealthy"}), F, "unhealthy"),
}  # fmt: skip


@pytest.mark.parametrize(("ref", "answer", "verdict", "said"), REACHED.values(), ids=REACHED.keys())
def test_health(ref: str, answer: Answer, verdict: Verdict, said: str) -> None:
    """A service's own health says whether it reaches what it needs; a page of HTML says nothing."""
    refused(over_the_web(ref, answer, CONNECTIONS), verdict, said)


# ---- endpoints -----------------------------------------------------------------------------------------


def endpoints(answers: Mapping[str, web.Response]) -> Answer:
    return lambda _, request: answers[request.path]


ENDPOINTS: dict[str, tuple[Callable[[], web.Response], Verdict]] = {
    "JSON": (lambda: web.json_response([]), P),
    "an empty list without a type": (lambda: web.Response(body=b"[]", headers={"Content-Type": "application/octet-stream"}), P),
    "nothing": (lambda: web.Response(status=204), P),
    "text": (lambda: web.Response(text="pong"), P),
    "a page of a single-page application": (page, F),
    "a page in another type": (lambda: web.Response(body=b"<html>", headers={"Content-Type": "application/xhtml+xml; charset=utf-8"}), F),
    "a redirect to the front page": (lambda: web.Response(status=302, headers={"Location": "/"}), F),
    "not found": (lambda: web.json_response({"error": "none"}, status=404), F),
}  # fmt: skip


@pytest.mark.parametrize("item", ["critical_endpoints", "response_times"])
@pytest.mark.parametrize(("second", "verdict"), ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_critical_endpoints(item: str, second: Callable[[], web.Response], verdict: Verdict) -> None:
    """One endpoint that is not there is seen beside one that is, whatever is served in its place."""

    def answer(_: str, request: web.Request) -> web.Response:
        return web.json_response({}) if request.path == "/one" else second()

    paths = {"critical_endpoints": ["/one", "/two"]}
    refused(over_the_web(f"{SMOKE}.{item}", answer, CONNECTIONS, **paths), verdict)


# ---- logs ----------------------------------------------------------------------------------------------


def logged(*services: str) -> Answer:
    """Answer the question, and as a Loki that has the request in the logs of these services."""

    def answer(conn_id: str, request: web.Request) -> web.Response:
        if conn_id != "loki":
            return web.json_response({"content": "an answer"})
        if request.path.endswith("query_range"):
            newest = [[f"{time.time_ns()}", "a line"]]
            return _loki("streams", [{"stream": {"app": "api-gateway"}, "values": newest}])
        value = str(len(services))
        return _loki("vector", [{"metric": {}, "value": [1796043869, value]}] if services else [])

    return answer


def _loki(sort: str, result: list[Any]) -> web.Response:
    return web.json_response({"status": "success", "data": {"resultType": sort, "result": result}})


@pytest.mark.parametrize(
    ("services", "passes"),
    [
        (tuple(NAMES.values()), True),
        (("api-gateway",), False),
        (tuple(NAMES.values())[:3], False),
        ((), False),
    ],
)
def test_logging(services: tuple[str, ...], passes: bool) -> None:
    """The gateway's own line is not the logs of four services."""
    found = over_the_web(f"{INTEGRATION}.logging", logged(*services), (*CONNECTIONS, "loki"))
    assert (found[0] is P) is passes, found


SAID: dict[str, tuple[Any, bool]] = {
    "an answer": ("Ubuntu says: I am because we are.", True),
    "an apology": ("Sorry, something went wrong. Please try again later.", False),
    "nothing": ("", False),
    "no field": (None, False),
}


@pytest.mark.parametrize(("content", "passes"), SAID.values(), ids=SAID.keys())
def test_answer_of_the_whole_flow(content: Any, passes: bool) -> None:
    """An apology of the assistant, answered with 200, is no answer."""
    answer = web.json_response({"content": content}).text
    found = over_the_web(
        f"{INTEGRATION}.end_to_end_flow",
        lambda *_: web.Response(text=answer, content_type="application/json"),
        CONNECTIONS,
    )
    assert (found[0] is P) is passes, found


# ---- attacks -------------------------------------------------------------------------------------------

OWN = "https://azora.example"


def protected(forged: int, honest: int) -> Answer:
    def answer(_: str, request: web.Request) -> web.Response:
        return web.json_response({}, status=honest if request.headers.get("Origin") == OWN else forged)

    return answer


CSRF: dict[str, tuple[Answer, Verdict]] = {
    "the forged POST is refused, the honest one saved": (protected(403, 200), P),
    "the honest one lacks a field": (protected(403, 422), P),
    "an expired session": (protected(401, 401), F),
    "an expired session behind a firewall": (protected(403, 401), F),
    "everything is refused": (protected(403, 403), F),
    "the forged POST is saved": (protected(200, 200), F),
    "the forged POST is judged by its fields": (protected(422, 422), F),
    "the route is gone": (protected(404, 404), F),
}


@pytest.mark.parametrize(("answer", "verdict"), CSRF.values(), ids=CSRF.keys())
def test_csrf(answer: Answer, verdict: Verdict) -> None:
    """A refusal protects from forgery only where the honest request gets through."""
    names = ("api_gateway", "production_session")
    refused(over_the_web(f"{SECURITY}.csrf_tests", answer, names, csrf_endpoint="/profile"), verdict)


def by_token(answers: Mapping[tuple[str, str], int]) -> Answer:
    """Answer by path and by whose token it is."""

    def answer(_: str, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer the-token-of-")
        return web.json_response({}, status=answers[request.path, token])

    return answer


ME, ADMIN, NOT_VALID = "/api/v1/me", "/api/v1/admin/users", "Bearer not-a-valid-token"
TOKENS: dict[str, tuple[str, Answer, Verdict]] = {
    "tokens are verified": ("authentication_tests", by_token({(ME, NOT_VALID): 401, (ME, "api_gateway"): 200}), P),
    "nobody gets in": ("authentication_tests", by_token({(ME, NOT_VALID): 401, (ME, "api_gateway"): 401}), F),
    "everybody gets in": ("authentication_tests", by_token({(ME, NOT_VALID): 200, (ME, "api_gateway"): 200}), F),
    "roles are kept apart": ("authorization_tests", by_token({(ADMIN, "plain_user"): 403, (ME, "plain_user"): 200}), P),
    "a firewall refuses all": ("authorization_tests", by_token({(ADMIN, "plain_user"): 403, (ME, "plain_user"): 403}), F),
    "a plain user is an administrator": ("authorization_tests", by_token({(ADMIN, "plain_user"): 200, (ME, "plain_user"): 200}), F),
    "an expired token": ("authorization_tests", by_token({(ADMIN, "plain_user"): 401, (ME, "plain_user"): 401}), F),
}  # fmt: skip


@pytest.mark.parametrize(("item", "answer", "verdict"), TOKENS.values(), ids=TOKENS.keys())
def test_tokens(item: str, answer: Answer, verdict: Verdict) -> None:
    """A refusal counts where the right token gets through."""
    refused(over_the_web(f"{SECURITY}.{item}", answer, ("api_gateway", "plain_user")), verdict)


def burst(first: int, later: int, after: int = 100) -> Answer:
    seen: list[str] = []

    def answer(_: str, request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        assert set(seen) == {"Bearer the-token-of-rate_limit_probe"}
        return web.Response(status=first if len(seen) <= after else later)

    return answer


BURSTS: dict[str, tuple[Answer, Verdict]] = {
    "limited after a hundred": (burst(200, 429), P),
    "not limited": (burst(200, 200), F),
    "an outage": (burst(503, 503), F),
    "an outage under load": (burst(200, 503), F),
    "blocked altogether": (burst(429, 429), F),
}


@pytest.mark.parametrize(("answer", "verdict"), BURSTS.values(), ids=BURSTS.keys())
def test_rate_limit(answer: Answer, verdict: Verdict) -> None:
    """Some of a client's burst are answered and some are limited; the client is the burst's own."""
    names = ("api_gateway", "rate_limit_probe")
    refused(over_the_web(f"{SECURITY}.rate_limiting_tests", answer, names), verdict)


POLICIES: dict[str, Verdict] = {
    "default-src 'self'": P,
    "default-src 'none'; script-src 'self' https://*.cdn.example 'unsafe-inline'": P,
    "frame-ancestors 'none'": P,
    "default-src 'self'; img-src *; connect-src *": P,
    "default-src *": F,
    "default-src 'self'; script-src 'self' *": F,
    "Default-Src * 'unsafe-inline'; img-src 'self'": F,
    "upgrade-insecure-requests": F,
    "default-src 'self'; script-src-elem *": F,
    "script-src https://*": F,
    "script-src 'nonce-a' 'strict-dynamic' https:": P,
}


@pytest.mark.parametrize(("policy", "verdict"), POLICIES.items())
def test_content_security_policy(policy: str, verdict: Verdict) -> None:
    """A policy that lets scripts come from everywhere is none."""
    headers = {
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": policy,
    }
    found = over_the_web(f"{SECURITY}.security_headers", lambda *_: web.Response(headers=headers), ("edge",))
    refused(found, verdict)


@pytest.mark.parametrize(
    ("document", "field", "verdict"),
    [
        pytest.param({"error": "no such route"}, "error", P, id="as Azora writes it"),
        pytest.param({"title": "Not Found", "status": 404}, "title", P, id="as RFC 9457 writes it"),
        pytest.param({"status": 404}, "error", F, id="without a reason"),
    ],
)
def test_error_of_an_unknown_route(document: dict[str, Any], field: str, verdict: Verdict) -> None:
    """An unknown route says in JSON what was wrong, by the product's own name for it."""
    found = over_the_web(
        f"{INTEGRATION}.error_handling",
        lambda *_: web.json_response(document, status=404),
        CONNECTIONS,
        error_field=field,
    )
    refused(found, verdict)


def test_page_for_an_unknown_route() -> None:
    """A single-page application answers an unknown route with itself."""
    assert over_the_web(f"{INTEGRATION}.error_handling", lambda *_: page(), CONNECTIONS)[0] is not P


# ---- names -----------------------------------------------------------------------------------------------

SERVERS = ["ns1.dns.example.", "ns2.dns.example."]


def zone(**changed: list[str]) -> Zone:
    """Build what one resolver knows; a name with no value is not there."""
    known = {"domain": ["192.0.2.1"], "api": ["192.0.2.2"], "servers": SERVERS, **changed}
    names = {
        "domain": ("azora.example.", "A"),
        "api": ("api.azora.example.", "A"),
        "servers": ("azora.example.", "NS"),
    }
    return {names[key]: (60, values) for key, values in known.items() if values}


ZONES: dict[str, tuple[list[Zone], Verdict]] = {
    "the same everywhere": ([zone(), zone()], P),
    "name servers in another order": ([zone(), zone(servers=SERVERS[::-1])], P),
    "addresses that differ by resolver, as of a CDN": ([zone(), zone(domain=["198.51.100.7"], api=["198.51.100.8"])], P),
    "addresses that change, as of a load balancer": ([zone(api=["192.0.2.2", "192.0.2.3"]), zone(api=["192.0.2.4"])], P),
    "a delegation that one resolver does not know": ([zone(), zone(servers=["ns1.old.example.", "ns2.old.example."])], F),
    "a single name server": ([zone(servers=SERVERS[:1]), zone(servers=SERVERS[:1])], F),
    "a name that one resolver does not know": ([zone(), zone(api=[])], F),
}  # fmt: skip


@pytest.mark.parametrize(("zones", "verdict"), ZONES.values(), ids=ZONES.keys())
def test_names(zones: list[Zone], verdict: Verdict) -> None:
    """The delegation is the same everywhere; addresses are there, and may differ."""

    async def ask() -> list[CheckResult]:
        async with AsyncExitStack() as opened:
            at = [await opened.enter_async_context(names.serving(one)) for one in zones]
            variables = with_product({**VARIABLES, "public_resolvers": at})
            return await run_checks(
                items()[f"{ENVIRONMENT}.dns_resolving"].checks, context(variables=variables)
            )

    found = run(ask())
    assert Verdict.of([one.verdict for one in found]) is verdict, [raw(one) for one in found]
