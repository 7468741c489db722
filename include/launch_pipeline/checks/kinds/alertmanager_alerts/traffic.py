"""Alertmanager's notifications as far as its API shows them: receivers, counters, and the alerts behind them.

It counts notifications by integration, all webhooks together; newer servers can count by receiver. No
counter names an alert, so a count is about one alert only while no other alert can increment it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.alertmanager import configuration
from launch_pipeline.checks.clients.json_api import records
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checks.clients.json_api import Api

NONCE_LABEL = "launch_probe"
"""The label that tells one test alert from another."""
_SAMPLE = re.compile(
    r"^alertmanager_(notifications|notifications_failed|notification_requests|notification_requests_failed)"
    r"_total(?:\{(.*?)\})? ([0-9.eE+-]+)",
    re.MULTILINE,
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_GROUPS = re.compile(r"^alertmanager_dispatcher_aggregation_groups ([0-9.eE+-]+)", re.MULTILINE)
_SUPPRESSED = "suppressed"

Group = dict[str, Any]
Sorts = Counter[str]
"""Notifications by integration: ``{"webhook": 2}``."""


@dataclass(frozen=True)
class Count:
    """Notifications of one integration."""

    begun: float = 0
    answered: float = 0
    given_up: float = 0

    def since(self, before: Count) -> Count:
        """Return the difference to an earlier count."""
        return Count(
            self.begun - before.begun, self.answered - before.answered, self.given_up - before.given_up
        )


@dataclass(frozen=True)
class Look:
    """The state of the server at one moment."""

    counts: dict[str, Count]
    """By integration, of the receivers in ``counted``."""
    counted: frozenset[str]
    """The receivers whose notifications these counters count."""
    groups: tuple[Group, ...]
    hidden: int
    """Groups of resolved alerts: no longer listed, but their end may still be notified."""

    def ours(self, nonce: str) -> list[str]:
        """Name the receivers of the test alert, once for each notification group."""
        return [_receiver(group) for group in self.groups if any(_is(one, nonce) for one in _alerts(group))]

    def others(self, nonce: str = "") -> list[str]:
        """Name other alerts that may increment these counters: unmuted ones, and those just resolved."""
        names = {
            str(alert.get("labels", {}).get("alertname"))
            for group in self.groups
            if _receiver(group) in self.counted
            for alert in _alerts(group)
            if not _is(alert, nonce) and (alert.get("status") or {}).get("state") != _SUPPRESSED
        }
        over = [f"{self.hidden} ended lately"] if self.hidden else []
        return [*sorted(names), *over]


@dataclass(frozen=True)
class Traffic:
    """A receiver, with all that Alertmanager is configured with."""

    api: Api
    receivers: dict[str, Sorts]
    """Integrations of each receiver, for one group of alerts."""
    wanted: str

    @classmethod
    async def of(cls, api: Api, wanted: str) -> Traffic:
        """Read Alertmanager's own configuration; it masks the secrets in it."""
        listed = records((await configuration(api)).get("receivers"), "receivers")
        return cls(api, {str(one.get("name")): _sorts(one) for one in listed}, wanted)

    async def look(self) -> Look:
        """Read the counters before the groups, so that an alert that was counted is still in its group."""
        text = await self.api.text("/metrics")
        known = _GROUPS.search(text)
        samples = [(name, dict(_LABEL.findall(inner)), float(n)) for name, inner, n in _SAMPLE.findall(text)]
        if known is None or not any(name == "notification_requests" for name, _, _ in samples):
            lacking = "notification_requests_total" if known else "dispatcher_aggregation_groups"
            message = f"{self.api.authority}/metrics has no alertmanager_{lacking}"
            raise Inconclusive(message)
        groups = records((await self.api.get("/api/v2/alerts/groups")).document, "groups")
        by_receiver = any("receiver_name" in labels for _, labels, _ in samples)
        own = {self.wanted} if by_receiver else self._alike()
        hidden = max(0, round(float(known[1])) - len(groups))
        return Look(self._counts(samples), frozenset(own), tuple(groups), hidden)

    def expected(self, told: Iterable[str], counted: frozenset[str]) -> Sorts:
        """Return the number of notifications that these groups cause at their receivers."""
        total: Sorts = Counter()
        for name in told:
            total += self.receivers.get(name, Counter()) if name in counted else Counter()
        return Counter({sort: total[sort] for sort in self.receivers[self.wanted]})

    def _alike(self) -> set[str]:
        """Name the receivers that use one of the same integrations."""
        sorts = set(self.receivers[self.wanted])
        return {name for name, own in self.receivers.items() if sorts & set(own)}

    def _counts(self, samples: list[tuple[str, dict[str, str], float]]) -> dict[str, Count]:
        """Sum the counters.

        ``alertmanager_notifications_total`` counts a notification before it is sent, so it proves
        nothing without the requests that succeeded.
        """
        totals: dict[str, dict[str, float]] = {
            sort: defaultdict(float) for sort in self.receivers[self.wanted]
        }
        for name, labels, number in samples:
            own = labels.get("receiver_name", self.wanted) == self.wanted
            if own and labels.get("integration") in totals:
                totals[labels["integration"]][name] += number
        return {
            sort: Count(
                begun=t["notifications"],
                answered=t["notification_requests"] - t["notification_requests_failed"],
                given_up=t["notifications_failed"],
            )
            for sort, t in totals.items()
        }


def _sorts(receiver: dict[str, Any]) -> Sorts:
    """Count the integrations: ``webhook_configs: [a, b]`` is two of ``webhook``."""
    suffix = "_configs"
    return Counter(
        {key.removesuffix(suffix): len(value) for key, value in receiver.items()
         if key.endswith(suffix) and isinstance(value, list) and value}
    )  # fmt: skip


def _receiver(group: Group) -> str:
    return str((group.get("receiver") or {}).get("name"))


def _alerts(group: Group) -> list[dict[str, Any]]:
    return records(group.get("alerts"), "alerts")


def _is(alert: dict[str, Any], nonce: str) -> bool:
    return bool(nonce) and (alert.get("labels") or {}).get(NONCE_LABEL) == nonce
