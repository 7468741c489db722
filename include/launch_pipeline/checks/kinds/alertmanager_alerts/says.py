"""Says which alerts fire in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import wanted
from launch_pipeline.checks.language.units import counted, instant, named
from launch_pipeline.checks.language.values import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_COUNTED = {"alerts[].name", "count"}
_KNOWN = _COUNTED | {
    "watchdog_firing",
    "configured_receivers",
    "receivers",
    "failed_notifications",
    "delivered",
}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or that nothing fires."""
    if finding is None:
        return _quiet(params, facts)
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    if finding.expression in _COUNTED:
        return _firing(params, facts, finding)
    if finding.actual is None:
        return None
    return {
        "watchdog_firing": f"the alert {params.watchdog}, which always fires, does not: alerts may get lost",
        "configured_receivers": f"the routes do not send the test alert to {params.receiver}",
        "receivers": f"the test alert was not sent to {params.receiver}",
        "failed_notifications": f"{finding.actual} notifications to {params.receiver} failed",
        "delivered": f"the test alert was not delivered to {params.receiver}",
    }.get(finding.expression)


def _firing(params: Any, facts: Mapping[str, Any], finding: Finding) -> str | None:
    alerts = facts.get("alerts")
    if not isinstance(alerts, list) or not alerts:
        return None
    limit = f"; wanted {wanted(finding)}" if params.max or finding.wanted not in {"== []", "<= 0"} else ""
    names = named([_name(one) for one in alerts if isinstance(one, dict)], len(alerts))
    return f"{counted(len(alerts), f'{_grade(params)}alert')} firing: {names}{limit}"


def _name(alert: Mapping[str, Any]) -> str:
    since = moment(alert.get("startsAt"))
    return f"{alert.get('name')}" + (f" since {instant(since)}" if since else "")


def _grade(params: Any) -> str:
    return "critical " if params.matchers == ('severity="critical"',) else ""


def _quiet(params: Any, facts: Mapping[str, Any]) -> str | None:
    if params.inject is not None:
        return f"the test alert reached {params.receiver}"
    count = facts.get("count")
    alive = f"; {params.watchdog} fires as it must" if params.watchdog else ""
    return f"{counted(count, f'{_grade(params)}alert')} firing{alive}" if isinstance(count, int) else None
