"""Launch day and rollback on made-up answers: the release that is served, labels, services, other teams."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.clients.matchers import read
from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.base.series import Store, labels_of
from launch_rehearsal.product.monitoring.promql import evaluate
from servers.item_checks import results
from servers.one_item import items
from servers.samples import Samples
from servers.shipped import shipped
from servers.web import http_connection, served

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from launch_pipeline.checks.verdict import CheckResult

    Answer = Callable[[int], Mapping[str, Any]]

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SITE = {
    "domain": "shop.test",
    "namespace": "shop",
    "repo": "shop/shop",
    "release": "2.0.0",
    "previous_release": "1.9.3",
    "release_sha": "c" * 40,
    "critical_endpoints": ["/health"],
    "launch_at": "2026-01-31T09:00:00+00:00",
    "pagerduty_service": "PSHOP",
}


def verdicts(found: list[CheckResult], kind: str) -> list[Verdict]:
    return [one.verdict for one in found if one.kind == kind]


# ---- the release behind the public name -------------------------------------------------------------


def public(app: web.Application, ref: str, host: str = "shop.test", **variables: Any) -> list[CheckResult]:
    """Ask an item through the public name, which leads to this application."""
    with served(app) as port:
        edge = ConnectionInfo("edge", "http", host, 80)
        led = {f"{host}:80": f"127.0.0.1:{port}"}
        given = {**SITE, **variables}
        return results(ref, {"edge": edge, "api_gateway": edge}, given, rehearsal=True, addresses=led)


def health(answer: Answer, **headers: str) -> web.Application:
    """Serve a health whose answer follows from the number of the request."""
    numbers = itertools.count()

    async def told(_request: web.Request) -> web.Response:
        said = answer(next(numbers))
        return web.json_response({"status": "ok", **said}, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", told)
    return app


ACTIVATED = "launch_day.t_0.load_balancer_activated"
BACK = "rollback.traffic.traffic_on_previous_release"
SERVED: dict[str, tuple[str, Answer, dict[str, Any], bool]] = {
    "this release": (ACTIVATED, lambda _: {"release": "2.0.0"}, {}, True),
    "the old site": (ACTIVATED, lambda _: {"release": "1.9.3"}, {}, False),
    "a site that names none": (ACTIVATED, lambda _: {}, {}, False),
    "a candidate of it": (ACTIVATED, lambda _: {"release": "2.0.0-rc3"}, {}, False),
    "one old target of many": (ACTIVATED, lambda n: {"release": "1.9.3" if n == 7 else "2.0.0"}, {}, False),
    "its commit": (
        ACTIVATED,
        lambda _: {"build": {"commit": "c" * 40}},
        {"release_field": "json.build.commit", "release_name": "${release_sha}"},
        True,
    ),
    "the previous release": (BACK, lambda _: {"release": "1.9.3"}, {}, True),
    "the bad release": (BACK, lambda _: {"release": "2.0.0"}, {}, False),
}


@pytest.mark.parametrize(("ref", "answer", "variables", "good"), SERVED.values(), ids=SERVED.keys())
def test_release_behind_the_public_name(
    ref: str, answer: Answer, variables: dict[str, Any], good: bool
) -> None:
    """Each of twenty answers must name the release that should serve."""
    given = {name: str(value).replace("${release_sha}", "c" * 40) for name, value in variables.items()}
    (told, *_) = public(health(answer), ref, **given)
    named = [one for one in told.findings if one.expression.startswith("counts")]
    assert [one.holds for one in named] == [good], told.headline


def test_release_in_a_header() -> None:
    """A release may be named in a header, as by a proxy."""
    app = health(lambda _: {}, **{"X-Release": "2.0.0"})
    (told,) = public(app, ACTIVATED, release_field='headers."x-release"')
    assert [one.holds for one in told.findings if one.expression.startswith("counts")] == [True]


def test_internal_address_is_not_the_public_name() -> None:
    """What a connection to an internal name or without TLS answers shows nothing of the public name."""
    (told,) = public(health(lambda _: {"release": "2.0.0"}), ACTIVATED, host="gateway.internal")
    assert (told.verdict, [one.expression for one in told.findings if not one.holds]) == (F, ["url"])


@pytest.mark.parametrize("host", ["staging.shop.test", "shop.test.evil.example"])
def test_another_name_of_the_domain_is_not_the_public_one(host: str) -> None:
    """Users arrive at the public names, and not at what else the domain has."""
    (told,) = public(health(lambda _: {"release": "2.0.0"}), ACTIVATED, host=host)
    assert "url" in [one.expression for one in told.findings if not one.holds]


@pytest.mark.parametrize("ref", ["launch_day.t_0.smoke_tests", "rollback.smoke.smoke_tests"])
@pytest.mark.parametrize(("kind", "good"), [("application/json", True), ("text/html", False)])
def test_page_of_a_single_page_application(ref: str, kind: str, good: bool) -> None:
    """What answers every path with the same page has no endpoint."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="{}", content_type=kind)

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    told, *_ = public(app, ref)
    assert [one.holds for one in told.findings if "content-type" in one.expression] == [good], told.headline


