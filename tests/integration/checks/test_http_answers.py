"""``http_request``: what an answer must say before an expectation on it may hold."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.kinds.http_request.definition import HttpRequestParams, criteria
from launch_pipeline.checks.verdict import Verdict
from servers.checking import check, context, raw, run
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.checks.verdict import CheckResult

    Handler = Callable[[web.Request], web.Response]

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
Headers = Mapping[str, str]


def asked(handler: Handler, secret: str = "", **params: Any) -> CheckResult:
    """Run one check against a server that answers every request by the handler."""

    async def serve(request: web.Request) -> web.Response:
        return handler(request)

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        async with serving(app) as port:
            ctx = context({"http": http_connection(port, "http", password=secret)})
            return await check(ctx, "http_request", **params)

    return run(ask())


def says(body: Any, status: int = 200, content_type: str = "application/json", **headers: str) -> Handler:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {
        "Content-Type": content_type,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return lambda _: web.Response(status=status, body=data, headers=named)


UP = {"status": "UP", "checks": []}
STATUS: dict[str, tuple[Handler, dict[str, Any], Verdict, str]] = {
    "a field of that name": (says(UP, 500), {"json.status": "== UP"}, F, "status = 500"),
    "a field of that name, quoted": (says(UP, 500), {'json."status"': "== UP"}, F, "status = 500"),
    "in a filter": (says(UP, 503), {"length(json.checks[?status=='DOWN'])": "== 0"}, F, "status = 503"),
    "in a filter of a filter": (says({"a": []}, 503), {"json.a[?b[?status!='ok']]": "== []"}, F, "status = 503"),
    "in a selection": (says(UP, 503), {"json.{status: status}.status": "== UP"}, F, "status = 503"),
    "behind a pipe": (says(UP, 503), {"json | status": "== UP"}, F, "status = 503"),
    "a header of that name": (says(UP, 500, Status="ok"), {"headers.status": "== ok"}, F, "status = 500"),
    "in a literal": (says(UP, 500), {"json.checks == `[]` && 'status'": "== status"}, F, "status = 500"),
    "a stand-in for another": (says({"status": 200}, 500), {"json.status || status": "== 200"}, F, "status = 500"),
    "existence compares nothing": (says(UP, 500), {"status": "exists"}, F, "status = 500"),
    "the last one's field": (says(UP, 500), {"last.json.status": "== UP"}, F, "status = 500"),
    "the last one's status or field": (says({"a": 200}, 503), {"last.json.a || last.status": "== 200"}, F, "status = 503"),
    "the status itself": (says(UP, 503), {"status": "in [200, 503]"}, P, "status = 503"),
    "the last one's status": (says(UP, 503), {"last.status": "== 503"}, P, "last.status = 503"),
    "the status beside its existence": (says(UP, 503), {"status": ["exists", "== 503"]}, P, "503"),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "expect", "verdict", "said"), STATUS.values(), ids=STATUS.keys())
def test_default_status(handler: Handler, expect: dict[str, str], verdict: Verdict, said: str) -> None:
    """Only a comparison of the status itself replaces the default, whatever else has that name."""
    result = asked(handler, path="/", expect=expect)
    assert (result.verdict, said in raw(result)) == (verdict, True), result.headline


def test_status_of_many_samples() -> None:
    """What the last of many samples was answered is not what all of them were."""
    answers = iter([503] * 9 + [200])
    several = asked(lambda _: web.Response(status=next(answers)), samples=10, expect={"status": "== 200"})
    assert (several.verdict, "9 x 503" in raw(several)) == (Q, True), several.headline
    alike = asked(lambda _: web.Response(), samples=10, expect={"status": "== 200"})
    assert alike.verdict is P, alike.headline


def test_counted_values() -> None:
    """Each of many answers must name the release, in its document or in a header; others are told."""

    def of(*releases: Any) -> Handler:
        told = iter(releases)

        def answer(_request: web.Request) -> web.Response:
            release = next(told)
            return web.json_response({"release": release}, headers={"X-Release": str(release)})

        return answer

    for path in ("json.release", 'headers."x-release"'):
        params = {"samples": 10, "count_by": path, "expect": {'counts."1.0.0"': "== 10"}}
        assert asked(of(*["1.0.0"] * 10), **params).verdict is P
        mixed = asked(of(*["1.0.0"] * 9, "0.9.4"), **params)
        assert (mixed.verdict, mixed.headline) == (
            F,
            "9 of 10 requests answered 1.0.0 (1 x 0.9.4); wanted 10",
        )
        assert asked(of(*["0.9.4"] * 10), **params).verdict is F
    silent = asked(lambda _: web.Response(text="ok"), **{**params, "count_by": "json.release"})
    assert (silent.verdict, "10 x none" in silent.headline) == (F, True), silent.headline


def test_public_name() -> None:
    """What the environment leads elsewhere is not asked for where users are led; a rehearsal has no other."""

    async def ask(**environment: Any) -> CheckResult:
        async with serving(web.Application()) as port:
            ctx = context(
                {"http": ConnectionInfo("http", "http", "shop.test", 80)},
                addresses={"shop.test:80": f"127.0.0.1:{port}"},
                **environment,
            )
            return await check(ctx, "http_request", public=True, expect={"status": "== 404"})

    refused = run(ask())
    assert (refused.verdict, "take it out of 'addresses'" in refused.headline) == (Q, True)
    assert run(ask(rehearsal=True)).verdict is P


def test_samples_without_an_answer() -> None:
    """How long requests took that got no answer cannot be known."""
    numbers = iter(range(4))

    def drop(request: web.Request) -> web.Response:
        if next(numbers) % 2:
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    expect = {"latency_ms.p95": "< 60000", 'statuses."200"': ">= 1"}
    result = asked(drop, samples=4, method="POST", expect=expect)
    assert (result.verdict, "2 requests got no answer" in raw(result)) == (Q, True), result.headline


TWICE = b'{"errors": [], "errors": [{"message": "x"}]}'
UNREAD: dict[str, tuple[Handler, dict[str, Any], str]] = {
    "a page": (says(b"<html>Sign in</html>", content_type="text/html"), {"json.errors": "absent"}, "text/html, not JSON"),
    "a page, by a default": (says(b"<html/>", content_type="text/html"), {"json.errors || `0`": "== 0"}, "not JSON"),
    "a page, as null": (says(b"<html/>", content_type="text/html"), {"json": "== null"}, "not JSON"),
    "a page, by its length": (says(b"<html/>", content_type="text/html"), {"length(json.items || `[]`)": "== 0"}, "not JSON"),
    "a page, of the last": (says(b"<html/>", content_type="text/html"), {"last.json.errors": "absent"}, "not JSON"),
    "no body": (says(b""), {"json.errors": "absent"}, "no body"),
    "a body of blanks": (says(b" \n"), {"json.errors": "absent"}, "no body"),
    "cut JSON": (says(b'{"errors": '), {"json.errors": "absent"}, "calls itself application/json, and is not JSON"),
    "lines of JSON": (says(b'{"a": 1}\n{"a": 2}\n', content_type="application/x-ndjson"), {"json.errors": "absent"}, "not JSON"),
    "JSON with a call around it": (says(b'cb({"a": 1})'), {"json.errors": "absent"}, "not JSON"),
    "one name twice": (says(TWICE), {"json.errors": "== []"}, "'errors' twice"),
    "more than is read": (says(b"[" + b"1," * 600_000 + b"1]"), {"length(json)": ">= 1"}, "longer than is read"),
    "text of more than is searched": (says(b"x" * 70_000, content_type="text/plain"), {"text": "not matches Traceback"}, "longer than is read"),
    "text in two-byte characters": (says("Traceback".encode("utf-16-le"), content_type="text/plain"), {"text": "not matches Traceback"}, "not text"),
    "a picture": (says(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", content_type="image/png"), {"text": "not matches Traceback"}, "not text"),
    "bytes of an old character set that is not said to be text": (says("Grüße".encode("latin-1"), content_type="application/octet-stream"), {"text": "not matches Traceback"}, "not text"),
    "text of the last": (says(b"\xff\xd8\xff\x00", content_type="image/jpeg"), {"last.text": "not matches x"}, "not text"),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "expect", "said"), UNREAD.values(), ids=UNREAD.keys())
def test_body_that_cannot_be_read(handler: Handler, expect: dict[str, str], said: str) -> None:
    """A body that cannot be read is unknown, so that nothing is absent in it."""
    result = asked(handler, path="/", expect=expect)
    assert (result.verdict, said in raw(result)) == (Q, True), result.headline


READ: dict[str, tuple[Handler, dict[str, Any], Verdict]] = {
    "JSON of another type": (says(b'{"a": 1}', content_type="text/plain"), {"json.a": "== 1"}, P),
    "null is JSON": (says(b"null"), {"json": "== null"}, P),
    "one name twice with one value": (says(b'{"a": 1, "a": 1}'), {"json.a": "== 1"}, P),
    "a page that is not read as JSON": (says(b"<html/>", content_type="text/html"), {"text": "matches html"}, P),
    "status of the last, of a page": (says(b"<html/>", content_type="text/html"), {"last.status": "== 200"}, P),
    "Latin-1 of an old server": (says("Grüße".encode("latin-1"), content_type="text/html"), {"text": "contains Grüße"}, P),
    "a character set that is named": (says("Traceback".encode("utf-16"), content_type="text/plain; charset=UTF-16"), {"text": "not matches Traceback"}, F),
    "a byte order mark": (says("Traceback".encode("utf-16"), content_type="text/plain"), {"text": "not matches Traceback"}, F),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "expect", "verdict"), READ.values(), ids=READ.keys())
def test_body_that_can_be_read(handler: Handler, expect: dict[str, str], verdict: Verdict) -> None:
    """A body is read by its marks, its character set and its form, and judged."""
    assert asked(handler, path="/", expect=expect).verdict is verdict


def alerts(*levels: str) -> list[dict[str, str]]:
    return [{"level": level} for level in levels]


def linked(*pages: Any, link: str = "{path}?page={page}") -> Handler:
    """Answer pages as GitHub does, each with a link to the next."""

    def answer(request: web.Request) -> web.Response:
        page = int(request.query.get("page", 1))
        target = link.format(path=request.path, page=page + 1)
        more = {"Link": f'<{target}>; rel="next"'} if page < len(pages) else {}
        return web.json_response(pages[page - 1], headers=more)

    return answer


NONE_CRITICAL = {"length(json[?level=='critical'])": "== 0"}
RUNS = [{"total_count": 2, "runs": [{"conclusion": one}]} for one in ("success", "failure")]
PAGED: dict[str, tuple[Handler, dict[str, Any], Verdict, str]] = {
    "all is well on both pages": (linked(alerts("low"), alerts("low")), {"expect": NONE_CRITICAL}, P, "= 0"),
    "what is bad is on the third page": (linked(alerts("low"), alerts("low"), alerts("critical")), {"expect": NONE_CRITICAL}, F, "= 1"),
    "a list in a mapping": (linked(*RUNS), {"expect": {"length(json.runs[?conclusion!='success'])": "== 0"}}, F, "= 1"),
    "and its total": (linked(*RUNS), {"expect": {"json.total_count": "== 2", "length(json.runs)": "== 2"}}, P, "= 2"),
    "a total needs one page only": (linked(RUNS[0], "never read"), {"expect": {"json.total_count": ">= 2"}}, P, "= 2"),
    "more pages than are read": (linked(*[alerts("low")] * 30), {"expect": NONE_CRITICAL}, Q, "more than 20 pages"),
    "a page that is no JSON": (lambda r: web.Response(text="<html/>") if "page" in r.query else linked([1], [2])(r), {"expect": {"length(json)": ">= 1"}}, Q, "next page"),
    "a page that fails": (lambda r: web.Response(status=500) if "page" in r.query else linked([1], [2])(r), {"expect": {"length(json)": ">= 1"}}, Q, "answered 500"),
    "another place": (linked([1], [2], link="http://localhost:1/x?page={page}"), {"expect": {"length(json)": ">= 1"}}, Q, "at another place"),
    "a POST is not repeated": (linked([1], [2]), {"method": "POST", "expect": {"length(json)": ">= 1"}}, Q, "further page"),
    "nor are several samples": (linked([1], [2]), {"samples": 2, "expect": {"length(json)": ">= 1"}}, Q, "further page"),
    "a marker in the document": (says({"results": [], "next": "/x?page=2"}), {"expect": {"json.results": "== []"}}, Q, "further page"),
    "a marker of nothing": (says({"results": [], "next": None}), {"expect": {"json.results": "== []"}}, P, "[]"),
    "GitLab": (says([], X_Next_Page="2"), {"expect": {"json": "== []"}}, Q, "x-next-page"),
    "a part of a document": (says([], 206), {"expect": {"json": "== []", "status": "in [200, 206]"}}, Q, "206"),
    "GraphQL that failed in part": (says({"data": {"a": None}, "errors": [{"message": "no a"}]}), {"expect": {"json.data.b": "absent"}}, Q, "no a"),
    "GraphQL whose errors are judged": (says({"data": {"a": None}, "errors": [{"message": "no a"}]}), {"expect": {"json.errors": "absent"}}, F, "json.errors"),
    "what is judged beside the errors": (says({"data": {"a": None}, "errors": [{"message": "no a"}]}), {"expect": {"json.errors": "absent", "status": "== 200"}}, F, "json.errors"),
    "errors that are judged, of a part": (says({"data": {}, "errors": [], "incomplete_results": True}), {"expect": {"json.errors": "== []"}}, Q, "incomplete_results"),
    "pages that are not read": (says({"results": [], "next": "/x"}), {"expect": {"latency_ms.p95": "< 60000"}}, P, "p95"),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "params", "verdict", "said"), PAGED.values(), ids=PAGED.keys())
def test_pages(handler: Handler, params: dict[str, Any], verdict: Verdict, said: str) -> None:
    """The pages of one origin are read and joined; a list that is not whole proves nothing."""
    result = asked(handler, path="/alerts", **params)
    assert (result.verdict, said in raw(result)) == (verdict, True), result.headline


def test_pages_are_asked_with_the_secret_and_without_the_first_query() -> None:
    """A link is followed as it is written, with the connection's credentials."""
    seen: list[tuple[dict[str, str], str | None]] = []

    def keep(request: web.Request) -> web.Response:
        seen.append((dict(request.query), request.headers.get("Authorization")))
        return linked([1], [2])(request)

    result = asked(keep, "right-token-1", path="/a", query={"state": "open"}, expect={"length(json)": "== 2"})
    assert result.verdict is P, result.headline
    assert seen == [({"state": "open"}, "Bearer right-token-1"), ({"page": "2"}, "Bearer right-token-1")]


