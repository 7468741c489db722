"""The watchdog of ``alertmanager_alerts``: it must be that of the alerts that are asked for, and alive."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.clients.matchers import Matcher, read
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.programs import wait_for
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from servers.monitoring import Monitoring

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
CRITICAL = 'severity="critical"'
Labels = dict[str, str]

WATCHDOGS: dict[str, tuple[list[Labels], dict[str, Any], Verdict, str]] = {
    "another environment's": ([{"environment": "staging"}], {"matchers": [CRITICAL, 'environment="prod"']}, F, "watchdog_firing = false"),
    "another region's": ([{"region": "eu", "env": "prod"}], {"matchers": ['env="prod"', 'region="us"']}, F, "watchdog_firing = false"),
    "one label of two": ([{"env": "prod", "region": "eu"}, {"env": "staging", "region": "us"}], {"matchers": ['env="prod"', 'region="us"']}, F, "false"),
    "by a label that only this place uses": ([{"planet": "mars"}], {"matchers": ['planet="earth"']}, F, "false"),
    "not of the pattern": ([{"cluster": "staging-1"}], {"matchers": ['cluster=~"prod-.*"']}, F, "false"),
    "of a part of the pattern": ([{"cluster": "a-prod-1"}], {"matchers": ['cluster=~"prod-1"']}, F, "false"),
    "one of two clusters": ([{"cluster": "prod-1"}], {"matchers": ['cluster=~"prod-1|prod-2"']}, F, "false"),
    "the one that is ruled out": ([{"cluster": "staging"}], {"matchers": ['cluster!="staging"']}, F, "false"),
    "ruled out by a pattern": ([{"cluster": "staging"}], {"matchers": ['cluster!~"stag.*"']}, F, "false"),
    "a labelled one, but one without is asked for": ([{"cluster": "staging"}], {"matchers": ['cluster=""']}, F, "false"),
    "not labelled": ([{}], {"matchers": ['cluster="prod"']}, Q, "without the label cluster"),
    "not labelled, beside another's": ([{}, {"cluster": "staging"}], {"matchers": ['cluster="prod"']}, Q, "watchdog_matchers"),
    "not with the item's own matchers": ([{"cluster": "prod"}], {"matchers": [CRITICAL], "watchdog_matchers": ['cluster="other"']}, F, "false"),
    "none": ([], {"matchers": ['cluster="prod"']}, F, "false"),
    "the right one": ([{"cluster": "staging"}, {"cluster": "prod"}], {"matchers": [CRITICAL, 'cluster="prod"']}, P, ""),
    "of the pattern": ([{"cluster": "prod-7"}], {"matchers": ['cluster=~"prod-.*"']}, P, ""),
    "both clusters": ([{"cluster": "prod-1"}, {"cluster": "prod-2"}], {"matchers": ['cluster=~"(prod-1|prod-2)"']}, P, ""),
    "not the one that is ruled out": ([{"cluster": "prod"}], {"matchers": ['cluster!="staging"']}, P, ""),
    "no environment is asked for": ([{"cluster": "prod"}], {"matchers": [CRITICAL]}, P, ""),
    "labels of one alert are not a watchdog's": ([{"namespace": "monitoring", "severity": "none", "team": "sre"}], {"matchers": [CRITICAL, 'namespace="azora"', 'team="shop"']}, P, ""),
    "one speaks for all": ([{}], {"matchers": ['cluster="prod"'], "watchdog_matchers": []}, P, ""),
    "by another name of the label": ([{"prometheus_cluster": "prod"}], {"matchers": ['cluster="prod"'], "watchdog_matchers": ['prometheus_cluster="prod"']}, P, ""),
    "without quotes": ([{"cluster": "prod"}], {"matchers": ["cluster=prod"]}, P, ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "params", "verdict", "headline"), WATCHDOGS.values(), ids=WATCHDOGS.keys()
)
def test_watchdog(
    monitoring: Monitoring, labels: list[Labels], params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """A watchdog of another environment proves nothing of the one that is asked for."""
    name = f"Heartbeat-{uuid.uuid4().hex}"
    ends = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    alerts = [{"labels": {"alertname": name, **own}, "endsAt": ends} for own in labels]
    monitoring.post("/api/v2/alerts", alerts)
    wait_for(lambda: len(monitoring.alerts(f"alertname%3D{name}")) == len(labels), "the alerts")
    params = {**params, "matchers": [*params["matchers"], 'case="none"'], "watchdog": name}
    result = run(check(context(monitoring.connections()), "alertmanager_alerts", **params))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_silenced_watchdog_fires(monitoring: Monitoring) -> None:
    """A silence of the watchdog mutes its message, not what it proves."""
    name = f"Heartbeat-{uuid.uuid4().hex}"
    now = datetime.now(UTC)
    times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=5)).isoformat()}
    matcher = {"name": "alertname", "value": name, "isRegex": False}
    monitoring.post("/api/v2/silences", {**times, "createdBy": "t", "comment": "t", "matchers": [matcher]})
    monitoring.post("/api/v2/alerts", [{"labels": {"alertname": name}, "endsAt": times["endsAt"]}])
    wait_for(lambda: bool(monitoring.alerts(f"alertname%3D{name}")), "the alert")
    params = {"watchdog": name, "matchers": ['case="none"']}
    assert run(check(context(monitoring.connections()), "alertmanager_alerts", **params)).verdict is P


def at(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


STATES: dict[str, tuple[dict[str, int | str], str, Verdict, str]] = {
    "sent last an hour ago": ({"updatedAt": -60, "endsAt": 600}, "ready", F, "false"),
    "over for ten minutes": ({"updatedAt": -14, "endsAt": -10}, "ready", F, "false"),
    "the cluster is settling": ({"updatedAt": -1, "endsAt": 3}, "settling", Q, "settling"),
    "over a moment ago by a clock that is ahead": ({"updatedAt": -5, "endsAt": -1}, "ready", P, ""),
    "sent a minute ago": ({"updatedAt": -1, "endsAt": 3}, "ready", P, ""),
    "without an end": ({"updatedAt": -1, "endsAt": "0001-01-01T00:00:00.000Z"}, "disabled", P, ""),
    "without times": ({}, "ready", P, ""),
}
"""Times in minutes from now, or as written."""


@pytest.mark.parametrize(("times", "status", "verdict", "headline"), STATES.values(), ids=STATES.keys())
def test_state(times: dict[str, int | str], status: str, verdict: Verdict, headline: str) -> None:
    """A watchdog that was not sent again lately is not alive, and a cluster that settles knows too little.

    The documents are those of Alertmanager's api/v2/openapi.yaml.
    """
    alert = {
        "labels": {"alertname": "Watchdog", "severity": "none"}, "annotations": {}, "fingerprint": "c0ffee",
        "receivers": [{"name": "null"}], "startsAt": at(-600),
        **{name: at(given) if isinstance(given, int) else given for name, given in times.items()},
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
    }  # fmt: skip

    async def alerts(request: web.Request) -> web.Response:
        return web.json_response([alert] if "Watchdog" in str(request.query.getall("filter")) else [])

    async def state(_request: web.Request) -> web.Response:
        return web.json_response({"cluster": {"status": status, "peers": []}, "uptime": at(-600)})

    async def ask() -> CheckResult:
        app = web.Application()
        app.router.add_get("/api/v2/alerts", alerts)
        app.router.add_get("/api/v2/status", state)
        async with serving(app) as port:
            found = {"alertmanager": http_connection(port, "alertmanager")}
            return await check(context(found), "alertmanager_alerts")

    result = run(ask())
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


@pytest.mark.parametrize(
    "params", [{"watchdog": ""}, {"inject": {"alertname": "A"}, "receiver": "r"}], ids=str
)
def test_matchers_of_no_watchdog_are_refused(monitoring: Monitoring, params: dict[str, Any]) -> None:
    """Matchers that nothing would use are refused when the item is read."""
    params = {**params, "watchdog_matchers": ['cluster="prod"']}
    result = run(check(context(monitoring.connections()), "alertmanager_alerts", **params))
    assert (result.verdict, "no watchdog is looked for" in raw(result)) == (Q, True), result.headline


FORMS: dict[str, Matcher | None] = {
    'a="b"': Matcher("a", "=", "b"),
    " a = b ": Matcher("a", "=", "b"),
    'a=~"b|c"': Matcher("a", "=~", "b|c"),
    'a!~"b"': Matcher("a", "!~", "b"),
    'a!=""': Matcher("a", "!=", ""),
    "a=": Matcher("a", "=", ""),
    'a="b \\"c\\" \\\\d"': Matcher("a", "=", 'b "c" \\d'),
    'a="b=c"': Matcher("a", "=", "b=c"),
    '"a.b c"="d"': Matcher("a.b c", "=", "d"),
    "not a matcher": None,
    "=b": None,
    "": None,
}


@pytest.mark.parametrize(("text", "matcher"), FORMS.items(), ids=FORMS.keys())
def test_forms(text: str, matcher: Matcher | None) -> None:
    """The forms of prometheus.io/docs/alerting/latest/configuration, with and without quotes."""
    assert read(text) == matcher


def test_pattern_that_cannot_be_read(monitoring: Monitoring) -> None:
    """A pattern of Go that Python cannot read is no answer, and no error of the program."""
    name = f"Heartbeat-{uuid.uuid4().hex}"
    monitoring.post("/api/v2/alerts", [{"labels": {"alertname": name, "cluster": "a"}, "endsAt": at(5)}])
    wait_for(lambda: bool(monitoring.alerts(f"alertname%3D{name}")), "the alert")
    params = {"watchdog": name, "matchers": [r'cluster=~"\\pL"']}
    result = run(check(context(monitoring.connections()), "alertmanager_alerts", **params))
    assert (result.verdict, "cannot be read" in raw(result)) == (Q, True), result.headline