def test_traffic_waits_for_dns_and_healthy_metrics_for_traffic() -> None:
    """T-0 has an order: what looks through the public name comes after the name leads there."""
    order = {
        "load_balancer_activated": ("dns_updated",),
        "traffic_routed": ("load_balancer_activated",),
        "smoke_tests": ("traffic_routed",),
        "healthy_metrics": ("traffic_routed",),
        "no_critical_alerts": ("healthy_metrics",),
    }
    assert {name: items()[f"launch_day.t_0.{name}"].after for name in order} == order


# ---- issues and incidents ---------------------------------------------------------------------------


def authorities(labels: list[str], service: str, issues: int = 0, incidents: int = 0) -> web.Application:
    """Serve GitHub's labels and search, and PagerDuty's service and incidents, of several teams."""

    async def search(request: web.Request) -> web.Response:
        assert "is:open" in request.query["q"]
        return web.json_response({"total_count": issues, "incomplete_results": False, "items": []})

    async def named(_request: web.Request) -> web.Response:
        return web.json_response([{"name": name} for name in labels])

    async def opened(request: web.Request) -> web.Response:
        assert request.query.getall("service_ids[]") == ["PSHOP"]
        found = [{"id": f"P{number}"} for number in range(incidents)]
        return web.json_response({"incidents": found, "limit": 25, "offset": 0, "more": False})

    async def state(_request: web.Request) -> web.Response:
        return web.json_response({"service": {"id": "PSHOP", "status": service}})

    app = web.Application()
    app.add_routes(
        [
            web.get("/search/issues", search),
            web.get("/repos/shop/shop/labels", named),
            web.get("/incidents", opened),
            web.get("/services/PSHOP", state),
        ]
    )
    return app


ISSUES: dict[str, tuple[dict[str, Any], list[Verdict]]] = {
    "nothing open": ({}, [P, P, P, P]),
    "labels by other names": ({"labels": ["P0", "sev1"]}, [P, F, P, P]),
    "a critical issue": ({"issues": 1}, [F, P, P, P]),
    "an incident": ({"incidents": 1, "service": "critical"}, [P, P, F, P]),
    "a warning": ({"service": "warning"}, [P, P, P, P]),
    "a service in maintenance": ({"service": "maintenance"}, [P, P, P, F]),
    "a service that is switched off": ({"service": "disabled"}, [P, P, P, F]),
}


@pytest.mark.parametrize(("made", "wanted"), ISSUES.values(), ids=ISSUES.keys())
def test_critical_issues(made: dict[str, Any], wanted: list[Verdict]) -> None:
    """No issue and no incident is good only where there could be one."""
    app = authorities(**{"labels": ["bug", "severity/critical"], "service": "active", **made})
    with served(app) as port:
        at = {name: http_connection(port, name) for name in ("github", "pagerduty")}
        found = results("launch_day.t_plus_1h.no_critical_issues", at, SITE)
    assert verdicts(found, "http_request") == wanted, [one.headline for one in found]


def test_bugs_need_their_label() -> None:
    """A closed bug is none, and a repository without the label is not free of bugs."""
    for labels, wanted in ((["bug"], [P, P]), (["defect"], [P, F])):
        with served(authorities(labels, "active")) as port:
            github = {"github": http_connection(port, "github")}
            found = results("launch_day.t_plus_4h.no_issues", github, SITE)
        assert verdicts(found, "http_request") == wanted


# ---- alerts -----------------------------------------------------------------------------------------

