"""Store the latest evidence of each task instance, which people see and answers rely on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from launch_pipeline.ledger.database import connected

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

_WRITE = """
    INSERT INTO launch.evidence (task_instance_id, launch_id, content) VALUES (%s, %s, %s)
    ON CONFLICT (task_instance_id) DO UPDATE SET content = EXCLUDED.content, written_at = clock_timestamp()
"""
_READ = "SELECT content FROM launch.evidence WHERE task_instance_id = %s"
_STAMPS = "SELECT task_instance_id, written_at FROM launch.evidence WHERE launch_id = ANY(%s)"
_MANY = "SELECT task_instance_id, content FROM launch.evidence WHERE task_instance_id = ANY(%s)"


_ASKED = """
    SELECT task_instance_id, content -> 'rests_on' FROM launch.evidence
    WHERE launch_id = %s AND content -> 'rests_on' IS NOT NULL
"""


class EvidenceTable:
    """The evidence in a database, as plain JSON; every method raises LedgerUnavailable."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def write(self, launch_id: str, task_instance_id: str, content: Mapping[str, Any]) -> None:
        """Store the latest evidence of a task instance in place of the previous one."""
        with connected(self._dsn) as connection:
            connection.execute(_WRITE, [task_instance_id, launch_id, json.dumps(content)])

    def read(self, task_instance_id: str) -> Any:
        """Return the latest evidence of a task instance, or None."""
        with connected(self._dsn) as connection:
            row = connection.execute(_READ, [task_instance_id]).fetchone()
        return row[0] if row else None


def evidence_stamps(connection: Connection[Any], launch_ids: list[str]) -> dict[str, datetime]:
    """Return when the evidence of some launches was written, by task instance."""
    return dict(connection.execute(_STAMPS, [launch_ids]).fetchall())


def evidence_of(connection: Connection[Any], task_instance_ids: list[str]) -> dict[str, Any]:
    """Return the evidence of some task instances, by their ids."""
    return dict(connection.execute(_MANY, [task_instance_ids]).fetchall())


def asked_in(dsn: str, launch_id: str) -> dict[str, dict[str, str]]:
    """Return what the latest request or look of each task instance of a launch rests on, by its id."""
    with connected(dsn) as connection:
        return dict(connection.execute(_ASKED, [launch_id]).fetchall())
