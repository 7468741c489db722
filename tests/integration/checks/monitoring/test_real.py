"""``prometheus_query``, ``prometheus_rule`` and ``alertmanager_alerts`` against the real servers."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run

if TYPE_CHECKING:
    from servers.monitoring import Monitoring

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def asked(monitoring: Monitoring, kind: str, **params: Any) -> CheckResult:
    return run(check(context(monitoring.connections(), sleep=asyncio.sleep), kind, **params))


def settled(monitoring: Monitoring, verdict: Verdict, kind: str, **params: Any) -> CheckResult:
    """Ask again until the servers have taken in what the test sent them."""
    deadline = time.monotonic() + 10
    while True:
        result = asked(monitoring, kind, **params)
        if result.verdict is verdict or time.monotonic() > deadline:
            return result


QUERIES: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "a value": ({"query": "vector(312)", "expect": {"value": "< 500"}}, P, "value = 312"),
    "every series": ({"query": "up", "expect": {"value": "== 1"}}, P, "all 2"),
    "NaN, which Prometheus writes as a text, is no pass": (
        {"query": "vector(0)/vector(0)", "expect": {"value": "< 500"}}, Q, "not a number"),
    "NaN is no failure either": ({"query": "vector(0)/vector(0)", "expect": {"value": ">= 0"}}, Q, "not a number"),
    "infinity": ({"query": "vector(1)/vector(0)", "expect": {"value": "> 0"}}, Q, "not a number"),
    "empty": ({"query": "metric_that_nobody_exports", "expect": {"value": "< 1"}}, Q, "no data"),
    "empty may be good": (
        {"query": "up == 0", "empty": "pass", "expect": {"value": "== 0"}}, P, "nothing found, as expected"),
    "an error ratio without any error yet": (
        {"query": '(sum(rate(prometheus_http_requests_total{code=~"5.."}[1m])) or vector(0)) / count(up)',
         "expect": {"value": "< 0.001"}}, P, "value = 0"),
    "a window with its highest value": (
        {"query": "vector(7)", "window": "2m", "step": "10s", "aggregate": "max", "expect": {"value": "== 7"}}, P, "value = 7"),
    "a window with NaN in it": (
        {"query": "vector(0)/vector(0)", "window": "1m", "aggregate": "avg", "expect": {"value": "< 1"}}, Q, "not a number"),
    "a scalar": ({"query": "scalar(vector(2))", "expect": {"value": "== 2"}}, P, "value = 2"),
    "a broken query": ({"query": "sum(rate(", "expect": {"value": "< 1"}}, Q, "parse error"),
    "a query that is refused": ({"query": "up + on() up", "expect": {"value": "< 1"}}, Q, "many"),
    "a time-out of less than a second": (
        {"query": "vector(1)", "timeout": "900ms", "expect": {"value": "== 1"}}, P, "value = 1"),
    "a window of too many points": (
        {"query": "up", "window": "10d", "step": "10ms", "expect": {"value": "< 1"}}, Q, "resolution"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), QUERIES.values(), ids=QUERIES.keys())
def test_query(monitoring: Monitoring, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """The real Prometheus' answers are read as they are; nothing, NaN and a refusal never pass."""
    result = asked(monitoring, "prometheus_query", **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def critical(name: str) -> dict[str, Any]:
    return {"names": [name], "labels": {"severity": "critical"}}


RULES: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "loaded and healthy over a real series": ({**critical("Good"), "series": ["up"]}, P, "missing = []"),
    "both rules of one name": ({"names": ["Good"]}, P, "missing = []"),
    "the one of another severity is missing": (
        {"names": ["Good"], "labels": {"severity": "page"}}, F, "Good with severity=page"),
    "missing": ({"names": ["NoSuchRule"]}, F, 'missing = ["NoSuchRule"]'),
    "a recording rule is no alert": ({"names": ["recorded:up"]}, F, "missing"),
    "broken, with the server's reason": ({"names": ["Broken"]}, F, "invalid regular expression"),
    "over a metric that nobody exports": ({"names": ["OverNothing"]}, F,
        'absent_series = ["metric_that_nobody_exports"]'),
    "before anybody exports it": ({"names": ["OverNothing"], "exported": False}, P, "unhealthy = []"),
    "of one that is not the rule's": ({**critical("Good"), "series": ["up_seconds"]}, F,
        'unread_series = ["up_seconds"]'),
    "whose label nobody exports": ({"names": ["OtherLabel"]}, F, 'absent_series = ["up{phase!=\\"\\"}"]'),
    "through a recording rule": ({"names": ["OverRecorded"], "series": ["up"]}, P, "unread_series = []"),
    "without runbook": ({"names": ["Bare"]}, F, "Bare: runbook_url"),
    "without severity": ({"names": ["Bare"], "annotations": ["runbook_url"],
                          "expect": {"without_annotation": "!= []"}}, F, 'without_severity = ["Bare"]'),
    "the watchdog needs neither": ({"names": ["Watchdog"], "annotations": []}, P, "missing = []"),
    "not evaluated yet": ({"names": ["Seldom"], "annotations": []}, Q, "not evaluated yet: Seldom"),
    "not evaluated yet, but wrong for certain": ({"names": ["Seldom"]}, F, "Seldom: runbook_url"),
    "an old evaluation": ({"names": ["Good"], "expect": {"last_evaluation": "age > 5m"}}, F, "last_evaluation"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), RULES.values(), ids=RULES.keys())
