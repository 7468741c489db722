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


OUTCOMES = {
    Outcome.PASSED: ItemStatus(Rank.DONE, "✅", "Passed"),
    Outcome.APPROVED: ItemStatus(Rank.DONE, "✅", "Approved"),
    Outcome.WAIVED: ItemStatus(Rank.DONE, "⏭️", "Waived"),
    Outcome.NOT_APPLICABLE: ItemStatus(Rank.DONE, "⚪", "Not applicable"),
    Outcome.NOT_MET: ItemStatus(Rank.DONE, "⚠️", "Not met"),
    Outcome.REJECTED: ItemStatus(Rank.ENDED_BADLY, "❌", "Rejected"),
    Outcome.NOT_REACHED: ItemStatus(Rank.ENDED_BADLY, "🚫", "Not reached"),
}
_BY_KIND = {
    (RequestKind.DECISION, Outcome.APPROVED): ItemStatus(Rank.DONE, "✅", "Go"),
    (RequestKind.DECISION, Outcome.REJECTED): ItemStatus(Rank.ENDED_BADLY, "❌", "No go"),
    (RequestKind.SIGNATURE, Outcome.APPROVED): ItemStatus(Rank.DONE, "✅", "Signed"),
    (RequestKind.SIGNATURE, Outcome.REJECTED): ItemStatus(Rank.ENDED_BADLY, "❌", "Declined"),
}
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
_CHECKING = ItemStatus(Rank.MOVING, "⏳", "Checking")
_STARTING = ItemStatus(Rank.MOVING, "⏳", "Starting")


def status_of(item: ItemView) -> ItemStatus:
    """Return an item's status: its record counts before its request, its request before the task's state."""
    if item.outcome is not None:
        return _BY_KIND.get((item.gate, item.outcome), OUTCOMES[item.outcome])
    if item.answered_by:
        return _ANSWERED
    if item.waits:
        return _ASKED.get(item.verdict, _WAITING) if item.verdict else _WAITING
    return _STATES.get(item.state, _CHECKING if item.mode.has_checks else _STARTING)


def is_done(item: ItemView) -> bool:
    """Return whether an item has an outcome."""
    return item.outcome is not None
