"""Sends a test alert through Alertmanager, follows it to its receiver, and always ends it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.alertmanager_alerts.traffic import (
    NONCE_LABEL,
    Count,
    Look,
    Sorts,
    Traffic,
)
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.checks.clients.json_api import Api
    from launch_pipeline.checks.kinds.alertmanager_alerts.definition import AlertmanagerAlertsParams

_LOG = logging.getLogger(__name__)
LONGEST = timedelta(minutes=5)
"""The test alert expires after this, even if this process dies."""
_POLL = 1.0
_RESOLVING = 10.0
_MARGIN = 3.0
_LOOKS = 2
"""Consecutive polls that must say delivered."""
_LEAST = 20.0
"""Seconds reserved for the delivery while waiting for a quiet moment."""
_NAMED = 5


@dataclass(frozen=True)
class _Seen:
    """The state of the test alert's delivery."""

    wanted: str
    receivers: tuple[str, ...] = ()
    sent: dict[str, Count] = field(default_factory=dict)
    expected: Sorts = field(default_factory=Counter)
    others: tuple[str, ...] = ()
    """Other alerts that may have incremented the same counters."""

    @property
    def counted(self) -> bool:
        """Return whether enough was sent; the counters do not say for which alert."""
        full = [0 < self.expected[sort] <= count.begun for sort, count in self.sent.items()]
        return self.wanted in self.receivers and bool(full) and all(full)

    @property
    def delivered(self) -> bool:
        """Return whether everything sent belongs to the test alert and was accepted."""
        answered = all(count.answered >= count.begun and not count.given_up for count in self.sent.values())
        return self.counted and answered and not self.others


async def deliver(params: AlertmanagerAlertsParams, api: Api) -> Observation:
    """Send the alert and watch it until it is delivered or the time is up.

    Raises Inconclusive, before it sends anything, if the delivery could not be attributed: Alertmanager
    does not say which alert a notification is about, so no other alert may take the same route.
    """
    traffic = await Traffic.of(api, params.receiver or "")
    if traffic.wanted not in traffic.receivers:
        return _observation(traffic, _Seen(traffic.wanted))
    watch = _Watch(traffic, uuid.uuid4().hex, api.ctx.monotonic() + _patience(params, api))
    before = await watch.quiet()
    labels = {**(params.inject or {}), NONCE_LABEL: watch.nonce}
    now = api.ctx.clock()
    try:
        await api.post("/api/v2/alerts", [_alert(labels, now, now + LONGEST)], repeatable=False)
        seen, problem = await watch.follow(before)
    finally:
        await _resolved(api, labels, now)
    if problem:
        message = f"the test alert was sent, but its delivery cannot be verified: {problem}"
        raise Inconclusive(message[:400])
    return _observation(traffic, seen, watch.nonce)


def _patience(params: AlertmanagerAlertsParams, api: Api) -> float:
    """Return the seconds to watch: the time-out less the clean-up, shorter in a rehearsal."""
    most = min(params.timeout, LONGEST).total_seconds() - _MARGIN
    return max(most * min(api.ctx.environment.pace, 1.0), min(_LEAST, most), 0.0)


@dataclass(frozen=True)
class _Watch:
    """Watches one test alert."""

    traffic: Traffic
    nonce: str
    until: float

    async def quiet(self) -> Look:
        """Wait until no other alert takes the same route; raises Inconclusive if that does not happen."""
        while True:
            look = await self.traffic.look()
            others = look.others()
            if not others:
                return look
            if self._left() <= _LEAST:
                raise Inconclusive(f"no test alert was sent: {_mingled(self.traffic.wanted, others)}")
            await self._pause()

    async def follow(self, before: Look) -> tuple[_Seen, str]:
        """Poll every second; return the last poll, and why it proves nothing if so.

        A failed poll does not end the watch: the alert must not be sent twice.
        """
        wanted, times, others = self.traffic.wanted, 0, set[str]()
        while True:
            try:
                seen, problem = self._seen(before, await self.traffic.look(), others), ""
                others |= set(seen.others)
            except Inconclusive as error:
                seen, problem = _Seen(wanted), error.reason
            if seen.counted and others:
                return seen, _mingled(wanted, sorted(others))
            times = times + 1 if seen.delivered else 0
            if times == _LOOKS or self._left() <= 0:
                return seen, problem
            await self._pause()

    def _seen(self, before: Look, after: Look, known: set[str]) -> _Seen:
        told = after.ours(self.nonce)
        sent = {sort: count.since(before.counts[sort]) for sort, count in after.counts.items()}
        expected = self.traffic.expected(told, after.counted)
        # Alertmanager retries a notification that it gave up.
        more = [s for s, count in sent.items() if count.begun > expected[s] and not count.given_up]
        others = {*known, *after.others(self.nonce), *(["more than the test alert needs"] if more else [])}
        return _Seen(self.traffic.wanted, tuple(told), sent, expected, tuple(sorted(others)))

    def _left(self) -> float:
        return self.until - self.traffic.api.ctx.monotonic()

    async def _pause(self) -> None:
        await self.traffic.api.ctx.sleep(_POLL)


def _mingled(receiver: str, others: list[str]) -> str:
    named = ", ".join(name[:60] for name in others[:_NAMED])
    return (
        f"other alerts may be told of at the same time ({named}), and Alertmanager's counters for receiver "
        f"'{receiver}' do not say which alert was sent; re-check when nothing else fires there"
    )


def _alert(labels: dict[str, str], now: datetime, until: datetime) -> dict[str, Any]:
    # A minute ago, so that the end is in the past even if Alertmanager's clock is behind ours.
    start = now - timedelta(minutes=1)
    text = "Test alert of the launch pipeline: nothing is wrong. It ends by itself."
    return {
        "labels": labels,
        "annotations": {"summary": text, "description": text},
        "startsAt": start.isoformat(),
        "endsAt": until.isoformat(),
    }


async def _resolved(api: Api, labels: dict[str, str], now: datetime) -> None:
    """End the alert, also on cancellation; if that fails it expires."""
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


def _observation(traffic: Traffic, seen: _Seen, nonce: str = "") -> Observation:
    facts: dict[str, Any] = {
        "configured_receivers": list(traffic.receivers),
        "receivers": list(dict.fromkeys(seen.receivers)),
        "notifications": {name: count.answered for name, count in seen.sent.items()},
        "failed_notifications": sum(count.given_up for count in seen.sent.values()),
        "delivered": seen.delivered,
    }
    subject = Subject(name="test alert", facts=facts)
    summary = {**facts, NONCE_LABEL: nonce}
    return Observation(subjects=(subject,), authority=traffic.api.authority, summary=summary)
