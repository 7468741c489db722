"""When a rule was evaluated last, and whether that is too long ago for its group."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.language.values import duration, moment, number

if TYPE_CHECKING:
    from datetime import datetime

_NEVER = 1970
"""Go's zero time, 0001-01-01, is written for a rule that was never evaluated."""
_LEAST = timedelta(minutes=5)
"""The tolerated difference between clocks, and the limit for a group without an interval."""
_LATE = timedelta(minutes=1)
_NANOSECONDS = 1e9
"""Per second; Go writes a ``time.Duration`` so, and no group has an interval of as many seconds."""

Rule = dict[str, Any]


def evaluated(rule: Rule) -> datetime | None:
    """Return the moment of the last evaluation; None if there was none, or it is not known."""
    at = moment(rule.get("lastEvaluation"))
    return None if rule.get("health") in {None, "unknown"} or at is None or at.year <= _NEVER else at


def overdue(rule: Rule, now: datetime) -> str:
    """Return how long ago the rule should have been evaluated again; an empty string if it need not.

    Two intervals of its group and a minute may pass; evaluations that take longer than the interval follow
    each other instead (``rules/group.go`` of Prometheus).
    """
    at, every = evaluated(rule), _every(rule)
    if at is not None and at - now > _LEAST:
        return f"{rule['name']}: evaluated {_rounded(at - now)} from now, by the server's clock"
    if at is None or now - at <= max(_LEAST, 2 * every + _LATE):
        return ""
    of = f", its group is every {format_duration(every)}" if every else ""
    return f"{rule['name']}: evaluated {_rounded(now - at)} ago{of}"


def _every(rule: Rule) -> timedelta:
    """Return the time between two evaluations; zero if the server does not say."""
    return max(_length(rule.get(name)) for name in ("group_interval", "group_evaluation"))


def _length(given: Any) -> timedelta:
    seconds, written = number(given), duration(given)
    if seconds is None:
        return written or timedelta()
    return timedelta(seconds=seconds / _NANOSECONDS if seconds >= _NANOSECONDS else seconds)


def _rounded(age: timedelta) -> str:
    unit = next(
        (unit for unit in (timedelta(days=1), timedelta(hours=1)) if age > 2 * unit), timedelta(minutes=1)
    )
    return format_duration(round(age / unit) * unit)