OWN, FOREIGN = "https://app.example.org", "https://foreign.example"
NOT_FOREIGN = {"headers.\"access-control-allow-origin\" || 'none'": f"not in ['*', '{FOREIGN}']"}
ALLOWED = {'headers."access-control-allow-origin"': f"== {OWN}"}
CORS: dict[str, tuple[Handler, str, dict[str, str], Verdict]] = {
    "Spring refuses": (says(b"Invalid CORS request", 403, "text/plain"), FOREIGN, NOT_FOREIGN, P),
    "Starlette refuses": (says(b"Disallowed CORS origin", 400, "text/plain"), FOREIGN, NOT_FOREIGN, P),
    "Express says nothing": (says(b"", 204), FOREIGN, NOT_FOREIGN, P),
    "another origin is named": (says(b"", 204, Access_Control_Allow_Origin=OWN), FOREIGN, NOT_FOREIGN, P),
    "the header is absent": (says(b"", 403), FOREIGN, {'headers."access-control-allow-origin"': "absent"}, P),
    "all are allowed": (says(b"", 204, Access_Control_Allow_Origin="*"), FOREIGN, NOT_FOREIGN, F),
    "it is allowed": (says(b"", 200, Access_Control_Allow_Origin=FOREIGN), FOREIGN, NOT_FOREIGN, F),
    "it is allowed beside a refusal": (says(b"", 403, Access_Control_Allow_Origin=FOREIGN), FOREIGN, NOT_FOREIGN, F),
    "an outage refuses nothing": (says(b"", 503), FOREIGN, NOT_FOREIGN, F),
    "no such route": (says(b"", 404), FOREIGN, NOT_FOREIGN, F),
    "the own origin is refused": (says(b"", 403, Access_Control_Allow_Origin=OWN), OWN, ALLOWED, F),
    "the own origin is allowed": (says(b"", 204, Access_Control_Allow_Origin=OWN), OWN, ALLOWED, P),
    "nothing is expected": (says(b"", 403), FOREIGN, {}, F),
    "something else is expected": (says(b"", 403), FOREIGN, {"text": "== ''"}, F),
    "it is named as none": (says(b"", 403), FOREIGN, {"headers.\"access-control-allow-origin\" || 'none'": ["== none", f"!= {FOREIGN}"]}, P),
    "one of two names it": (says(b"", 403, Access_Control_Allow_Origin="*"), FOREIGN, {'headers."access-control-allow-origin"': [f"in ['*', '{FOREIGN}']", f"!= {FOREIGN}"]}, F),
    "another is named": (says(b"", 403), FOREIGN, {'headers."access-control-allow-origin"': f"== {OWN}"}, F),
    "the own origin, and not all": (says(b"", 403), OWN, {"headers.\"access-control-allow-origin\" || 'none'": "!= *"}, F),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "origin", "expect", "verdict"), CORS.values(), ids=CORS.keys())
