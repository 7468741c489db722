"""Say what comes after a phase, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from launch_pipeline.checklist.moments import opening_of
from launch_pipeline.checklist.sequence import (
    AFTER_GO,
    BEFORE,
    GO_NO_GO,
    ROLLBACK,
    SIDE_BY_SIDE,
    SIGN_OFF,
    T_MINUS_2H,
    WEEK_4,
    title,
)
from launch_pipeline.notifications.model import Next

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from launch_pipeline.checklist.plan import DagPlan
    from launch_pipeline.ledger.schema import Seal

MISSED_AFTER = timedelta(minutes=5)
"""A window that has not opened this long after its time was missed: the phases before it took too long.

It is not shortened in a rehearsal, where people answer no faster.
"""
LAUNCH_OVER = "The launch is over. Start the next one from its form."
_ORDER = (*BEFORE, T_MINUS_2H, GO_NO_GO, *AFTER_GO, WEEK_4, SIGN_OFF)
"""The phases in order, without the four that run side by side between ``BEFORE`` and the launch day."""
_REPAIR = "Repair it: clear the item with downstream, answer it, then clear the phase's step in the launch."
_FAILED = {
    GO_NO_GO: LAUNCH_OVER,
    **dict.fromkeys(AFTER_GO, "The rollback is offered. Or repair: clear the item with downstream."),
    ROLLBACK: "Clear the item with downstream, and finish the rollback.",
}
_COMPLETE = {
    BEFORE[-1]: "Four phases side by side: " + ", ".join(map(title, SIDE_BY_SIDE)),
    SIGN_OFF: "Nothing: the launch is complete.",
    ROLLBACK: "Nothing: the launch is rolled back.",
}
_SIDE = "When the other phases of week 3 are complete as well: "


def following(
    dag_id: str, *, complete: bool, opens_at: Callable[[str], datetime | None], over: bool = False
) -> Next | None:
    """Return what comes after a phase; None for a Dag that the conductor does not run.

    ``opens_at`` returns when a Dag's window opens. ``over`` says that the launch has ended, so a failed
    phase is not repaired. A go/no-go that failed without a *no go* is repaired like any other phase.
    """
    if not complete:
        repairable = dag_id == GO_NO_GO and not over
        return Next(what=_REPAIR if repairable else _FAILED.get(dag_id, _REPAIR))
    if dag_id in _COMPLETE:
        return Next(what=_COMPLETE[dag_id])
    after = _after(dag_id)
    if after is None:
        return None
    words = _SIDE if dag_id in SIDE_BY_SIDE else ""
    return Next(what=words + title(after), at=opens_at(after))


def first_step() -> Next:
    """Return what comes first in a launch."""
    return Next(what=title(_ORDER[0]))


def window_opening(
    plan: DagPlan | None, launch_at: datetime | None, t_0: Seal | None, pace: float = 1.0
) -> datetime | None:
    """Return when a Dag's window opens; None for a Dag that waits for no time, or without a launch time.

    ``t_0`` is the seal of T-0, after which later windows open.
    """
    if plan is None or launch_at is None:
        return None
    return opening_of(plan, launch_at, t_0.sealed_at if t_0 else None, pace)


def _after(dag_id: str) -> str | None:
    if dag_id in SIDE_BY_SIDE:
        return T_MINUS_2H
    if dag_id not in _ORDER:
        return None
    return _ORDER[_ORDER.index(dag_id) + 1]
