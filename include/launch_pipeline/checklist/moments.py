"""When windows open; the sensor, the notifications and the cards share this rule."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import Anchor

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Moment
    from launch_pipeline.checklist.plan import DagPlan


def opening(
    moment: Moment, launch_at: datetime, t_0_ended: datetime | None = None, pace: float = 1.0
) -> datetime:
    """Return the time of a moment; ``pace`` is the environment's, less than 1 in a rehearsal.

    Until T-0 has ended, a moment after the end of T-0 is counted from the launch time.
    """
    later = t_0_ended if moment.anchor is Anchor.T_0_END and t_0_ended else launch_at
    return max(launch_at, later) + moment.offset * pace


def opening_of(
    plan: DagPlan, launch_at: datetime, t_0_ended: datetime | None = None, pace: float = 1.0
) -> datetime | None:
    """Return the earliest of a Dag's moments; None if it has none."""
    return min((opening(moment, launch_at, t_0_ended, pace) for _, moment in plan.moments), default=None)


def zoned_time(text: object) -> datetime | None:
    """Read an ISO time that names its zone; None for anything else."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return read if read.tzinfo else None
