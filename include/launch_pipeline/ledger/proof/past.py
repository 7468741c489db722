"""Collect what the rows of a launch say about its items and phases, row by row."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from launch_pipeline.ledger.proof.counting import why_not
from launch_pipeline.ledger.schema import Outcome, SealedRecord

if TYPE_CHECKING:
    from launch_pipeline.ledger.facts import Derived
    from launch_pipeline.ledger.plan import LaunchPlan
    from launch_pipeline.ledger.schema import Record, Round, Seal

Place = tuple[str, str]
"""A Dag id and an item ref."""


class Past:
    """Records, rounds, bypasses, seals and what was reopened, in the order of the chain."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Record]] = defaultdict(list)
        self.rounds: dict[Place, list[Round]] = defaultdict(list)
        self._sealable: dict[Place, list[SealedRecord]] = defaultdict(list)
        self._bypassed: set[tuple[str, str, str]] = set()
        self._seals: dict[str, Seal] = {}
        self._reopened: dict[Place, int] = {}
        self._open: set[str] = set()
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

    def add_reopened(self, dag_id: str, item_ref: str) -> None:
        """Add that an item is verified again; its Dag does not stand until it is sealed complete."""
        self._reopened[dag_id, item_ref] = len(self.records[dag_id, item_ref])
        self._open.add(dag_id)

    def add_seal(self, seal: Seal, plan: LaunchPlan) -> None:
        """Add a seal, now the latest of its Dag."""
        self._seals[seal.dag_id] = seal
        if seal.complete:
            self._open.discard(seal.dag_id)
        self.went = self.went or (seal.complete and seal.dag_id == plan.decision)

    def sealable(self, dag_id: str, item_ref: str) -> list[SealedRecord]:
        """Return the records of an item in the form a seal lists them, the latest last."""
        return self._sealable[dag_id, item_ref]

    def latest(self, dag_id: str, item_ref: str) -> Record | None:
        """Return the latest record of an item, which counts, or None."""
        records = self.records[dag_id, item_ref]
        return records[-1] if records else None

    def before_reopening(self, dag_id: str, item_ref: str) -> int:
        """Return how many records of an item came before it was last reopened; 0 if it never was."""
        return self._reopened.get((dag_id, item_ref), 0)

    def bypassed(self, dag_id: str, item_ref: str, task_instance_id: str) -> bool:
        """Whether a row says that the task was marked by hand."""
        return (dag_id, item_ref, task_instance_id) in self._bypassed

    def sealed(self, dag_id: str) -> bool:
        """Whether the latest seal of a Dag is complete."""
        return dag_id in self._seals and self._seals[dag_id].complete

    def stands(self, dag_id: str, launch: Derived) -> bool:
        """Whether a Dag is sealed complete, and its items still pass and count."""
        if not self.sealed(dag_id) or dag_id in self._open:
            return False
        refs = {sealed.item_ref for sealed in self._seals[dag_id].records}
        if refs != {item.ref for item in launch.plan.items[dag_id]}:
            return False
        latest = [self.latest(dag_id, ref) for ref in refs]
        return all(one and one.outcome.lets_pass and why_not(one, launch) is None for one in latest)

    def began(self, dag_id: str) -> bool:
        """Whether a Dag has a record."""
        return any(records for (dag, _), records in self.records.items() if dag == dag_id)

    def rejected(self, dag_id: str) -> bool:
        """Whether the latest seal of a Dag lists a rejection."""
        seal = self._seals.get(dag_id)
        return seal is not None and any(sealed.outcome is Outcome.REJECTED for sealed in seal.records)