def test_preflight(handler: Handler, origin: str, expect: dict[str, str], verdict: Verdict) -> None:
    """A refusal is right where the item wants this origin refused, and nowhere else."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    result = asked(handler, method="OPTIONS", auth="none", headers=headers, expect=expect)
    assert result.verdict is verdict, result.headline


def test_options_without_a_preflight_is_not_refused() -> None:
    """Without the header of a browser it is no preflight, and 403 no answer to one."""
    params = HttpRequestParams(method="OPTIONS", headers={"Origin": FOREIGN}, expect=NOT_FOREIGN)
    assert criteria(params)["status"] == ["in [200, 204]"]


def to_login(path: str) -> Handler:
    def answer(request: web.Request) -> web.Response:
        if request.path == "/admin":
            return web.Response(status=302, headers={"Location": f"{path}?next=%2Fadmin"})
        return web.Response(text="<html>Sign in</html>", content_type="text/html")

    return answer


@pytest.mark.parametrize(
    "path", ["/login", "/users/sign_in", "/accounts/login/", "/oauth2/authorize", "/saml/login"]
)
def test_login_instead_of_the_page(path: str) -> None:
    """A page that leads to a login was not seen, though the login answers 200."""
    result = asked(to_login(path), path="/admin", follow_redirects=True)
    assert (result.verdict, path in raw(result)) == (Q, True), result.headline


def test_where_a_redirect_ends() -> None:
    """The address that answered in the end is a fact, without its query."""
    result = asked(to_login("/home"), path="/admin", follow_redirects=True, expect={"url": "matches /home$"})
    assert result.verdict is P, result.headline
    asked_for = asked(to_login("/login"), path="/login", follow_redirects=True)
    assert asked_for.verdict is P, asked_for.headline


def with_headers(name: str, *values: str) -> Handler:
    def answer(_: web.Request) -> web.Response:
        response = web.Response()
        for value in values:
            response.headers.add(name, value)
        return response

    return answer


REPEATED: dict[str, tuple[Handler, dict[str, Any], Verdict]] = {
    "one cookie of two is secure": (with_headers("Set-Cookie", "a=1; Secure", "b=2"), {'headers."set-cookie"': "contains Secure"}, F),
    "each cookie is looked at": (with_headers("Set-Cookie", "a=1; Secure", "b=2"), {"length(headers.\"set-cookie\"[?!contains(@, 'Secure')])": "== 0"}, F),
    "one cookie": (with_headers("Set-Cookie", "a=1; Secure"), {'headers."set-cookie"': "contains Secure"}, P),
    "one header twice": (with_headers("X-Content-Type-Options", "nosniff", "nosniff"), {'headers."x-content-type-options"': "== nosniff"}, P),
    "two values": (with_headers("X-Frame-Options", "DENY", "ALLOWALL"), {'headers."x-frame-options"': "== DENY"}, F),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "expect", "verdict"), REPEATED.values(), ids=REPEATED.keys())
def test_repeated_headers(handler: Handler, expect: dict[str, str], verdict: Verdict) -> None:
    """What one of several headers says is not what all of them say."""
    result = asked(handler, expect=expect)
    assert result.verdict is verdict, result.headline


LOKI = """\
compactor:
  retention_enabled: true