def test_rule(monitoring: Monitoring, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """A rule counts when it is loaded, evaluates, tells people what to do and reads something."""
    result = asked(monitoring, "prometheus_rule", **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def firing(**labels: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"labels": labels, "endsAt": (now + timedelta(minutes=5)).isoformat()}


def test_nothing_fires_and_the_watchdog_does(monitoring: Monitoring) -> None:
    """Silence is good news while the alert that always fires comes through."""
    result = asked(monitoring, "alertmanager_alerts", matchers=['case="none"'])
    assert (result.verdict, "watchdog_firing = true" in raw(result)) == (P, True), result.headline


def test_silence_without_the_watchdog_fails(monitoring: Monitoring) -> None:
    """No alert and no watchdog is a broken pipe, not a quiet night."""
    result = asked(monitoring, "alertmanager_alerts", matchers=['case="none"'], watchdog="NoSuchAlert")
    assert (result.verdict, "watchdog_firing = false" in raw(result)) == (F, True), result.headline


def test_no_watchdog_is_asked_for(monitoring: Monitoring) -> None:
    """An item may do without."""
    assert asked(monitoring, "alertmanager_alerts", matchers=['case="none"'], watchdog="").verdict is P


def test_firing_alert_is_named(monitoring: Monitoring) -> None:
    """What fires is in the headline; more may be allowed."""
    monitoring.post("/api/v2/alerts", [firing(alertname="DiskFull", severity="critical", case="named")])
    matchers = {"matchers": ['severity="critical"', 'case="named"']}
    result = settled(monitoring, F, "alertmanager_alerts", **matchers)
    assert (result.verdict, "DiskFull" in raw(result)) == (F, True), result.headline
    assert asked(monitoring, "alertmanager_alerts", **matchers, max=1).verdict is P


def test_silenced_alert_is_evidence(monitoring: Monitoring) -> None:
    """A silenced alert does not count, is listed, and counts where the item says so."""
    case = uuid.uuid4().hex
    matcher = {"name": "case", "value": case, "isRegex": False, "isEqual": True}
    now = datetime.now(UTC)
    silence = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=5)).isoformat()}
    about = {"createdBy": "test", "comment": "test", "matchers": [matcher]}
    monitoring.post("/api/v2/silences", {**silence, **about})
    monitoring.post("/api/v2/alerts", [firing(alertname="Muted", severity="critical", case=case)])
    matchers = [f'case="{case}"']
    strict = settled(monitoring, F, "alertmanager_alerts", matchers=matchers, include_silenced=True)
    lenient = settled(monitoring, P, "alertmanager_alerts", matchers=matchers)
    assert (strict.verdict, lenient.verdict, lenient.observed["silenced"]) == (F, P, ["Muted"])


def test_inhibited_alert_counts(monitoring: Monitoring) -> None:
    """An alert that another one mutes fires all the same."""
    case = uuid.uuid4().hex
    alerts = [firing(alertname=role, role=role, case=case) for role in ("cause", "symptom")]
    monitoring.post("/api/v2/alerts", alerts)
    matchers = [f'case="{case}"', 'role="symptom"']
    result = settled(monitoring, F, "alertmanager_alerts", matchers=matchers)
    assert (result.verdict, result.observed["count"]) == (F, 1)


def test_refused_matcher_is_inconclusive(monitoring: Monitoring) -> None:
    """A matcher that Alertmanager cannot read is nobody's failure; its words are shown."""
    result = asked(monitoring, "alertmanager_alerts", matchers=["not a matcher"])
    assert (result.verdict, "bad matcher" in raw(result)) == (Q, True), result.headline
