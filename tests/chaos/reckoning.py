"""What the ledger holds of launches, against what people gave."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.deciders import PEOPLE, Gate
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.ledger.proof.verify import verify
from launch_pipeline.ledger.schema import EntryKind, Outcome

if TYPE_CHECKING:
    from chaos.deciders import Accounts
    from launch_pipeline.ledger.schema import LedgerEntry, Record, SealedRecord
    from servers.launches import Launchpad

_BY_PEOPLE = frozenset({Outcome.APPROVED, Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.NOT_MET})
_MEANT = {Answer.APPROVE: Outcome.APPROVED, Answer.WAIVE: Outcome.WAIVED}


@dataclass(frozen=True)
class Reckoning:
    """One round's count; all but the first two must be 0."""

    decisions: int
    """That were kept: rows of kind decision that say nothing of an earlier one."""
    carried: int
    """Rows that say a decision again for the next try, after a worker was lost."""
    lost: int
    """Answers that were taken, as people were told, and then asked for again or not kept."""
    doubled: int
    """Decisions beyond one for a request."""
    invented: int
    """Decisions that nobody gave, or not so: other person, other answer, carried from nothing."""
    opened: int
    """Requests that opened without a decision."""
    incomplete: int
    """Launches whose phase did not end sealed complete."""
    broken: int
    """Launches whose chain does not verify."""

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        wrong = (self.lost, self.doubled, self.invented, self.opened, self.incomplete, self.broken)
        return not any(wrong)


def reckon(pad: Launchpad, runs: list[str], dag_id: str, accounts: Accounts) -> Reckoning:
    """Count over the launches of one round."""
    decided: dict[Gate, list[Record]] = defaultdict(list)
    carried: list[Record] = []
    opened = incomplete = 0
    for run in runs:
        entries = pad.ledger.entries(run)
        for record in _decisions(entries):
            (carried if record.carried_from else decided[run, record.task_id]).append(record)
        seal = pad.ledger.seal(run, dag_id)
        incomplete += not (seal and seal.complete)
        opened += _opened(entries, seal.records if seal else ())
    known = accounts.taken.keys() | accounts.unsure
    first = [record for found in decided.values() for record in found]
    return Reckoning(
        decisions=len(first),
        carried=len(carried),
        lost=sum(accounts.asked_again.values()) + len(accounts.taken.keys() - decided.keys()),
        doubled=sum(len(found) - 1 for found in decided.values()),
        invented=sum(gate not in known or not all(map(_as_meant, found)) for gate, found in decided.items())
        + sum(not any(_same(record, other) for other in first) for record in carried),
        opened=opened,
        incomplete=incomplete,
        broken=sum(verify(pad.stack.settings.ledger_dsn, run).broken is not None for run in runs),
    )


def _decisions(entries: list[LedgerEntry]) -> list[Record]:
    records = [entry.record for entry in entries if entry.kind is EntryKind.DECISION]
    return [record for record in records if record and record.task_id in PEOPLE]


def _as_meant(record: Record) -> bool:
    user, _, answer, reason = PEOPLE[record.task_id]
    by = record.decided_by.airflow_user if record.decided_by else None
    return (by, record.outcome, record.reason) == (user, _MEANT[answer], reason)


def _same(carried: Record, first: Record) -> bool:
    own = {"task_instance_id", "try_number", "carried_from"}
    return carried.carried_from == first.task_instance_id and (
        carried.model_dump(exclude=own) == first.model_dump(exclude=own)
    )


def _opened(entries: list[LedgerEntry], sealed: tuple[SealedRecord, ...]) -> int:
    kept = {(e.item_ref, e.task_instance_id) for e in entries if e.kind is EntryKind.DECISION}
    by_people = [record for record in sealed if record.outcome in _BY_PEOPLE]
    return sum((record.item_ref, record.task_instance_id) not in kept for record in by_people)
