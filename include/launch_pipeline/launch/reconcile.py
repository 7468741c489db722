"""Compare the state of every item of a phase with its record, and build the seal. Knows no Airflow.

A green task without a record of the same task instance is a bypass, and a phase with one is not complete.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import Severity
from launch_pipeline.ledger.schema import Outcome, Seal, SealedRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from launch_pipeline.ledger.schema import Record

STATE_OF = {
    Outcome.PASSED: "success",
    Outcome.APPROVED: "success",
    Outcome.WAIVED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
    Outcome.NOT_MET: "skipped",
    Outcome.REJECTED: "failed",
    Outcome.NOT_REACHED: "failed",
}
"""The state in which a task with that outcome ends; any other state was set by hand."""

_OUTCOME_NEEDED = frozenset({"success", "skipped"})


@dataclass(frozen=True)
class ItemState:
    """An item as the grid shows it, with the record found for it."""

    item_ref: str
    text: str
    severity: Severity
    task_instance_id: str
    state: str | None
    changed_by_hand: str | None
    record: Record | None

    @property
    def valid_record(self) -> Record | None:
        """The record, if it is of this task instance and explains its state."""
        record = self.record
        if record is None or record.task_instance_id != self.task_instance_id:
            return None
        return record if STATE_OF.get(record.outcome) == self.state else None

    @property
    def bypassed(self) -> bool:
        """Whether the task ended well without a record of this task instance that explains it."""
        return self.state in _OUTCOME_NEEDED and self.valid_record is None

    @property
    def outcome(self) -> Outcome:
        """The outcome that counts: *not reached* without a valid record."""
        return self.valid_record.outcome if self.valid_record else Outcome.NOT_REACHED


@dataclass(frozen=True)
class Reconciled:
    """The items of a phase, compared with their records."""

    items: tuple[ItemState, ...]

    @property
    def bypasses(self) -> tuple[str, ...]:
        """The items that were marked green or pink without a record."""
        return tuple(i.item_ref for i in self.items if i.bypassed)

    @property
    def problems(self) -> tuple[str, ...]:
        """The reasons why the phase is not complete, one sentence each."""
        return tuple(problem for item in self.items if (problem := _problem(item)))

    def seal(
        self,
        *,
        launch_id: str,
        dag_id: str,
        phase_id: str,
        records: Iterable[Record],
        also: tuple[str, ...],
        checklist_digest: str,
        sealed_at: datetime,
        try_number: int,
    ) -> Seal:
        """Build the seal over the records that count; it is complete only without problems."""
        records = tuple(records)
        problems = (*self.problems, *also)
        sealed = tuple(map(SealedRecord.of, records))
        return Seal(
            launch_id=launch_id,
            dag_id=dag_id,
            phase_id=phase_id,
            complete=not problems,
            counts=dict(Counter(record.outcome for record in sealed)),
            records=sealed,
            bypasses=self.bypasses,
            problems=problems,
            checklist_digest=checklist_digest,
            sealed_at=sealed_at,
            try_number=try_number,
        )


def _problem(item: ItemState) -> str | None:
    if item.bypassed:
        by = f" by {item.changed_by_hand}" if item.changed_by_hand else ""
        return f"{item.item_ref} was marked {item.state}{by} without a record: a bypass."
    if item.outcome is Outcome.REJECTED and item.severity is Severity.BLOCKING and item.valid_record:
        person = item.valid_record.decided_by
        by = person.name if person else "a person"
        return f"{item.item_ref} was rejected by {by}: {item.valid_record.reason}"
    if item.outcome is Outcome.NOT_REACHED:
        return f"{item.item_ref} was not reached (state {item.state or 'none'})."
    return None