limits_config:
  retention_period: {period}
table_manager:
  retention_period: 5y
{more}"""
KEPT = {"yaml.limits_config.retention_period": ">= 30d"}


def settings(period: str, more: str = "") -> Handler:
    return lambda _: web.Response(text=LOKI.format(period=period, more=more), content_type="text/plain")


SETTINGS: dict[str, tuple[Handler, Verdict]] = {
    **{f"kept for {one}": (settings(one), P) for one in ("30d", "4w2d", "31d", "5w", "12w", "100d", "180d", "1y", "744h", "1y1w")},
    **{f"kept for {one} only": (settings(one), F) for one in ("0s", "7d", "4w", "29d", "4w1d", "719h59m", "1w5d")},
    "a configuration longer than a text may be": (settings("31d", "x: |\n" + "  much\n" * 20_000), P),
    "no such key": (lambda _: web.Response(text="limits_config: {}"), F),
    "not YAML": (lambda _: web.Response(text="a: b: c"), Q),
    "a page": (lambda _: web.Response(text="Loki is starting"), Q),
}  # fmt: skip


@pytest.mark.parametrize(("handler", "verdict"), SETTINGS.values(), ids=SETTINGS.keys())
def test_settings_are_read_as_yaml(handler: Handler, verdict: Verdict) -> None:
    """A key is read at its place, though another has its name, and a duration is compared as one."""
    result = asked(handler, expect=KEPT)
    assert result.verdict is verdict, result.headline
