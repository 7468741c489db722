"""What the rows of a launch have said so far of its items and phases."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from launch_pipeline.ledger.schema import Outcome, SealedRecord

if TYPE_CHECKING:
    from launch_pipeline.ledger.plan import LaunchPlan
    from launch_pipeline.ledger.schema import Record, Round, Seal

Place = tuple[str, str]
"""Dag and item."""


class Past:
    """Records, rounds, bypasses and seals, in the order in which they were kept."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Record]] = defaultdict(list)
        self.rounds: dict[Place, list[Round]] = defaultdict(list)
        self._sealable: dict[Place, list[SealedRecord]] = defaultdict(list)
        self._bypassed: set[tuple[str, str, str]] = set()
        self._seals: dict[str, Seal] = {}
        self.went = False
        """Whether the decision was sealed complete once."""

    def keep(self, record: Record) -> None:
        """Keep a record, the latest of its item from now on."""
        place = (record.dag_id, record.item_ref)
        self.records[place].append(record)
        self._sealable[place].append(SealedRecord.of(record))

    def bypass(self, dag_id: str, item_ref: str, task_instance_id: str) -> None:
        """Keep that a task was marked by hand."""
        self._bypassed.add((dag_id, item_ref, task_instance_id))

    def seal(self, seal: Seal, plan: LaunchPlan) -> None:
        """Keep a seal, the latest of its Dag from now on."""
        self._seals[seal.dag_id] = seal
        self.went = self.went or (seal.complete and seal.dag_id == plan.decision)

    def sealable(self, dag_id: str, item_ref: str) -> list[SealedRecord]:
        """Give the records of an item as a seal may list them, the latest last."""
        return self._sealable[dag_id, item_ref]

    def latest(self, dag_id: str, item_ref: str) -> Record | None:
        """Give the record of an item that counts."""
        kept = self.records[dag_id, item_ref]
        return kept[-1] if kept else None

    def bypassed(self, dag_id: str, item_ref: str, task_instance_id: str) -> bool:
        """Whether a row says that a task was marked by hand."""
        return (dag_id, item_ref, task_instance_id) in self._bypassed

    def stands(self, dag_id: str) -> bool:
        """Whether the latest seal of a Dag is complete, and no item was decided otherwise since."""
        seal = self._seals.get(dag_id)
        if seal is None or not seal.complete:
            return False
        latest = [self.latest(dag_id, sealed.item_ref) for sealed in seal.records]
        return all(record is not None and record.outcome.lets_pass for record in latest)

    def rejected(self, dag_id: str) -> bool:
        """Whether the latest seal of a Dag lists a rejection."""
        seal = self._seals.get(dag_id)
        return seal is not None and any(sealed.outcome is Outcome.REJECTED for sealed in seal.records)
