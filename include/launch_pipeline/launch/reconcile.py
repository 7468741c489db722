"""What a phase comes to: every item's state against its record. Knows no Airflow.

A green task without a record of this very task instance is a bypass: named, and the phase is not complete.
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
"""The state in which a task with that outcome ends; anything else was made by other means."""

_OUTCOME_NEEDED = frozenset({"success", "skipped"})


@dataclass(frozen=True)
class ItemState:
    """An item as the grid shows it, with the record that was found for it."""

    item_ref: str
    text: str
    severity: Severity
    task_instance_id: str
    state: str | None
    changed_by_hand: str | None
    record: Record | None

    @property
    def valid_record(self) -> Record | None:
        """The record, if it is of this task instance and says what the grid shows."""
        record = self.record
        if record is None or record.task_instance_id != self.task_instance_id:
            return None
        return record if STATE_OF.get(record.outcome) == self.state else None

    @property
    def bypassed(self) -> bool:
        """Whether the grid shows an end that no record of this task instance explains."""
        return self.state in _OUTCOME_NEEDED and self.valid_record is None

    @property
    def outcome(self) -> Outcome:
        """The outcome that counts; without a record that is *not reached*."""
        return self.valid_record.outcome if self.valid_record else Outcome.NOT_REACHED


@dataclass(frozen=True)
class Reconciled:
    """What the items of a phase come to."""

    items: tuple[ItemState, ...]

    @property
    def bypasses(self) -> tuple[str, ...]:
        """Items that were made green or pink without a record."""
        return tuple(i.item_ref for i in self.items if i.bypassed)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the phase is not complete, one sentence each."""
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
        """Make the seal over the records that count, complete only without problems."""
        records = tuple(records)
        problems = (*self.problems, *also, *_of_other_checklists(records, checklist_digest))
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


def _of_other_checklists(records: Iterable[Record], digest: str) -> tuple[str, ...]:
    """Name what was decided while the checklist was another one; a complete seal cannot list it."""
    return tuple(
        f"{record.item_ref} was decided by another checklist; clear it with downstream."
        for record in records
        if record.checklist_digest != digest
    )


def _problem(item: ItemState) -> str | None:
    if item.bypassed:
        by = f" by {item.changed_by_hand}" if item.changed_by_hand else ""
        return f"{item.item_ref} was marked {item.state}{by} without a record: a bypass."
    if item.outcome is Outcome.REJECTED and item.severity is Severity.BLOCKING and item.valid_record:
        who = item.valid_record.decided_by
        return f"{item.item_ref} was rejected by {who.name if who else 'nobody'}: {item.valid_record.reason}"
    if item.outcome is Outcome.NOT_REACHED:
        return f"{item.item_ref} was not reached (state {item.state or 'none'})."
    return None
