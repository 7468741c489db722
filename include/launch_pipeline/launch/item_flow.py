"""Decide what an item does next: one pure function from what happened to what follows.

::

    Checked ──▶ Pass ──▶ done
       ├─▶ Take: the answer of a try whose worker was lost
       ├─▶ Append: an earlier decision that is carried over
       └─▶ Ask ──▶ the request is open
             ├─ Healed ──▶ Show: still open, on evidence that passed
             ├─ Denied ──▶ Deny ──▶ Ended
             └─ Answered ──▶ Take
                  ├─ Refused ──▶ AskAgain
                  └─ Counted ──▶ Retry, or AskAnew with rounds: a Re-check
                       ├─▶ Refresh ──▶ Refreshed ──▶ Take, or AskAgain: old evidence
                       └─▶ Decide ──▶ Decided ──▶ Append ──▶ Ended, or Refused
                                        └─▶ AppendRound ──▶ Rest ──▶ RoundDue ──▶ AskAnew
    Ended ──▶ End: succeed, skip or fail

An event says what the world did, an action what the task does about it. ``airflow/operators/item_run.py``
carries the actions out; ``item_states.py`` holds where a task waits between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self, assert_never

from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.launch.item_records import with_rounds
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.launch.evidence import Evidence
    from launch_pipeline.launch.item_records import GivenAnswer
    from launch_pipeline.ledger.schema import Acknowledgement, Record

OLD_WITH_EFFECTS = "The evidence is too old and this check has side effects: answer Re-check, then approve."
STILL_FAILING = "The evidence was too old; looked at again it says: {}"


@dataclass(frozen=True)
class Traits:
    """What the flow depends on of an item."""

    needs_person: bool
    side_effects: bool
    in_triggerer: bool
    """Whether all its checks run in the triggerer."""
    decision: bool
    """Whether it is a go/no-go, which another role's no ends."""
    rounds: int = 0
    """How often a repeating item is acknowledged; 0 for any other."""

    @classmethod
    def of(cls, item: Item) -> Self:
        """Return the traits of an item."""
        return cls(
            needs_person=item.mode.needs_person,
            side_effects=bool(item.side_effects),
            in_triggerer=runs_in_triggerer(item),
            decision=item.gate is RequestKind.DECISION,
            rounds=item.repeat.times if item.repeat else 0,
        )


def runs_in_triggerer(item: Item) -> bool:
    """Return whether an item has checks that all run in the triggerer."""
    return item.mode.has_checks and all(kind(check.kind).runs_on == "triggerer" for check in item.checks)


# ---- events ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    """The checks were looked at once, or there are none."""

    evidence: Evidence | None
    lost: GivenAnswer | None = None
    """What was answered in a try before this one whose worker was lost."""
    acknowledged: tuple[Acknowledgement, ...] = ()
    confirmed: Record | None = None
    """A person's earlier decision, carried over because nothing that they were asked has changed."""


@dataclass(frozen=True)
class Answered:
    """A person has answered."""

    answer: GivenAnswer
    offered: bool = False
    """Whether the answer was offered to the ledger before, which may hold its decision already."""


@dataclass(frozen=True)
class Refused:
    """An answer does not count, and this is why."""

    why: str


@dataclass(frozen=True)
class Counted:
    """An answer counts by the rules of this moment."""

    answer: GivenAnswer
    person: Person
    evidence: Evidence | None
    fresh_for: timedelta
    acknowledged: tuple[Acknowledgement, ...] = ()


@dataclass(frozen=True)
class Refreshed:
    """The checks were looked at again for an approval whose evidence was too old."""

    answer: GivenAnswer
    evidence: Evidence


@dataclass(frozen=True)
class Healed:
    """The checks pass now, and a person is needed as well."""

    evidence: Evidence


@dataclass(frozen=True)
class Denied:
    """Another role has said no."""

    by: str


@dataclass(frozen=True)
class RoundDue:
    """The next round of a repeating item is due."""


@dataclass(frozen=True)
class Decided:
    """A decision is made, and not yet in the ledger."""

    record: Record
    acknowledged: tuple[Acknowledgement, ...] = ()
    answered_at: datetime | None = None


@dataclass(frozen=True)
class Ended:
    """The record that ends the item is in the ledger."""

    record: Record


Event = Checked | Answered | Refused | Counted | Refreshed | Healed | Denied | RoundDue | Decided | Ended


# ---- actions ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """Append the pass of a machine item, and succeed with its record."""

    evidence: Evidence


@dataclass(frozen=True)
class Ask:
    """Show the evidence, open the request and wait."""

    evidence: Evidence | None


@dataclass(frozen=True)
class AskAgain:
    """Say why the answer does not count, and open the request again on the evidence shown last."""

    why: str
    shown: Evidence | None = None
    """Evidence to show first."""


@dataclass(frozen=True)
class AskAnew:
    """Look again, and open the request for another round."""


@dataclass(frozen=True)
class Show:
    """Show evidence beside the open request, and wait on."""

    evidence: Evidence


@dataclass(frozen=True)
class Take:
    """Ask the rules whether an answer counts."""

    answer: GivenAnswer
    offered: bool = False
    shown: Evidence | None = None
    """Evidence to show first."""


