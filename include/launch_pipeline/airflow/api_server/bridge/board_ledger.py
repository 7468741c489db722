"""The ledger's part of the board: facts, records and latest evidence of its launches.

The ledger is append-only, so each look reads only the rows that are new since the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.evidence import Evidence, read_evidence
from launch_pipeline.ledger.recent import look_at

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import Record

Fields = dict[str, Any]
"""Fields of a ``BoardItem``."""


@dataclass
class _Kept:
    """Everything read of one launch so far."""

    position: int = 0
    records: dict[str, Fields] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """The ledger's content for the board at one moment."""

    launches: dict[str, Launch]
    records: dict[str, Fields]
    """By task instance: fields of its record."""
    evidence: dict[str, Fields]
    """By task instance: fields of what its checks last saw."""

    def of(self, task_instance_id: str) -> Fields:
        """Return the fields of a task instance; its record wins over later evidence."""
        return {**self.evidence.get(task_instance_id, {}), **self.records.get(task_instance_id, {})}


class BoardLedger:
    """Reads the ledger for the board; every method raises LedgerUnavailable."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._evidence: dict[str, tuple[datetime, Fields]] = {}

    def look(self, launch_ids: Collection[str]) -> Said:
        """Read some launches, and drop all others from the cache."""
        kept = self._kept = {name: self._kept.get(name, _Kept()) for name in launch_ids}
        known = {name: written for name, (written, _) in self._evidence.items()}
        recent = look_at(ledger_dsn(), {name: one.position for name, one in kept.items()}, known)
        for launch_id, records in recent.records.items():
            for position, record in records:
                kept[launch_id].position = position
                kept[launch_id].records[record.task_instance_id] = _fields_of(record)
        new = {name: (recent.stamps[name], _seen(value, name)) for name, value in recent.evidence.items()}
        self._evidence = {
            name: one for name, one in {**self._evidence, **new}.items() if name in recent.stamps
        }
        return Said(
            launches=recent.launches,
            records={name: said for one in kept.values() for name, said in one.records.items()},
            evidence={name: said for name, (_, said) in self._evidence.items()},
        )

    def forget(self) -> None:
        """Drop the cache: no launch is under way."""
        self._kept, self._evidence = {}, {}


def _seen(value: Any, task_instance_id: str) -> Fields:
    seen = read_evidence(value, task_instance_id)
    return {"verdict": seen.verdict, "headline": seen.headline, "evidence": seen.pin} if seen else {}


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
