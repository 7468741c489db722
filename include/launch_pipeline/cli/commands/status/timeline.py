"""Time a launch: its windows, which one opens next, and the countdown to T-0. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.moments import opening_of
from launch_pipeline.checklist.sequence import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from launch_pipeline.checklist.plan import DagPlan

NOT_STARTED = "not started"
NAMES = dict(zip(WINDOWS, ("T-2h", "T-0", "T+1h", "T+4h"), strict=True))
"""Short names of the windows."""


class Window(Frozen):
    """One window of the launch day."""

    dag_id: str
    name: str
    opens_at: str
    """ISO time. Windows timed from the end of T-0 use the launch time until T-0 has ended."""
    state: str
    """State of its phase's run."""


def windows(
    plans: Mapping[str, DagPlan],
    runs: Mapping[str, Any],
    launch_at: str,
    *,
    t_0_sealed_at: str = "",
    pace: float = 1.0,
) -> tuple[Window, ...]:
    """Return when each window opens; empty if the launch time is not known."""
    base, ended = _moment(launch_at), _moment(t_0_sealed_at)
    found = []
    for dag_id in WINDOWS:
        opens_at = opening_of(plans[dag_id], base, ended, pace) if base and dag_id in plans else None
        if opens_at:
            state = str((runs.get(dag_id) or {}).get("state") or NOT_STARTED)
            iso = opens_at.isoformat()
            found.append(Window(dag_id=dag_id, name=NAMES[dag_id], opens_at=iso, state=state))
    return tuple(found)


def next_window(found: tuple[Window, ...], now: datetime) -> Window | None:
    """Return the window that opens next, or that is late; None after the last."""
    for window in found:
        if window.state == "success":
            continue
        opens_at = datetime.fromisoformat(window.opens_at)
        # A run starts before its window opens, and waits; a run after that time means the window is open.
        if opens_at > now or window.state == NOT_STARTED:
            return window
    return None


def countdown(launch_at: str, now: datetime) -> str:
    """Return the time to T-0, such as ``T-1 h 42`` or ``T+3 d 4 h``; empty if it is not known."""
    base = _moment(launch_at)
    if base is None:
        return ""
    seconds = int((base - now).total_seconds())
    sign, minutes = ("-" if seconds > 0 else "+"), abs(seconds) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"T{sign}{days} d {hours % 24} h"
    return f"T{sign}{hours} h {minutes % 60:02}" if hours else f"T{sign}{minutes} min"


def clock(iso: str, now: datetime) -> str:
    """Return a time in the terminal's time zone, with the day unless it is today."""
    at = datetime.fromisoformat(iso).astimezone(now.astimezone().tzinfo)
    day = "" if at.date() == now.astimezone(at.tzinfo).date() else f"{at:%d %b} "
    return f"{day}{at:%H:%M %Z}"


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
