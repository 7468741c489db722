"""Collect what the rows of a launch say about its items and phases, row by row."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from launch_pipeline.ledger.schema import Outcome, SealedRecord

if TYPE_CHECKING:
    from launch_pipeline.ledger.plan import LaunchPlan
    from launch_pipeline.ledger.schema import Record, Round, Seal

Place = tuple[str, str]
"""A Dag id and an item ref."""


class Past:
    """Records, rounds, bypasses and seals, in the order of the chain."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Record]] = defaultdict(list)
        self.rounds: dict[Place, list[Round]] = defaultdict(list)
        self._sealable: dict[Place, list[SealedRecord]] = defaultdict(list)
        self._bypassed: set[tuple[str, str, str]] = set()
        self._seals: dict[str, Seal] = {}
        self.went = False
        """Whether the decision was ever sealed complete."""

    def add_record(self, record: Record) -> None:
        """Add a record, now the latest of its item."""
        place = (record.dag_id, record.item_ref)
        self.records[place].append(record)
        self._sealable[place].append(SealedRecord.of(record))

    def add_bypass(self, dag_id: str, item_ref: str, task_instance_id: str) -> None:
        """Add a task that was marked by hand."""
        self._bypassed.add((dag_id, item_ref, task_instance_id))

    def add_seal(self, seal: Seal, plan: LaunchPlan) -> None:
        """Add a seal, now the latest of its Dag."""
        self._seals[seal.dag_id] = seal
        self.went = self.went or (seal.complete and seal.dag_id == plan.decision)

    def sealable(self, dag_id: str, item_ref: str) -> list[SealedRecord]:
        """Return the records of an item in the form a seal lists them, the latest last."""
        return self._sealable[dag_id, item_ref]

    def latest(self, dag_id: str, item_ref: str) -> Record | None:
        """Return the latest record of an item, which counts, or None."""
        records = self.records[dag_id, item_ref]
        return records[-1] if records else None

    def bypassed(self, dag_id: str, item_ref: str, task_instance_id: str) -> bool:
        """Whether a row says that the task was marked by hand."""
        return (dag_id, item_ref, task_instance_id) in self._bypassed

    def stands(self, dag_id: str) -> bool:
        """Whether the latest seal of a Dag is complete and all its items still pass."""
        seal = self._seals.get(dag_id)
        if seal is None or not seal.complete:
            return False
        latest = [self.latest(dag_id, sealed.item_ref) for sealed in seal.records]
        return all(record is not None and record.outcome.lets_pass for record in latest)

    def rejected(self, dag_id: str) -> bool:
        """Whether the latest seal of a Dag lists a rejection."""
        seal = self._seals.get(dag_id)
        return seal is not None and any(sealed.outcome is Outcome.REJECTED for sealed in seal.records)
