"""Sends a test alert through Alertmanager, follows it to its receiver, and always ends it."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import yaml

from launch_pipeline.checks.observers.api import Api, mapping, records
from launch_pipeline.checks.values import duration
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from launch_pipeline.checks.kinds.alertmanager_alerts import AlertmanagerAlertsParams

_LOG = logging.getLogger(__name__)
NONCE_LABEL = "launch_probe"
"""The label by which one test alert is told from another."""
LONGEST = timedelta(minutes=5)
"""The test alert ends by itself after this, whatever becomes of us."""
_POLL = 1.0
_RESOLVING = 10.0
_MARGIN = 3.0
_LOOKS = 2
"""So many looks in a row must say delivered: the first may have seen another alert's notification."""
_LEAST = 20.0
_DEFAULT_WAIT = timedelta(seconds=30)
"""Alertmanager's own ``group_wait``."""
_SAMPLE = re.compile(
    r"^alertmanager_notification(s|s_failed|_requests|_requests_failed)_total(?:\{(.*?)\})? ([0-9.eE+-]+)",
    re.MULTILINE,
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class _Count:
    """Notifications of one sort, by all receivers together where the server does not tell them apart."""

    begun: float
    answered: float
    given_up: float

    def since(self, before: _Count) -> _Count:
        return _Count(
            self.begun - before.begun, self.answered - before.answered, self.given_up - before.given_up
        )

    @property
    def good(self) -> bool:
        """Whether something was sent and nothing that was begun is still open or was given up."""
        return self.begun > 0 and self.answered >= self.begun and not self.given_up


Counters = dict[str, _Count]


@dataclass(frozen=True)
class _Receiver:
    """The wanted receiver, as Alertmanager is configured."""

    name: str
    configured: tuple[str, ...]
    """The names of all receivers."""
    integrations: frozenset[str] = frozenset()
    """The sorts of notification it sends."""
    group_wait: timedelta = _DEFAULT_WAIT
    """How long at least an alert waits on its way there."""


@dataclass(frozen=True)
class _Seen:
    """What became of the test alert."""

    receivers: tuple[str, ...] = ()
    sent: Counters = field(default_factory=dict)

    def delivered(self, receiver: str) -> bool:
        every = bool(self.sent) and all(count.good for count in self.sent.values())
        return receiver in self.receivers and every


async def deliver(params: AlertmanagerAlertsParams, api: Api) -> Observation:
    """Send the alert and watch it until it is delivered or the time is over.

    Raises Inconclusive, before anybody is paged, where the delivery could not be seen.
    """
    receiver = await _receiver(api, params.receiver or "")
    if receiver.name not in receiver.configured:
        return _observation(receiver, _Seen(), api.authority)
    before = await _counters(api, receiver)
    labels = {**(params.inject or {}), NONCE_LABEL: uuid.uuid4().hex}
    now = api.ctx.clock()
    try:
        await api.post("/api/v2/alerts", [_alert(labels, now, now + LONGEST)], repeatable=False)
        seen, problem = await _Watch(api, receiver, labels[NONCE_LABEL], _patience(params, api)).watch(before)
    finally:
        await _resolved(api, labels, now)
    if problem:
        message = f"the test alert was sent, but what became of it cannot be seen: {problem}"
        raise Inconclusive(message[:400])
    return _observation(receiver, seen, api.authority, labels[NONCE_LABEL])


def _patience(params: AlertmanagerAlertsParams, api: Api) -> float:
    """How long to watch, in seconds: the time-out less the clean-up; shorter in a rehearsal."""
    most = min(params.timeout, LONGEST).total_seconds() - _MARGIN
    return max(most * min(api.ctx.environment.pace, 1.0), min(_LEAST, most), 0.0)


@dataclass(frozen=True)
class _Watch:
    """Watches one test alert."""

    api: Api
    receiver: _Receiver
    nonce: str
    patience: float

    async def watch(self, before: Counters) -> tuple[_Seen, str]:
        """Look every second until two looks say delivered; give the last look and why it failed, if it did.

        A look that fails does not end the watch: the alert must not be sent twice. What is sent
        before the alert's ``group_wait`` is over is somebody else's.
        """
        clock = self.api.ctx.monotonic
        began = clock()
        seen, problem, times = _Seen(), "", 0
        while True:
            try:
                after = await _counters(self.api, self.receiver)
                if clock() - began < self.receiver.group_wait.total_seconds() - _POLL:
                    before = after
                seen = _Seen(await self._receivers(), {n: after[n].since(before[n]) for n in after})
                problem = ""
            except Inconclusive as error:
                seen, problem = _Seen(), error.reason
            times = times + 1 if seen.delivered(self.receiver.name) else 0
            if times == _LOOKS or clock() - began >= self.patience:
                return seen, problem
            await self.api.ctx.sleep(_POLL)

    async def _receivers(self) -> tuple[str, ...]:
        reply = await self.api.get("/api/v2/alerts", [("filter", f'{NONCE_LABEL}="{self.nonce}"')])
        found = records(reply.document, "alerts")
        return tuple(str(one.get("name")) for alert in found for one in alert.get("receivers") or [])


def _alert(labels: dict[str, str], now: datetime, until: datetime) -> dict[str, Any]:
    # A minute back: the end is in Alertmanager's past then, even where its clock is behind ours.
    start = now - timedelta(minutes=1)
    text = "Test alert of the launch pipeline: nothing is wrong. It ends by itself."
    return {
        "labels": labels,
        "annotations": {"summary": text, "description": text},
        "startsAt": start.isoformat(),
        "endsAt": until.isoformat(),
    }


async def _resolved(api: Api, labels: dict[str, str], now: datetime) -> None:
    """End the alert, also when we are being cancelled; if that fails it ends by itself."""
    ending = asyncio.ensure_future(_end(api, labels, now))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait({ending}, timeout=_RESOLVING)
        raise


async def _end(api: Api, labels: dict[str, str], now: datetime) -> None:
    end = _alert(labels, now, now - timedelta(seconds=59))
    try:
        async with asyncio.timeout(_RESOLVING):
            await api.post("/api/v2/alerts", [end], repeatable=False)
    except (Inconclusive, TimeoutError) as error:
        _LOG.warning(
            "The test alert %s could not be ended (%s); it ends by itself within 5 minutes", labels, error
        )


async def _receiver(api: Api, name: str) -> _Receiver:
    """Read Alertmanager's own configuration; it masks the secrets in it."""
    status = mapping((await api.get("/api/v2/status")).document, "status")
    original = mapping(status.get("config"), "configuration").get("original")
    try:
        # Off the loop: a large configuration takes a second to read.
        read = await asyncio.to_thread(yaml.safe_load, str(original or ""))
    except yaml.YAMLError as error:
        message = f"{api.authority} gives a configuration that cannot be read"
        raise Inconclusive(message) from error
    configuration = mapping(read, "configuration")
    receivers = records(configuration.get("receivers"), "receivers")
    fields = [key for one in receivers if one.get("name") == name for key in one]
    waits = list(_waits(mapping(configuration.get("route"), "route"), name, "", _DEFAULT_WAIT))
    return _Receiver(
        name=name,
        configured=tuple(str(one.get("name")) for one in receivers),
        integrations=frozenset(f.removesuffix("_configs") for f in fields if f.endswith("_configs")),
        group_wait=min(waits, default=timedelta()),
    )


def _waits(route: dict[str, Any], wanted: str, receiver: str, wait: timedelta) -> Iterator[timedelta]:
    """The ``group_wait`` of every route to the receiver; routes inherit from those around them."""
    receiver = str(route.get("receiver") or receiver)
    own = duration(route.get("group_wait"))
    wait = wait if own is None else own  # 0s means at once
    if receiver == wanted:
        yield wait
    for inner in route.get("routes") or []:
        yield from _waits(inner, wanted, receiver, wait)


async def _counters(api: Api, receiver: _Receiver) -> Counters:
    """Sum the counters of the receiver's integrations; newer servers count each receiver by itself.

    ``alertmanager_notifications_total`` counts a notification before it is sent, so it proves nothing
    without the requests that were answered.
    """
    totals: dict[str, dict[str, float]] = {name: defaultdict(float) for name in receiver.integrations}
    samples = _SAMPLE.findall(await api.text("/metrics"))
    if not any(counter == "_requests" for counter, _, _ in samples):
        message = f"{api.authority}/metrics has no alertmanager_notification_requests_total"
        raise Inconclusive(message)
    for counter, inner, value in samples:
        labels = dict(_LABEL.findall(inner))
        own = labels.get("receiver_name", receiver.name) == receiver.name
        if own and labels.get("integration") in totals:
            totals[labels["integration"]][counter] += float(value)
    return {
        name: _Count(t["s"], t["_requests"] - t["_requests_failed"], t["s_failed"])
        for name, t in totals.items()
    }


def _observation(receiver: _Receiver, seen: _Seen, asked: str, nonce: str = "") -> Observation:
    facts: dict[str, Any] = {
        "configured_receivers": list(receiver.configured),
        "receivers": list(seen.receivers),
        "notifications": {name: count.answered for name, count in seen.sent.items()},
        "failed_notifications": sum(count.given_up for count in seen.sent.values()),
        "delivered": seen.delivered(receiver.name),
    }
    subject = Subject(name="test alert", facts=facts)
    return Observation(subjects=(subject,), authority=asked, summary={**facts, NONCE_LABEL: nonce})
