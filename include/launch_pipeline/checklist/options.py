"""The possible answers of an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import Answer, RequestKind

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item


def options_of(item: Item) -> tuple[Answer, ...]:
    """Return the possible answers; they are constant, since Airflow stores those of the first request."""
    if item.gate is RequestKind.DECISION:
        return Answer.GO, Answer.NO_GO
    if item.gate is RequestKind.SIGNATURE:
        return Answer.SIGN, Answer.DECLINE
    approve = (Answer.APPROVE,) if item.mode.needs_person else ()
    recheck = (Answer.RECHECK,) if item.mode.has_checks else ()
    return (*approve, *recheck, Answer.WAIVE, Answer.NOT_APPLICABLE, Answer.REJECT)
