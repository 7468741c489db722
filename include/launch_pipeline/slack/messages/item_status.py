"""How an item stands, in a symbol and a word: colour alone tells nothing to some, and nothing on paper."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from launch_pipeline.slack.messages.views import ItemView


class Rank(IntEnum):
    """Where an item stands on its card: what needs a person first, what is done last."""

    RED = 0
    ASKED = 1
    ENDED_BADLY = 2
    ANSWERED = 3
    MOVING = 4
    LATER = 5
    DONE = 6


class Standing(NamedTuple):
    """How an item stands."""

    rank: Rank
    symbol: str
    word: str


OUTCOMES = {
    Outcome.PASSED: Standing(Rank.DONE, "✅", "Passed"),
    Outcome.APPROVED: Standing(Rank.DONE, "✅", "Approved"),
    Outcome.WAIVED: Standing(Rank.DONE, "⏭️", "Waived"),
    Outcome.NOT_APPLICABLE: Standing(Rank.DONE, "⚪", "Not applicable"),
    Outcome.NOT_MET: Standing(Rank.DONE, "⚠️", "Not met"),
    Outcome.REJECTED: Standing(Rank.ENDED_BADLY, "❌", "Rejected"),
    Outcome.NOT_REACHED: Standing(Rank.ENDED_BADLY, "🚫", "Not reached"),
}
_SPOKEN = {
    (RequestKind.DECISION, Outcome.APPROVED): Standing(Rank.DONE, "✅", "Go"),
    (RequestKind.DECISION, Outcome.REJECTED): Standing(Rank.ENDED_BADLY, "❌", "No go"),
    (RequestKind.SIGNATURE, Outcome.APPROVED): Standing(Rank.DONE, "✅", "Signed"),
    (RequestKind.SIGNATURE, Outcome.REJECTED): Standing(Rank.ENDED_BADLY, "❌", "Declined"),
}
_ASKED = {
    Verdict.FAILED: Standing(Rank.RED, "🔴", "Checks failed"),
    Verdict.INCONCLUSIVE: Standing(Rank.RED, "❓", "Could not be checked"),
}
_WAITS = Standing(Rank.ASKED, "✋", "Waiting")
_RESUMES = Standing(Rank.ANSWERED, "📝", "Answered")
_STATES = {
    None: Standing(Rank.LATER, "▫️", "Not started"),
    "none": Standing(Rank.LATER, "▫️", "Not started"),
    "failed": Standing(Rank.ENDED_BADLY, "❌", "Failed"),
    # Green without a record yet: the record follows, or the phase's gate names a bypass.
    "success": Standing(Rank.MOVING, "⏳", "Done, no record yet"),
    "skipped": Standing(Rank.MOVING, "⏳", "Skipped, no record yet"),
    "upstream_failed": Standing(Rank.ENDED_BADLY, "🚫", "Not reached"),
    "removed": Standing(Rank.ENDED_BADLY, "🚫", "Removed"),
    "awaiting_input": Standing(Rank.ASKED, "✋", "Waiting"),
}
_CHECKS = Standing(Rank.MOVING, "⏳", "Checking")
_BEGINS = Standing(Rank.MOVING, "⏳", "Starting")


def standing(item: ItemView) -> Standing:
    """Say how an item stands: the record's word before the request's, the request's before the state's."""
    if item.outcome is not None:
        return _SPOKEN.get((item.gate, item.outcome), OUTCOMES[item.outcome])
    if item.answered_by:
        return _RESUMES
    if item.waits:
        return _ASKED.get(item.verdict, _WAITS) if item.verdict else _WAITS
    return _STATES.get(item.state, _CHECKS if item.mode.has_checks else _BEGINS)


def is_done(item: ItemView) -> bool:
    """Whether the item has an outcome; how it looks is another question."""
    return item.outcome is not None
