"""Check a record against its item, the launch and the rows before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import RequestKind, Severity
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.proof.counting import of_its_item
from launch_pipeline.ledger.schema import Outcome, RecordedBy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch_pipeline.ledger.facts import Derived, Started
    from launch_pipeline.ledger.plan import PlannedItem
    from launch_pipeline.ledger.schema import Acknowledgement, Record, Round

BY_MACHINE = frozenset({Outcome.PASSED, Outcome.NOT_REACHED})
SET_ASIDE = frozenset({Outcome.WAIVED, Outcome.NOT_APPLICABLE})
CONFIRMED = frozenset({Outcome.APPROVED, Outcome.NOT_MET}) | SET_ASIDE
_OWN = {"task_instance_id", "try_number", "carried_from"}
_DECISION = ("outcome", "decided_by", "role", "reason", "signature", "decided_at", "recorded_by")
_ASKED = ("words", "rules")


@dataclass(frozen=True)
class Before:
    """The rows of an item before one of its records."""

    records: Sequence[Record]
    rounds: Sequence[Round]
    reopened: int = 0
    """How many of the records came before the item was last reopened."""


def record_problem(record: Record, launch: Derived, before: Before) -> str | None:
    """Return the first rule that a record breaks, or None."""
    problem = next(_of_the_launch(record, launch), None) or next(_of_its_kind(record, before), None)
    if problem:
        return problem
    in_force = record.checklist_digest == launch.checklist_digests[record.dag_id]
    # A record of another definition has no item to compare; no complete seal can list it.
    return item_problem(record, launch) if in_force or of_its_item(record, launch) else None


def item_problem(record: Record, launch: Derived) -> str | None:
    """Return the first property of its item in force that a record does not fit, or None."""
    item = launch.plan.item(record.dag_id, record.item_ref)
    if item is None:
        return f"the launch has no item {record.item_ref} in {record.dag_id}"
    return next(_of_the_item(record, item, launch.started), None)


def _of_the_launch(record: Record, launch: Derived) -> Iterator[str]:
    started = launch.started
    if record.dag_id not in launch.plan.items:
        yield f"the launch has no phase {record.dag_id!r}"
    for name in ("environment", "rehearsal"):
        said, there = getattr(record, name), getattr(started, name)
        if said != there:
            yield f"it says {name} {said!r}, but the launch began with {there!r}"


def _of_its_kind(record: Record, before: Before) -> Iterator[str]:
    by_machine = record.outcome in BY_MACHINE
    says = (record.decided_by is None, record.role is None, record.recorded_by is RecordedBy.MACHINE)
    if set(says) != {by_machine}:
        yield f"the outcome '{record.outcome}' does not match who decided it and for which role"
    if not by_machine and record.outcome is not Outcome.APPROVED and not record.reason.strip():
        yield f"the outcome '{record.outcome}' has no reason"
    if record.carried_from is not None and not any(_same(record, other) for other in before.records):
        yield f"no earlier row has the decision of {record.carried_from} that it repeats"
    if record.confirms is not None and record.carried_from is None:
        yield from _of_its_confirmation(record, before)
    yield from _of_its_rounds(record, before)


def _same(record: Record, other: Record) -> bool:
    return other.task_instance_id == record.carried_from and (
        record.model_dump(exclude=_OWN) == other.model_dump(exclude=_OWN)
    )


def _of_its_confirmation(record: Record, before: Before) -> Iterator[str]:
    if record.outcome not in CONFIRMED:
        yield f"the outcome '{record.outcome}' cannot be carried over"
    reached = [n for n, one in enumerate(before.records) if one.outcome is not Outcome.NOT_REACHED]
    earlier = before.records[reached[-1]] if reached else None
    if earlier is None or not _confirmed(record, earlier):
        yield f"the decision of {record.confirms} that it confirms is not the latest of its item"
    elif reached[-1] >= before.reopened:
        yield "its item was not reopened since the decision that it confirms"


def _confirmed(record: Record, other: Record) -> bool:
    return (
        other.task_instance_id == record.confirms
        and all(getattr(other, name) == getattr(record, name) for name in _DECISION)
        and all(other.rests_on.get(name) == record.rests_on.get(name) for name in _ASKED)
    )


def _of_its_rounds(record: Record, before: Before) -> Iterator[str]:
    rounds = record.rounds
    if [one.number for one in rounds] != list(range(1, len(rounds) + 1)):
        yield "its rounds are not numbered 1, 2, 3, ..."
    # The last round of an approval is the approval itself.
    own = rounds[-1:] if record.outcome is Outcome.APPROVED else ()
    if any(_said(one) != _decision(record) for one in own):
        yield "its last round is not its approval"
    needed = rounds[:-1] if own else rounds
    lives: dict[int, set[Acknowledgement]] = {}
    for one in before.rounds:
        lives.setdefault(one.life, set()).add(one.acknowledgement)
    if needed and not any(set(needed) <= there for there in lives.values()):
        yield "it lists a round that no earlier row has"


def _said(one: Acknowledgement) -> tuple[object, ...]:
    return one.decided_by, one.decided_at, one.evidence_digest


def _decision(record: Record) -> tuple[object, ...]:
    return record.decided_by, record.decided_at, record.evidence_digest


def _of_the_item(record: Record, item: PlannedItem, started: Started) -> Iterator[str]:
    outcome = record.outcome
    if outcome is Outcome.PASSED and item.mode.needs_person:
        yield "its item needs a person, so passed checks are not enough"
    if outcome is Outcome.APPROVED:
        yield from _of_an_approval(record, item)
    most = item.rounds if item.rounds > 1 else 0
    if len(record.rounds) > most or (outcome is Outcome.APPROVED and len(record.rounds) < most):
        yield f"it has {len(record.rounds)} rounds, but its item is asked {item.rounds} times"
    if outcome is Outcome.REJECTED and item.severity is not Severity.BLOCKING:
        yield "its item is advisory, so a no makes it 'not_met'"
    if outcome is Outcome.NOT_MET and item.severity is not Severity.ADVISORY:
        yield "its item is blocking, so a no makes it 'rejected'"
    yield from _of_the_role(record, item, started)


def _of_an_approval(record: Record, item: PlannedItem) -> Iterator[str]:
    if not item.mode.needs_person:
        yield "its item asks for no approval"
    if item.mode.has_checks and _verdict(record) is not Verdict.PASSED:
        yield "its checks have not passed, so it cannot be approved"


def _of_the_role(record: Record, item: PlannedItem, started: Started) -> Iterator[str]:
    if item.gate is not RequestKind.APPROVAL:
        if record.confirms is not None:
            yield f"a {item.gate} is made anew, never carried over"
        yield from _of_the_gate(record, item, started)
    if record.outcome in SET_ASIDE:
        yield from _of_a_waiver(record, item, started)
    elif record.role is not None and record.role is not item.owner:
        yield f"its item belongs to {item.owner.value}, not to {record.role.value}"


def _verdict(record: Record) -> Verdict:
    return Verdict.of([result.verdict for result in record.results])


def _of_the_gate(record: Record, item: PlannedItem, started: Started) -> Iterator[str]:
    if record.outcome in SET_ASIDE:
        yield f"a {item.gate} cannot be '{record.outcome}'"
    person = record.decided_by
    own = person is not None and person.airflow_user == started.started_by
    if own and not started.plan.rules.self_approval:
        yield "the person who started the launch answered it, which its rules forbid"
    signs = item.gate is RequestKind.SIGNATURE and record.outcome is Outcome.APPROVED
    if signs and not record.signature.strip():
        yield "its signature is empty"


def _of_a_waiver(record: Record, item: PlannedItem, started: Started) -> Iterator[str]:
    rules = started.plan.rules
    if record.role not in {item.owner, *rules.may_waive.get(item.owner, ())}:
        yield f"the rules of the launch do not let {record.role} waive it"
    forbidden = item.severity is Severity.BLOCKING and not rules.waive_blocking_items
    if record.outcome is Outcome.WAIVED and forbidden:
        yield "its item is blocking, and the rules of the launch allow no waiver of it"
