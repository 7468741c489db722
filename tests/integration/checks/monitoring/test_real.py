"""``prometheus_query``, ``prometheus_rule`` and ``alertmanager_alerts`` against the real servers."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, run
from servers.programs import wait_for

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
        {"query": "up == 0", "empty": "pass", "expect": {"value": "== 0"}}, P, "nothing there, as wanted"),
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
    assert (result.verdict, headline in result.headline) == (verdict, True), result.headline


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
    "over a metric that nobody exports it is healthy": ({"names": ["OverNothing"]}, P, "unhealthy = []"),
    "and so it is asked for": (
        {"names": ["OverNothing"], "series": ["metric_that_nobody_exports"]}, F,
        'absent_series = ["metric_that_nobody_exports"]'),
    "a selector as series": ({"names": ["Good"], "series": ['up{job="prometheus"}']}, P, "absent_series = []"),
    "a series that cannot be asked for": ({"names": ["Good"], "series": ["up{"]}, Q, "parse error"),
    "without runbook": ({"names": ["Bare"]}, F, "Bare: runbook_url"),
    "without severity": ({"names": ["Bare"], "annotations": ["runbook_url"],
                          "expect": {"without_annotation": "exists"}}, F, 'without_severity = ["Bare"]'),
    "the watchdog needs neither": ({"names": ["Watchdog"], "annotations": []}, P, "missing = []"),
    "not evaluated yet": ({"names": ["Seldom"], "annotations": []}, Q, "not evaluated yet: Seldom"),
    "not evaluated yet, but wrong for certain": ({"names": ["Seldom"]}, F, "Seldom: runbook_url"),
    "an old evaluation": ({"names": ["Good"], "expect": {"last_evaluation": "age > 5m"}}, F, "last_evaluation"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), RULES.values(), ids=RULES.keys())
def test_rule(monitoring: Monitoring, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """A rule counts when it is loaded, evaluates, tells people what to do and reads something."""
    result = asked(monitoring, "prometheus_rule", **params)
    assert (result.verdict, headline in result.headline) == (verdict, True), result.headline


def firing(**labels: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"labels": labels, "endsAt": (now + timedelta(minutes=5)).isoformat()}


def test_nothing_fires_and_the_watchdog_does(monitoring: Monitoring) -> None:
    """Silence is good news while the alert that always fires comes through."""
    result = asked(monitoring, "alertmanager_alerts", matchers=['case="none"'])
    assert (result.verdict, "watchdog_firing = true" in result.headline) == (P, True), result.headline


def test_silence_without_the_watchdog_fails(monitoring: Monitoring) -> None:
    """No alert and no watchdog is a broken pipe, not a quiet night."""
    result = asked(monitoring, "alertmanager_alerts", matchers=['case="none"'], watchdog="NoSuchAlert")
    assert (result.verdict, "watchdog_firing = false" in result.headline) == (F, True), result.headline


def test_no_watchdog_is_asked_for(monitoring: Monitoring) -> None:
    """An item may do without."""
    assert asked(monitoring, "alertmanager_alerts", matchers=['case="none"'], watchdog="").verdict is P


def test_firing_alert_is_named(monitoring: Monitoring) -> None:
    """What fires is in the headline; more may be allowed."""
    monitoring.post("/api/v2/alerts", [firing(alertname="DiskFull", severity="critical", case="named")])
    matchers = {"matchers": ['severity="critical"', 'case="named"']}
    result = settled(monitoring, F, "alertmanager_alerts", **matchers)
    assert (result.verdict, "DiskFull" in result.headline) == (F, True), result.headline
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
    assert (result.verdict, "bad matcher" in result.headline) == (Q, True), result.headline


def probe(monitoring: Monitoring, receiver: str, timeout: str = "20s", **labels: str) -> CheckResult:
    inject = {"alertname": "LaunchPipelineProbe", "severity": "critical", **labels}
    params = {"inject": inject, "receiver": receiver, "timeout": timeout}
    return asked(monitoring, "alertmanager_alerts", **params)


def probes(monitoring: Monitoring) -> list[dict[str, Any]]:
    return monitoring.alerts("alertname%3D%22LaunchPipelineProbe%22")


def test_injected_alert_is_delivered_and_ended(monitoring: Monitoring) -> None:
    """The alert reaches the receiver's webhook, and nothing of it fires afterwards."""
    result = probe(monitoring, "pagerduty")
    assert result.verdict is P, result.headline
    sent = monitoring.webhook.alerts("/pagerduty", "LaunchPipelineProbe")
    nonce = result.observed["launch_probe"]
    assert next(alert["status"] for alert in sent if alert["labels"]["launch_probe"] == nonce) == "firing"
    assert probes(monitoring) == []


