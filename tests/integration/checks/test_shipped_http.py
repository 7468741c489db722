"""The shipped requests ask what their own texts say: a year of HSTS, a window around the launch, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers.checking import context, run
from servers.shipped import shipped
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.verdict import CheckResult

    Handler = Callable[[web.Request], web.Response]

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SHIPPED = shipped("http_request")
LAUNCH = "2026-06-01T08:00:00+00:00"
OTHERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'",
    "Referrer-Policy": "no-referrer",
}


def only(item: str) -> CheckSpec:
    (spec,) = [spec for name, spec in SHIPPED.items() if name.split(".")[1] == item]
    return spec


def asked(spec: CheckSpec, handler: Handler) -> CheckResult:
    """Run a shipped check against a server that answers every request by the handler."""

    async def serve(request: web.Request) -> web.Response:
        return handler(request)

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        async with serving(app) as port:
            conn_id = spec.params["conn_id"]
            variables = with_product({"launch_at": LAUNCH, "statuspage_id": "p1", "domain": "azora.example"})
            ctx = context({conn_id: http_connection(port, conn_id)}, variables=variables)
            (result,) = await run_checks([spec], ctx)
            return result

    return run(ask())


# The spellings are those of RFC 6797, 6.1 and 6.2; hstspreload.org asks for 31536000 at least.
HSTS: dict[str, tuple[tuple[str, ...], Verdict]] = {
    "a year": (("max-age=31536000",), P),
    "two years": (("max-age=63072000; includeSubDomains; preload",), P),
    "ten years": (("max-age=315360000",), P),
    "in capitals": (("MAX-AGE=31536000; INCLUDESUBDOMAINS",), P),
    "quoted": (('max-age="31536000"',), P),
    "with blanks": (("  max-age = 31536000 ; includeSubDomains",), P),
    "in another order": (("includeSubDomains; preload; max-age=31536000",), P),
    "a second less": (("max-age=31535999",), F),
    "a day": (("max-age=86400; includeSubDomains",), F),
    "half a year": (("max-age=15768000",), F),
    "months of many digits": (("max-age=9999999",), F),
    "with zeros before it": (("max-age=000086400",), F),
    "off": (("max-age=0",), F),
    "no age": (("includeSubDomains",), F),
    "another directive": (("x-max-age=31536000; max-age=60",), F),
    "the first of two counts": (("max-age=60", "max-age=31536000"), F),
    "the first of two is long": (("max-age=31536000", "max-age=60"), P),
    "one that is written twice": (("max-age=60; max-age=31536000",), F),
    "no header": ((), F),
}


@pytest.mark.parametrize("spec", [spec for name, spec in SHIPPED.items() if "security_headers" in name])
@pytest.mark.parametrize(("values", "verdict"), HSTS.values(), ids=HSTS.keys())
def test_hsts(spec: CheckSpec, values: tuple[str, ...], verdict: Verdict) -> None:
    """The item says a year, in whatever way the header writes it."""

    def answer(_: web.Request) -> web.Response:
        response = web.Response(headers=OTHERS)
        for value in values:
            response.headers.add("Strict-Transport-Security", value)
        return response

    result = asked(spec, answer)
    assert result.verdict is verdict, result.headline


def window(begin: str, end: str) -> dict[str, str]:
    return {"id": "m", "status": "scheduled", "scheduled_for": begin, "scheduled_until": end}


BEFORE = window("2026-05-01T00:00:00.000Z", "2026-05-01T02:00:00.000Z")
HOLDS = window("2026-06-01T09:00:00.000+02:00", "2026-06-01T12:00:00.000+02:00")
WINDOWS: dict[str, tuple[list[dict[str, str]], Verdict]] = {
    "the only one": ([HOLDS], P),
    "not the first": ([BEFORE, HOLDS], P),
    "another time": ([BEFORE], F),
    "two that end and begin": ([BEFORE, window("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z")], F),
    "none": ([], F),
}


@pytest.mark.parametrize(("windows", "verdict"), WINDOWS.values(), ids=WINDOWS.keys())
def test_launch_window(windows: list[dict[str, str]], verdict: Verdict) -> None:
    """One of the scheduled maintenances holds the launch, whichever it is."""
    result = asked(only("launch_window_scheduled"), lambda _: web.json_response(windows))
    assert result.verdict is verdict, result.headline


def limited(status: int, after: int) -> Handler:
    seen: list[Any] = []

    def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(status=status if len(seen) > after else 200)

    return answer


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        pytest.param((429, 12), P, id="limited"),
        pytest.param((503, 0), F, id="an outage"),
        pytest.param((503, 12), F, id="an outage under load"),
        pytest.param((429, 0), F, id="nothing is let through"),
        pytest.param((429, 9999), F, id="no limit"),
        pytest.param((429, 500), P, id="a limit above 300 requests"),
    ],
)
def test_rate_limit_of_the_edge(limit: tuple[int, int], verdict: Verdict) -> None:
    """Some requests are answered and some are limited; an outage limits nothing."""
    result = asked(only("lb_rate_limiting"), limited(*limit))
    assert result.verdict is verdict, result.headline


# As model.Duration of github.com/prometheus/common writes it: whole weeks and years, else days.
RETENTION = {
    "15d": P, "30d": P, "90d": P, "3w": P, "10w": P, "1y": P, "15d or 50GiB": P, "2w1d": P, "15d12h": P,
    "14d": F, "2w": F, "1w": F, "50GiB": F, "360m": F, "9d": F, "0s": F,
}  # fmt: skip


@pytest.mark.parametrize(("written", "verdict"), RETENTION.items())
def test_retention_of_metrics(written: str, verdict: Verdict) -> None:
    """Two weeks and a day or more, also where the size is limited as well."""
    document = {"status": "success", "data": {"storageRetention": written}}
    result = asked(only("metrics_retention"), lambda _: web.json_response(document))
    assert result.verdict is verdict, result.headline


@pytest.mark.parametrize(("status", "verdict"), [(204, P), (403, P), (400, P), (503, F)])
def test_preflight_of_a_foreign_origin(status: int, verdict: Verdict) -> None:
    """The shipped preflight takes a refusal for one, and an outage for none."""
    spec = SHIPPED[next(name for name in SHIPPED if name.endswith("cors.1"))]
    result = asked(spec, lambda _: web.Response(status=status))
    assert result.verdict is verdict, result.headline
