"""The alert that always fires, as the proof that the asked-for alerts would arrive.

A watchdog carries the labels of the Prometheus that sent it (``external_labels``), so the matchers on such
labels tell whose pipeline it proves; staging's watchdog says nothing of production.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.matchers import Matcher, each_of, read
from launch_pipeline.checks.language.comparisons import SKEW
from launch_pipeline.checks.language.values import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from launch_pipeline.checks.kinds.alertmanager_alerts.definition import AlertmanagerAlertsParams

_ENVIRONMENT = {
    "account", "cluster", "cluster_id", "cluster_name", "customer", "datacenter", "dc", "env", "environment",
    "deployment_environment", "k8s_cluster", "kubernetes_cluster", "landscape", "monitor", "project",
    "prometheus", "region", "site", "stage", "tenant", "zone",
}  # fmt: skip
"""Labels of a Prometheus or of what it watches as a whole: a watchdog must carry them."""
_OWN = {
    "alertgroup", "alertname", "app", "component", "container", "deployment", "endpoint", "host", "instance",
    "job", "namespace", "node", "owner", "pod", "severity", "service", "statefulset", "team",
}  # fmt: skip
"""Labels of one alert: a watchdog has none of these, or its own."""
_RESENT = timedelta(minutes=15)
"""Prometheus sends a firing alert again every minute (``--rules.alert.resend-delay``), or every interval."""
_ZERO = 1970

Alert = dict[str, Any]


@dataclass(frozen=True)
class Watch:
    """Whether the watchdog fires, or why that is not known, and the labels that it was known by."""

    firing: bool | None
    unknown: str = ""
    known_by: tuple[str, ...] = ()


def seen(params: AlertmanagerAlertsParams, found: Sequence[Alert], now: datetime) -> Watch:
    """Return whether the watchdog of the alerts that are asked for fires.

    A silence of it mutes its message, not the proof.
    """
    alive = [alert for alert in found if _named(alert, params.watchdog) and _alive(alert, now)]
    matchers = _matchers(params, alive)
    known_by = tuple(f"{one.name}{one.sign}{one.value}" for one in matchers)
    missing = [wanted for wanted in each_of(matchers) if not any(_matches(alert, wanted) for alert in alive)]
    if alive and missing and any(_unlabelled(alert, wanted) for wanted in missing for alert in alive):
        return Watch(None, _nameless(params.watchdog, matchers, alive), known_by)
    return Watch(bool(alive) and not missing, known_by=known_by)


def _named(alert: Alert, name: str) -> bool:
    return (alert.get("labels") or {}).get("alertname") == name


def _alive(alert: Alert, now: datetime) -> bool:
    """Return whether an alert has not ended, and was sent again lately."""
    ends, updated = (moment(alert.get(name)) for name in ("endsAt", "updatedAt"))
    ended = ends is not None and ends.year > _ZERO and now - ends > SKEW
    return not ended and (updated is None or now - updated <= _RESENT)


def _matchers(params: AlertmanagerAlertsParams, alive: Iterable[Alert]) -> list[Matcher]:
    given = params.matchers if params.watchdog_matchers is None else params.watchdog_matchers
    readable = [matcher for matcher in map(read, given) if matcher is not None]
    if params.watchdog_matchers is not None:
        return readable
    carried = {name for alert in alive for name in alert.get("labels") or {}}
    return [one for one in readable if one.name in _ENVIRONMENT | (carried - _OWN)]


def _matches(alert: Alert, wanted: Iterable[Matcher]) -> bool:
    return all(one.matches(alert.get("labels") or {}) for one in wanted)


def _nameless(name: str, matchers: Iterable[Matcher], alive: Sequence[Alert]) -> str:
    carried = [alert.get("labels") or {} for alert in alive]
    lacking = sorted({one.name for one in matchers if any(one.name not in labels for labels in carried)})
    return (
        f"{name} fires without the label {', '.join(lacking)}, so it is not known whose it is; name labels "
        "that it has in 'watchdog_matchers'"
    )


def _unlabelled(alert: Alert, wanted: Iterable[Matcher]) -> bool:
    """Return whether an alert fails to match only for want of a label."""
    labels = alert.get("labels") or {}
    failing = [one for one in wanted if not one.matches(labels)]
    return all(one.name not in labels for one in failing)
