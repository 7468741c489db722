"""Says whether a CronJob still runs when its schedule asks for it.

Its status has no word for that: a controller that gave up after a hundred missed starts, or is gone, leaves
the last good run where it is (https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterError, croniter

from launch_pipeline.checks.kinds.kubernetes_resource.objects import Unsaid, part
from launch_pipeline.checks.language.values import duration, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+)\s+")
_UNZONED = [timezone(timedelta(hours=hours)) for hours in range(-12, 15)]
"""The zones that a controller may be in where neither the schedule nor the object names one."""


def refuse_missed(thing: Mapping[str, Any]) -> None:
    """Raise Unsaid for a CronJob that was due twice and did not start, or whose schedule cannot be read."""
    spec, seen = part(thing, "spec"), part(thing, "status").get("lastScheduleTime")
    last, schedule = moment(seen), spec.get("schedule")
    if last is None or not isinstance(schedule, str):
        return
    try:
        due = _due(schedule, spec.get("timeZone"))
    except (CroniterError, ZoneInfoNotFoundError, ValueError) as error:
        message = f"its schedule '{schedule}' cannot be read: {error}"
        raise Unsaid(message[:200]) from error
    if last < due:
        message = f"it was due at {due.astimezone(UTC).isoformat()} by its schedule, and last ran at {seen}"
        raise Unsaid(message)


def _due(schedule: str, zone: Any) -> datetime:
    """Return the moment since which a CronJob must have run, as its controller understands the schedule.

    That is the last moment but one, because a schedule may have been changed since.
    """
    written = _ZONE.match(schedule)
    name = zone or (written[1] if written else None)
    bare = schedule[written.end() :] if written else schedule
    now = datetime.now(UTC)
    every = duration(bare.removeprefix("@every ")) if bare.startswith("@every ") else None
    if every:
        return now - 2 * every
    zones = [ZoneInfo(name)] if name else _UNZONED
    return min(_last_but_one(bare, now.astimezone(one)) for one in zones)


def _last_but_one(schedule: str, now: datetime) -> datetime:
    times = croniter(schedule, now)
    times.get_prev(datetime)
    due: datetime = times.get_prev(datetime)
    return due