ALERT = {"alertname": "A", "severity": "critical"}
ALERTS: dict[str, tuple[dict[str, str], bool, Verdict]] = {
    "none": ({}, False, P),
    "of the product": ({**ALERT, "namespace": "shop"}, False, F),
    "of its edge": ({**ALERT, "namespace": "ingress-nginx"}, False, F),
    "of a sum, without a namespace": (ALERT, False, F),
    "of another team": ({**ALERT, "namespace": "billing"}, False, P),
    "a warning": ({"alertname": "A", "severity": "warning", "namespace": "shop"}, False, P),
    "silenced for the night": ({**ALERT, "namespace": "shop"}, True, F),
}


def alertmanager(labels: dict[str, str], silenced: bool) -> web.Application:
    """Serve Alertmanager's alerts: a watchdog and at most one other, filtered as it filters."""

    def alert(name: dict[str, str], muted: bool) -> dict[str, Any]:
        status = {"state": "suppressed" if muted else "active", "silencedBy": ["s"] if muted else []}
        return {"labels": name, "startsAt": "2026-01-31T08:00:00Z", "receivers": [], "status": status}

    async def alerts(request: web.Request) -> web.Response:
        filters = [read(text) for text in request.query.getall("filter", [])]
        known = [alert({"alertname": "Watchdog", "severity": "none"}, False)]
        known += [alert(labels, silenced)] if labels else []
        found = [one for one in known if all(each and each.matches(one["labels"]) for each in filters)]
        return web.json_response(found)

    async def status(_request: web.Request) -> web.Response:
        return web.json_response({"cluster": {"status": "ready"}, "config": {"original": ""}})

    app = web.Application()
    app.add_routes([web.get("/api/v2/alerts", alerts), web.get("/api/v2/status", status)])
    return app


@pytest.mark.parametrize(("labels", "silenced", "wanted"), ALERTS.values(), ids=ALERTS.keys())
def test_critical_alerts(labels: dict[str, str], silenced: bool, wanted: Verdict) -> None:
    """Critical alerts of the product, its edge, or without a namespace count; a silence hides none."""
    with served(alertmanager(labels, silenced)) as port:
        at = {"alertmanager": http_connection(port, "alertmanager")}
        found, _ = results("launch_day.t_0.no_critical_alerts", at, SITE)
    assert found.verdict is wanted, found.headline


PAGING = ("ApiErrorRateHigh", "ApiLatencyHigh", "PostgresDown", "RedisDown")


@pytest.mark.parametrize(
    ("severity", "variables", "wanted"),
    [("critical", {}, P), ("page", {}, F), ("page", {"critical_severity": "page"}, P)],
    ids=["ours", "another word", "another word that is named"],
)
def test_severity_of_the_rules(severity: str, variables: dict[str, Any], wanted: Verdict) -> None:
    """Where rules call their severity otherwise, no alert is ever critical."""
    samples = Samples(rules=dict.fromkeys(PAGING, "up == 0"), severity=severity)
    with served(samples.app) as port:
        at = {"prometheus": http_connection(port, "prometheus")}
        _, found = results("launch_day.t_0.no_critical_alerts", at, {**SITE, **variables})
    assert found.verdict is wanted, found.headline


# ---- what Prometheus computes -----------------------------------------------------------------------

PACE = 1 / 60
"""A minute lasts a second."""
SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
DOWN: dict[str, tuple[Callable[[str, int], float | None], float]] = {
    "all are up": (lambda _job, _minute: 1.0, 4),
    "one is down for a while": (lambda job, minute: float(job != "ai-routing" or minute != 30), 3),
    "all are down for a while": (lambda _job, minute: float(minute != 30), 0),
    "all are gone for ten minutes": (lambda _job, minute: None if 30 <= minute < 40 else 1.0, 0),
}


@pytest.mark.parametrize(("up", "fewest"), DOWN.values(), ids=DOWN.keys())
def test_fewest_services_of_the_hour(up: Callable[[str, int], float | None], fewest: float) -> None:
    """A minute in which no service is up is the worst of the hour, and not one without a number."""
    store = Store()
    for minute in range(61):
        for job in SERVICES:
            value = up(job, minute)
            if value is not None:
                store.put(labels_of("up", {"job": job, "namespace": "shop"}), float(minute), value)
    query = shipped("prometheus_query", **SITE)["launch_day.services_stable.0"].params["query"]
    assert evaluate(store, query, 60.0, PACE) == {(): fewest}