def test_another_receiver_is_not_the_wanted_one(monitoring: Monitoring) -> None:
    """An alert that is routed elsewhere is not delivered, however well it arrived there."""
    result = probe(monitoring, "pagerduty", timeout="5s", severity="warning")
    assert (result.verdict, 'receivers = ["chat"]' in result.headline) == (F, True), result.headline
    assert probes(monitoring) == []


def test_receiver_that_cannot_be_reached(monitoring: Monitoring) -> None:
    """Alertmanager counts a notification before it is sent, and all webhooks together.

    Neither the attempt nor another alert that is delivered meanwhile makes the test alert delivered.
    """

    def others() -> None:
        for number in range(20):
            monitoring.post("/api/v2/alerts", [firing(alertname="Noise", case=f"{number} {uuid.uuid4()}")])
            time.sleep(0.3)

    noise = threading.Thread(target=others)
    noise.start()
    result = probe(monitoring, "unreachable", timeout="8s", team="unreachable")
    noise.join()
    assert result.verdict is F, result.headline
    assert result.observed["receivers"] == ["unreachable"]
    assert probes(monitoring) == []


def test_receiver_that_tells_nobody(monitoring: Monitoring) -> None:
    """A receiver without any integration swallows everything."""
    assert probe(monitoring, "nobody", timeout="5s", team="nobody").verdict is F


def test_unknown_receiver_pages_nobody(monitoring: Monitoring) -> None:
    """A receiver that Alertmanager does not have is a no before anything is sent."""
    before = len(monitoring.webhook.received)
    result = probe(monitoring, "no-such-receiver")
    assert (result.verdict, "configured_receivers" in result.headline) == (F, True), result.headline
    assert probes(monitoring) == []
    assert not [m for _, m in monitoring.webhook.received[before:] if "LaunchPipelineProbe" in str(m)]


def test_waiting_sends_the_alert_once(monitoring: Monitoring) -> None:
    """To wait for the delivery is one long look; polling would page somebody at every poll."""
    before = len(monitoring.webhook.alerts("/chat", "OnceProbe"))
    params = {"inject": {"alertname": "OnceProbe"}, "receiver": "pagerduty", "timeout": "1s"}
    result = asked(monitoring, "alertmanager_alerts", **params, wait="6s", interval="100ms")
    sent = monitoring.webhook.alerts("/chat", "OnceProbe")[before:]
    assert (result.verdict, result.attempts) == (F, 1)
    assert len({alert["labels"]["launch_probe"] for alert in sent}) == 1


def test_cancelled_check_ends_the_alert(monitoring: Monitoring) -> None:
    """Whoever is cancelled while the alert fires ends it first; if he cannot, it ends within 5 minutes."""

    async def cancelled() -> None:
        params = {"inject": {"alertname": "LaunchPipelineProbe"}, "receiver": "pagerduty", "timeout": "30s"}
        ctx = context(monitoring.connections(), sleep=asyncio.sleep)
        task = asyncio.ensure_future(check(ctx, "alertmanager_alerts", **params))
        await asyncio.to_thread(wait_for, lambda: bool(probes(monitoring)), "the test alert's way")
        ends = datetime.fromisoformat((await asyncio.to_thread(probes, monitoring))[0]["endsAt"])
        assert ends <= datetime.now(UTC) + timedelta(minutes=5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(cancelled())
    assert probes(monitoring) == []
