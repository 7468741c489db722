"""What happens after a phase, and when: the order of a launch in the words of a message."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

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

MISSED_AFTER = timedelta(minutes=5)
"""A window that has not opened so long after its moment was missed: what comes before it takes too long.

Not compressed in a rehearsal, whose people are as slow as any.
"""
_ORDER = (*BEFORE, T_MINUS_2H, GO_NO_GO, *AFTER_GO, WEEK_4, SIGN_OFF)
"""Without the phases that run side by side, which stand between ``BEFORE`` and the launch day."""
_REPAIR = "Repair it: clear the item with downstream, answer it, then clear the phase's step in the launch."
_FAILED = {
    GO_NO_GO: "The launch is over; the next one starts from its form.",
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
    """Say what comes after a phase of a launch that a conductor runs; None for a Dag it does not run.

    ``opens_at`` says when a Dag's window opens, if it is one; ``over``: the launch has ended, so a failed
    phase is not repaired. Go/no-go that failed without a *no go* is repaired like any other phase.
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


def beginning() -> Next:
    """Say what comes first in a launch."""
    return Next(what=title(_ORDER[0]))


def _after(dag_id: str) -> str | None:
    if dag_id in SIDE_BY_SIDE:
        return T_MINUS_2H
    if dag_id not in _ORDER:
        return None
    return _ORDER[_ORDER.index(dag_id) + 1]
