"""Read what is new in some launches since the last poll, over one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.evidence import evidence_of, evidence_stamps
from launch_pipeline.ledger.launches import launches_of
from launch_pipeline.ledger.ledger import records_after

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import Record


@dataclass(frozen=True)
class Recent:
    """The result of one poll."""

    launches: dict[str, Launch]
    records: dict[str, list[tuple[int, Record]]]
    """New records by launch, each with the position of its row."""
    stamps: dict[str, datetime]
    """When the evidence of each task instance was written, new or not."""
    evidence: dict[str, Any]
    """New evidence by task instance."""


def look_at(dsn: str, positions: Mapping[str, int], known: Mapping[str, datetime]) -> Recent:
    """Read the records after each launch's known position, and the evidence with an unknown time.

    Raises LedgerUnavailable.
    """
    with connected(dsn) as connection:
        stamps = evidence_stamps(connection, [*positions])
        new = [name for name, written in stamps.items() if known.get(name) != written]
        return Recent(
            launches=launches_of(connection, [*positions]),
            records={name: records_after(connection, name, after) for name, after in positions.items()},
            stamps=stamps,
            evidence=evidence_of(connection, new) if new else {},
        )
