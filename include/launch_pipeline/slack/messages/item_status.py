"""Show an item's status as a symbol and a word: colour alone fails on paper and for colour-blind readers."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from launch_pipeline.slack.messages.views import ItemView


class Rank(IntEnum):
    """Order the items of a card: those that need a person first, those that are done last."""

    RED = 0
    ASKED = 1
    ENDED_BADLY = 2
    ANSWERED = 3
    MOVING = 4
    LATER = 5
    DONE = 6


class ItemStatus(NamedTuple):
    """Hold an item's rank, symbol and word."""

    rank: Rank
    symbol: str
    word: str


_MARKS = {
    Outcome.PASSED: (Rank.DONE, "✅"),
    Outcome.APPROVED: (Rank.DONE, "✅"),
    Outcome.WAIVED: (Rank.DONE, "⏭️"),
    Outcome.NOT_APPLICABLE: (Rank.DONE, "⚪"),
    Outcome.NOT_MET: (Rank.DONE, "⚠️"),
    Outcome.REJECTED: (Rank.ENDED_BADLY, "❌"),
    Outcome.NOT_REACHED: (Rank.ENDED_BADLY, "🚫"),
}


def _ended(outcome: Outcome, kind: RequestKind = RequestKind.APPROVAL) -> ItemStatus:
    return ItemStatus(*_MARKS[outcome], outcome.words(kind).capitalize())


OUTCOMES = {outcome: _ended(outcome) for outcome in Outcome}
_ASKED = {
    Verdict.FAILED: ItemStatus(Rank.RED, "🔴", "Checks failed"),
    Verdict.INCONCLUSIVE: ItemStatus(Rank.RED, "❓", "Could not be checked"),
}
_WAITING = ItemStatus(Rank.ASKED, "✋", "Waiting")
_ANSWERED = ItemStatus(Rank.ANSWERED, "📝", "Answered")
_STATES = {
    None: ItemStatus(Rank.LATER, "▫️", "Not started"),
    "none": ItemStatus(Rank.LATER, "▫️", "Not started"),
    "failed": ItemStatus(Rank.ENDED_BADLY, "❌", "Failed"),
    # Green without a record: the record follows, or the phase's gate reports a bypass.
    "success": ItemStatus(Rank.MOVING, "⏳", "Done, no record yet"),
    "skipped": ItemStatus(Rank.MOVING, "⏳", "Skipped, no record yet"),
    "upstream_failed": ItemStatus(Rank.ENDED_BADLY, "🚫", "Not reached"),
    "removed": ItemStatus(Rank.ENDED_BADLY, "🚫", "Removed"),
    "awaiting_input": ItemStatus(Rank.ASKED, "✋", "Waiting"),
}
_STOPPED = frozenset({"failed", "upstream_failed", "removed"})
_CHECKING = ItemStatus(Rank.MOVING, "⏳", "Checking")
_AGAIN = ItemStatus(Rank.MOVING, "🔁", "Verified again")
_NO_LONGER_TRUE = ItemStatus(Rank.RED, "🔻", "No longer true")
_STARTING = ItemStatus(Rank.MOVING, "⏳", "Starting")


def status_of(item: ItemView) -> ItemStatus:
    """Return an item's status: its record counts before its request, its request before the task's state."""
    if item.outcome is not None:
        return _ended(item.outcome, item.gate)
    if item.answered_by:
        return _ANSWERED
    if item.waits:
        return _ASKED.get(item.verdict, _WAITING) if item.verdict else _WAITING
    if item.again and item.state not in _STOPPED:
        return _NO_LONGER_TRUE if item.no_longer_true else _AGAIN
    return _STATES.get(item.state, _CHECKING if item.mode.has_checks else _STARTING)


def is_done(item: ItemView) -> bool:
    """Return whether an item has an outcome."""
    return item.outcome is not None
