"""Weeks 2-3: what the gateway and each service's health answer, and what each item must make of it."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import Verdict
from servers.one_answer import over_http

if TYPE_CHECKING:
    from servers.one_answer import Answer, Asked

pytestmark = pytest.mark.integration
P, F = Verdict.PASSED, Verdict.FAILED


def tells(body: Any, status: int = 200) -> Answer:
    return lambda _: web.json_response(body, status=status)


# ---- health of a service -----------------------------------------------------------------------------


HEALTHY = {"status": "ok"}
HEALTH: dict[str, tuple[Answer, dict[str, Any], Verdict]] = {
    "of this release": (tells({**HEALTHY, "release": "1.0.0"}), {}, P),
    "of no release": (tells(HEALTHY), {}, P),
    "of this release, elsewhere": (tells({**HEALTHY, "version": "v1"}), {"release_field": "json.version", "release_name": "v1"}, P),
    "of staging's release": (tells({**HEALTHY, "release": "1.1.0"}), {}, F),
    "degraded": (tells({"status": "degraded", "release": "1.0.0"}), {}, F),
    "down": (tells({"status": "ok", "release": "1.0.0"}, 503), {}, F),
}  # fmt: skip


@pytest.mark.parametrize("item", ["constitutional_ai_deployed", "api_gateway_deployed"])
@pytest.mark.parametrize(("answer", "names", "verdict"), HEALTH.values(), ids=HEALTH.keys())
def test_health(item: str, answer: Answer, names: dict[str, Any], verdict: Verdict) -> None:
    """A connection that leads to another release says nothing of this one."""
    found = over_http(item, answer, **names)
    assert found[0] is verdict, found


# ---- gateway -----------------------------------------------------------------------------------------


JWT_DOTS = 2


def guards(**statuses: int) -> Answer:
    """Answer by whose token a request carries."""

    def answer(request: Asked) -> web.Response:
        client = request.client if request.client in {"", "api_gateway"} else "invented"
        client = "unsigned" if request.client.count(".") == JWT_DOTS else client
        return web.json_response({}, status=statuses.get(client or "nobody", 200))

    return answer


GUARDS: dict[str, tuple[Answer, Verdict]] = {
    "closed": (guards(nobody=401, invented=401, unsigned=401), P),
    "an invented token is forbidden": (guards(nobody=401, invented=403, unsigned=403), P),
    "any token is let in": (guards(nobody=401), F),
    "tokens are decoded, not verified": (guards(nobody=401, invented=401), F),
    "open": (guards(), F),
    "closed to all": (guards(nobody=401, invented=401, unsigned=401, api_gateway=401), F),
}


@pytest.mark.parametrize(("answer", "verdict"), GUARDS.values(), ids=GUARDS.keys())
def test_authentication(answer: Answer, verdict: Verdict) -> None:
    """A guard that only looks for a header guards nothing."""
    found = over_http("gateway_authentication", answer)
    assert found[0] is verdict, found


def validates(refusal: dict[str, Any], status: int = 400, *, proper: int = 200, empty: int = 400) -> Answer:
    def answer(request: Asked) -> web.Response:
        if request.json.get("query"):
            return web.json_response({"content": "4"}, status=proper)
        is_empty = request.body.strip() == "{}"
        return web.json_response(refusal, status=empty if is_empty else status)

    return answer


VALID: dict[str, tuple[Answer, dict[str, Any], Verdict]] = {
    "refused with reasons": (validates({"error": "no JSON"}), {}, P),
    "as Nest does": (validates({"statusCode": 400, "message": "m", "error": "Bad Request"}), {}, P),
    "a problem document": (validates({"type": "about:blank", "title": "Bad Request"}), {"error_field": "title"}, P),
    "without a reason": (validates({}), {}, F),
    "the empty one passes": (validates({"error": "e"}, empty=200), {}, F),
    "the broken one is an accident": (validates({"error": "e"}, 500), {}, F),
    "everything is refused": (validates({"error": "e"}, proper=400), {}, F),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "names", "verdict"), VALID.values(), ids=VALID.keys())
def test_request_validation(answer: Answer, names: dict[str, Any], verdict: Verdict) -> None:
    """Bad requests are refused and told why, good ones are not."""
    found = over_http("gateway_request_validation", answer, **names)
    assert found[0] is verdict, found


def page(text: str, status: int = 404, sort: str = "application/json") -> Answer:
    return lambda _: web.Response(text=text, status=status, content_type=sort)


NOT_FOUND: dict[str, tuple[Answer, dict[str, Any], Verdict]] = {
    "JSON": (page('{"error": "Not Found"}'), {}, P),
    "a problem document": (page('{"title": "Not Found"}', sort="application/problem+json"), {"error_field": "title"}, P),
    "HTML": (page("<h1>404</h1>", sort="text/html"), {}, F),
    "with a stack": (page('{"error": "at router (/srv/app/index.js:10:3)"}'), {}, F),
    "with a stack of Java": (page('{"error": "at org.shop.Router.find(Router.java:10)"}'), {}, F),
    "with a stack of an ES module": (page('{"error": "at file:///srv/app/index.mjs:10:3"}'), {}, F),
    "with a stack of Go": (page('{"error": "goroutine 1 [running]"}'), {}, F),
    "a page for everything": (page('{"error": ""}', 200), {}, F),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "names", "verdict"), NOT_FOUND.values(), ids=NOT_FOUND.keys())
def test_error_handling(answer: Answer, names: dict[str, Any], verdict: Verdict) -> None:
    """An unknown route is told in the gateway's own words, without its source."""
    found = over_http("gateway_error_handling", answer, **names)
    assert found[0] is verdict, found


def formats(**sorts: str) -> Answer:
    """Answer each route as JSON, unless told otherwise by the last word of its path."""
    return lambda request: web.Response(
        text="{}", content_type=sorts.get(request.path.rpartition("/")[2], "application/json")
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (formats(), P),
        (formats(health="application/vnd.spring-boot.actuator.v3+json"), P),
        (formats(me="text/html"), F),
    ],
)
def test_response_formatting(answer: Answer, verdict: Verdict) -> None:
    """Each of the three routes speaks JSON, not only the first."""
    found = over_http("gateway_response_formatting", answer)
    assert found[0] is verdict, found


def test_nonce_is_in_the_query_too() -> None:
    """A proxy may replace the request id; the query string arrives as it was sent."""
    sent: list[str] = []

    def keeps(request: Asked) -> web.Response:
        sent.extend(request.query.values())
        return web.json_response({})

    assert over_http("gateway_logging", keeps)[0] is P
    assert sent == ["launch-0123456789abcdef"]


def limits(after: int, status: int = 429, *, client: str = "rate_limit_probe") -> Answer:
    """Answer so many requests of the client of a burst, and limit the others."""
    seen: Counter[str] = Counter()

    def answer(request: Asked) -> web.Response:
        seen[request.client] += 1
        return web.json_response(
            {}, status=status if request.client == client and seen[client] > after else 200
        )

    return answer


LIMITS: dict[str, tuple[Answer, Verdict]] = {
    "after 50": (limits(50), P),
    "never": (limits(1000), F),
    "at once": (limits(0), F),
    "an outage": (limits(50, 503), F),
    "another client": (limits(50, client="api_gateway"), F),
}


@pytest.mark.parametrize(("answer", "verdict"), LIMITS.values(), ids=LIMITS.keys())
def test_rate_limit(answer: Answer, verdict: Verdict) -> None:
    """A burst of a client of its own is answered first and limited then."""
    found = over_http("gateway_rate_limiting", answer)
    assert found[0] is verdict, found