@dataclass(frozen=True)
class Refresh:
    """Look again before an approval counts."""

    answer: GivenAnswer
    in_triggerer: bool


@dataclass(frozen=True)
class Retry:
    """Begin another try, as a person asked."""

    why: str


@dataclass(frozen=True)
class Decide:
    """Make the record of an answer that counts."""

    counted: Counted


@dataclass(frozen=True)
class AppendRound:
    """Append one round of a repeating item."""

    decided: Decided


@dataclass(frozen=True)
class Append:
    """Append the decision."""

    record: Record


@dataclass(frozen=True)
class Deny:
    """Append that the item was not reached: another role's no ended it."""

    by: str


@dataclass(frozen=True)
class Rest:
    """Wait for the next round."""

    acknowledged: tuple[Acknowledgement, ...]


class Ending(StrEnum):
    """How Airflow sees the end of an item."""

    SUCCEED = "succeed"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True)
class End:
    """End the task."""

    ending: Ending
    record: Record


Action = (
    Pass
    | Ask
    | AskAgain
    | AskAnew
    | Show
    | Take
    | Refresh
    | Retry
    | Decide
    | AppendRound
    | Append
    | Deny
    | Rest
    | End
)


# ---- the table -------------------------------------------------------------------------------------


def step(event: Event, item: Traits) -> Action:  # noqa: C901, PLR0911 - one row for each event
    """Return what an item of these traits does about an event."""
    match event:
        case Checked():
            return _after_look(event, item)
        case Answered(answer, offered):
            return Take(answer, offered)
        case Refused(why):
            return AskAgain(why)
        case Counted():
            return _after_rules(event, item)
        case Refreshed(answer, evidence) if evidence.passed:
            return Take(answer, shown=evidence)
        case Refreshed(_, evidence):
            return AskAgain(STILL_FAILING.format(evidence.headline), evidence)
        case Healed(evidence):
            return Show(evidence)
        case Denied(by):
            return Deny(by)
        case RoundDue():
            return AskAnew()
        case Decided():
            return _after_decision(event, item)
        case Ended(record):
            return End(_ENDINGS.get(record.outcome, Ending.SKIP), record)
    assert_never(event)


def _after_look(event: Checked, item: Traits) -> Action:
    if event.lost is not None:
        if acknowledged(event.acknowledged, event.lost.at):
            return Rest(event.acknowledged)
        return Take(event.lost, offered=True, shown=event.evidence)
    if event.evidence is not None and event.evidence.passed and not item.needs_person:
        return Pass(event.evidence)
    return Append(event.confirmed) if event.confirmed else Ask(event.evidence)


def _after_rules(event: Counted, item: Traits) -> Action:
    answer, evidence = event.answer, event.evidence
    if answer.option == Answer.RECHECK:
        # A new try would forget the rounds that were acknowledged.
        return AskAnew() if event.acknowledged else Retry(f"{answer.airflow_user} asked for a re-check.")
    # The age at the moment of the answer: one that waits an hour for the ledger does not grow old.
    if not (Answer(answer.option).affirms and evidence and evidence.older_than(event.fresh_for, answer.at)):
        return Decide(event)
    return AskAgain(OLD_WITH_EFFECTS) if item.side_effects else Refresh(answer, item.in_triggerer)


def _after_decision(event: Decided, item: Traits) -> Action:
    final = Append(with_rounds(event.record, event.acknowledged))
    if not item.rounds or event.record.outcome is not Outcome.APPROVED:
        return final
    if not acknowledged(event.acknowledged, event.answered_at):
        return AppendRound(event)
    return Rest(event.acknowledged) if len(event.acknowledged) < item.rounds else final


_ENDINGS = {
    Outcome.APPROVED: Ending.SUCCEED,
    Outcome.REJECTED: Ending.FAIL,
    Outcome.NOT_REACHED: Ending.FAIL,
}
"""Waived, not applicable and advisory-not-met items are skipped, with their record."""


# ---- waiting ---------------------------------------------------------------------------------------


class WaitFor(StrEnum):
    """What may end the wait of an open request, beside an answer."""

    CHECKS = "checks"
    """Its checks repeat in the triggerer until they pass."""
    A_NO = "a no"
    """Another role's no ends a go/no-go."""
    AN_ANSWER = "an answer"


def wait_for(item: Traits, evidence: Evidence | None) -> WaitFor:
    """Return what an open request waits for. Checks with side effects, or on a worker, never repeat."""
    failing = evidence is not None and not evidence.passed
    if failing and item.in_triggerer and not item.side_effects:
        return WaitFor.CHECKS
    return WaitFor.A_NO if item.decision else WaitFor.AN_ANSWER


def acknowledged(rounds: Sequence[Acknowledgement], answered_at: datetime | None) -> bool:
    """Return whether an answer is the last round in the ledger: its request stays answered until the next."""
    return bool(rounds) and rounds[-1].decided_at == answered_at


def left_until_next(rounds: Sequence[Acknowledgement], every: timedelta) -> timedelta:
    """Return how long to wait for the next round, from the answer to the last one; may be negative."""
    return rounds[-1].decided_at + every - datetime.now(UTC)
