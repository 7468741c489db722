"""What the ledger says of the launches on the board: their facts, records and latest evidence.

Rows are only appended, so each look reads what is new since the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.orchestration.api_ledger import ledger_dsn
from launch_pipeline.orchestration.evidence import Evidence, read_evidence
from launch_pipeline.record.evidence import EvidenceTable
from launch_pipeline.record.launches import Launches
from launch_pipeline.record.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from launch_pipeline.record.launches import Launch
    from launch_pipeline.record.schema import Record

Fields = dict[str, Any]
"""Fields of a ``BoardItem``."""


@dataclass
class _Kept:
    """What was read of one launch so far."""

    position: int = 0
    records: dict[str, Fields] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """What the ledger says at one moment."""

    launches: dict[str, Launch]
    records: dict[str, Fields]
    """By task instance: what its record says."""
    evidence: dict[str, Fields]
    """By task instance: what its checks saw last."""

    def of(self, task_instance_id: str) -> Fields:
        """Give what is said of a task instance; the record holds the evidence that was decided on."""
        return {**self.evidence.get(task_instance_id, {}), **self.records.get(task_instance_id, {})}


class BoardLedger:
    """Reads the ledger for the board; every method raises LedgerUnavailable."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._evidence: dict[str, tuple[datetime, Fields]] = {}

    def look(self, launch_ids: Collection[str]) -> Said:
        """Read what is said of some launches; what is known of others is forgotten."""
        dsn = ledger_dsn()
        self._kept = {launch_id: self._kept.get(launch_id, _Kept()) for launch_id in launch_ids}
        for launch_id, kept in self._kept.items():
            self._read_on(Ledger(dsn), launch_id, kept)
        self._look_at_evidence(EvidenceTable(dsn), launch_ids)
        return Said(
            launches=Launches(dsn).find_all(launch_ids),
            records={name: said for kept in self._kept.values() for name, said in kept.records.items()},
            evidence={name: said for name, (_, said) in self._evidence.items()},
        )

    def forget(self) -> None:
        """Forget all that was read: no launch is under way."""
        self._kept, self._evidence = {}, {}

    @staticmethod
    def _read_on(ledger: Ledger, launch_id: str, kept: _Kept) -> None:
        for position, record in ledger.records_after(launch_id, kept.position):
            kept.position = position
            kept.records[record.task_instance_id] = _fields_of(record)

    def _look_at_evidence(self, table: EvidenceTable, launch_ids: Collection[str]) -> None:
        stamps = table.stamps(launch_ids)
        known = {name: seen for name, seen in self._evidence.items() if stamps.get(name) == seen[0]}
        for name, value in table.read_all(set(stamps) - set(known)).items():
            seen = read_evidence(value, name)
            fields = (
                {"verdict": seen.verdict, "headline": seen.headline, "evidence": seen.pin} if seen else {}
            )
            known[name] = (stamps[name], fields)
        self._evidence = known


def _fields_of(record: Record) -> Fields:
    seen = Evidence(
        task_instance_id=record.task_instance_id,
        verdict=Verdict.of([result.verdict for result in record.results]),
        results=record.results,
        observed_at=record.decided_at,
    )
    return {
        **({"verdict": seen.verdict, "headline": seen.headline} if record.results else {}),
        "outcome": record.outcome,
        "decided_by": record.decided_by.name if record.decided_by else "",
        "recorded_by": record.recorded_by,
        "decided_at": record.decided_at,
        "reason": record.reason,
    }
