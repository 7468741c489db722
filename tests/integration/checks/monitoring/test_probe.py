"""Test alerts through a real Alertmanager, one for each test: others' alerts would be in the way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import monitoring as servers
from servers.checking import check, context, raw, run
from servers.programs import wait_for
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


@pytest.fixture
def alerting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[servers.Monitoring]:
    """Give Alertmanager and its webhook; the parameter is its ``group_wait``."""
    with servers.alerting(tmp_path, getattr(request, "param", "100ms")) as (alertmanager, webhook):
        yield servers.Monitoring(alertmanager, alertmanager, webhook)


def probe(
    alerting: servers.Monitoring, receiver: str, sleep: Any = asyncio.sleep, **params: Any
) -> CheckResult:
    labels = {"alertname": "LaunchPipelineProbe", "severity": "critical", **params.pop("labels", {})}
    ctx = context(alerting.connections(), sleep=sleep)
    asked = {"inject": labels, "receiver": receiver, "timeout": "20s", **params}
    return run(check(ctx, "alertmanager_alerts", **asked))


def at_first_pause(act: Callable[[], object]) -> Any:
    """Make a ``sleep`` that does something when the check first waits."""
    done: list[object] = []

    async def sleep(seconds: float) -> None:
        if not done:
            done.append(await asyncio.to_thread(act))
        await asyncio.sleep(seconds)

    return sleep


def fire(alerting: servers.Monitoring, name: str, **labels: str) -> None:
    ends = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    alerting.post("/api/v2/alerts", [{"labels": {"alertname": name, **labels}, "endsAt": ends}])
    wait_for(lambda: bool(alerting.alerts(f"alertname%3D%22{name}%22")), f"{name} to fire")


def probes(alerting: servers.Monitoring) -> list[dict[str, Any]]:
    return alerting.alerts("alertname%3D%22LaunchPipelineProbe%22")


def paged(alerting: servers.Monitoring) -> list[str]:
    """Return the notifications of a test alert at the pager and the chat."""
    return [str(message) for _, message in alerting.webhook.received if "launch_probe" in str(message)]


@pytest.mark.parametrize("alerting", ["100ms", "30s"], indirect=True)
def test_injected_alert_is_delivered_and_ended(alerting: servers.Monitoring) -> None:
    """The alert reaches the pager, also where alerts are gathered for 30 s; then nothing of it fires."""
    fire(alerting, "Watchdog")
    result = probe(alerting, "pagerduty")
    assert result.verdict is P, result.headline
    assert any(result.observed["launch_probe"] in message for message in paged(alerting))
    assert probes(alerting) == []


def test_another_receiver_is_not_the_wanted_one(alerting: servers.Monitoring) -> None:
    """An alert that is routed elsewhere is not delivered, however well it arrived there."""
    result = probe(alerting, "pagerduty", timeout="5s", labels={"severity": "warning"})
    assert (result.verdict, 'receivers = ["chat"]' in raw(result)) == (F, True), result.headline
    assert probes(alerting) == []


def test_receiver_that_cannot_be_reached(alerting: servers.Monitoring) -> None:
    """Alertmanager counts a notification before it is sent; the attempt is no delivery."""
    result = probe(alerting, "unreachable", timeout="6s", labels={"team": "unreachable"})
    assert (result.verdict, result.observed["receivers"]) == (F, ["unreachable"]), result.headline
    assert probes(alerting) == []


def test_route_that_is_muted(alerting: servers.Monitoring) -> None:
    """An alert that is routed to the receiver and never sent is not delivered."""
    result = probe(alerting, "muted", timeout="6s", labels={"team": "muted"})
    assert (result.verdict, result.observed["notifications"]) == (F, {"webhook": 0}), result.headline


def test_others_notification_is_not_ours(alerting: servers.Monitoring) -> None:
    """Another alert that is told by webhook meanwhile does not make ours delivered, nor undelivered.

    Ours is routed to a receiver that is muted: it is never sent, as by an Alertmanager that is late.
    """
    noise = at_first_pause(lambda: fire(alerting, "Noise"))
    result = probe(alerting, "muted", sleep=noise, labels={"team": "muted"})
    assert (result.verdict, "(Noise" in raw(result)) == (Q, True), result.headline
    assert probes(alerting) == []


def test_nobody_is_paged_where_it_proves_nothing(alerting: servers.Monitoring) -> None:
    """While another alert goes the same way nothing is sent; the check names it."""
    fire(alerting, "DiskFull", severity="critical")
    result = probe(alerting, "pagerduty")
    told = all(words in raw(result) for words in ("no test alert was sent", "(DiskFull)", "re-check"))
    assert (result.verdict, told, paged(alerting)) == (Q, True, []), result.headline


def test_alert_that_ended_lately_is_in_the_way(alerting: servers.Monitoring) -> None:
    """Alertmanager lists an alert no more that is over, but may still tell of its end."""
    over = {"labels": {"alertname": "Over", "severity": "critical"}}
    now = datetime.now(UTC)
    times = {"startsAt": (now - timedelta(minutes=2)).isoformat(), "endsAt": now.isoformat()}
    fire(alerting, "Over", severity="critical")
    alerting.post("/api/v2/alerts", [{**over, **times}])
    wait_for(lambda: not alerting.alerts("alertname%3D%22Over%22"), "the alert's end")
    result = probe(alerting, "pagerduty")
    assert (result.verdict, "1 ended lately" in raw(result)) == (Q, True), result.headline


def test_quiet_moment_is_waited_for(alerting: servers.Monitoring) -> None:
    """The alert is sent when what was in the way is gone, or muted."""
    fire(alerting, "DiskFull", severity="critical")
    wait_for(lambda: bool(alerting.webhook.received), "the other alert's page")
    now = datetime.now(UTC)
    matcher = {"name": "alertname", "value": "DiskFull", "isRegex": False, "isEqual": True}
    times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(minutes=5)).isoformat()}
    silence = {"createdBy": "test", "comment": "test", "matchers": [matcher], **times}
    muted = at_first_pause(lambda: alerting.post("/api/v2/silences", silence))
    result = probe(alerting, "pagerduty", sleep=muted, wait="1m")
    assert result.verdict is P, result.headline


def test_receiver_that_tells_nobody(alerting: servers.Monitoring) -> None:
    """A receiver without any integration swallows everything."""
    assert probe(alerting, "nobody", timeout="5s", labels={"team": "nobody"}).verdict is F


def test_unknown_receiver_pages_nobody(alerting: servers.Monitoring) -> None:
    """A receiver that Alertmanager does not have is a no before anything is sent."""
    result = probe(alerting, "no-such-receiver")
    assert (result.verdict, "configured_receivers" in raw(result)) == (F, True), result.headline
    assert (probes(alerting), paged(alerting)) == ([], [])


def test_waiting_sends_the_alert_once(alerting: servers.Monitoring) -> None:
    """To wait for the delivery is one long look; polling would page somebody at every poll."""
    labels = {"severity": "none"}
    result = probe(alerting, "pagerduty", timeout="1s", wait="6s", interval="100ms", labels=labels)
    sent = alerting.webhook.alerts("/chat", "LaunchPipelineProbe")
    assert (result.verdict, result.attempts) == (F, 1)
    assert len({alert["labels"]["launch_probe"] for alert in sent}) == 1


def test_cancelled_check_ends_the_alert(alerting: servers.Monitoring) -> None:
    """Whoever is cancelled while the alert fires ends it first; if he cannot, it ends within 5 minutes."""

    async def cancelled() -> None:
        params = {"inject": {"alertname": "LaunchPipelineProbe"}, "receiver": "pagerduty", "timeout": "30s"}
        ctx = context(alerting.connections(), sleep=asyncio.sleep)
        task = asyncio.ensure_future(check(ctx, "alertmanager_alerts", **params))
        await asyncio.to_thread(wait_for, lambda: bool(probes(alerting)), "the test alert's way")
        ends = datetime.fromisoformat((await asyncio.to_thread(probes, alerting))[0]["endsAt"])
        assert ends <= datetime.now(UTC) + timedelta(minutes=5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(cancelled())
    assert probes(alerting) == []


class Newer:
    """An Alertmanager that counts by receiver, as 0.27 does with ``receiver-name-in-metrics``."""

    hooks = "webhook_configs: [{url: <secret>}]"
    config = f"receivers: [{{name: chat, {hooks}}}, {{name: pager, {hooks}}}]"

    def __init__(self, notifications: int = 1) -> None:
        self.notifications = notifications
        self.sent: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        made = web.Application()
        routes = {
            "/api/v2/status": self._status,
            "/metrics": self._metrics,
            "/api/v2/alerts/groups": self._groups,
        }
        made.add_routes([web.get(path, handler) for path, handler in routes.items()])
        made.router.add_post("/api/v2/alerts", self._take)
        return made

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response({"config": {"original": self.config}})

    async def _take(self, request: web.Request) -> web.Response:
        self.sent += await request.json()
        return web.Response()

    async def _metrics(self, _: web.Request) -> web.Response:
        lines = ["alertmanager_dispatcher_aggregation_groups 1"]
        for receiver, count in {"chat": 70, "pager": len(self.sent) * self.notifications}.items():
            labels = f'{{integration="webhook",receiver_name="{receiver}"}}'
            names = ("notifications", "notification_requests")
            lines += [f"alertmanager_{name}_total{labels} {count}" for name in names]
        return web.Response(text="\n".join(lines))

    async def _groups(self, _: web.Request) -> web.Response:
        watchdog = {"labels": {"alertname": "Watchdog"}}
        groups = {"chat": [watchdog], **({"pager": self.sent} if self.sent else {})}
        return web.json_response([{"receiver": {"name": n}, "alerts": found} for n, found in groups.items()])


@pytest.mark.parametrize(("notifications", "verdict"), [(1, P), (2, Q)])
def test_receivers_that_are_counted_apart(notifications: int, verdict: Verdict) -> None:
    """Where the server counts by receiver, what goes to another webhook is not in the way.

    More notifications than the test alert needs are somebody else's, whom no list shows any more.
    """

    async def ask() -> CheckResult:
        async with serving(Newer(notifications).app()) as port:
            ctx = context({"alertmanager": http_connection(port, "alertmanager")})
            asked: dict[str, Any] = {"inject": {"alertname": "Probe"}, "receiver": "pager"}
            return await check(ctx, "alertmanager_alerts", **asked)

    result = run(ask())
    more = "more than the test alert needs" in raw(result)
    assert (result.verdict, more) == (verdict, notifications > 1), result.headline
