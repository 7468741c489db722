"""The memory of every launch: entries that are appended once and read back, in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.evidence import canonical_json
from launch_pipeline.errors import LedgerError
from launch_pipeline.record.chain import Head
from launch_pipeline.record.connect import connected
from launch_pipeline.record.schema import Entry, EntryKind, KeptEntry, Seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

_COLUMNS = "kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content, seq, appended_at"
_INSERT = """
    INSERT INTO launch.ledger (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT ON CONSTRAINT ledger_kept_once DO NOTHING RETURNING seq
"""
_FIND = """
    SELECT seq, dag_id, content::text FROM launch.ledger
    WHERE launch_id = %s AND kind = %s AND item_ref = %s AND task_instance_id = %s AND try_number = %s
"""


class Ledger:
    """The ledger behind a libpq address; opens one short connection for each call.

    Every method raises LedgerUnavailable where the database does not answer; the caller keeps what it has
    and calls again, which is safe because entries are kept once.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def append(self, entry: Entry) -> int:
        """Keep one entry and return its number; see ``append_all``."""
        return self.append_all([entry])[0]

    def append_all(self, entries: Iterable[Entry]) -> list[int]:
        """Keep all entries or none, and return their numbers.

        An entry that is there already keeps its number. Raises LedgerError where it is there with another
        content: the same try cannot have said two things.
        """
        with connected(self._dsn) as connection:
            return [append_within(connection, entry) for entry in entries]

    def entries(self, launch_id: str, kind: EntryKind | None = None) -> list[KeptEntry]:
        """Give a launch's entries in the order they were kept, all or of one kind."""
        query = (
            f"SELECT {_COLUMNS} FROM launch.ledger"  # noqa: S608 - constants
            " WHERE launch_id = %(launch)s AND (%(kind)s::text IS NULL OR kind = %(kind)s) ORDER BY position"
        )
        with connected(self._dsn) as connection:
            rows = connection.execute(query, {"launch": launch_id, "kind": kind}).fetchall()
        return [_kept(row) for row in rows]

    def seal(self, launch_id: str, dag_id: str) -> Seal | None:
        """Give the latest seal of a Dag's phase, None where it has not been sealed."""
        query = """
            SELECT content FROM launch.ledger
            WHERE launch_id = %s AND kind = %s AND dag_id = %s ORDER BY position DESC LIMIT 1
        """
        with connected(self._dsn) as connection:
            row = connection.execute(query, [launch_id, EntryKind.SEAL, dag_id]).fetchone()
        return Seal.model_validate(row[0]) if row else None

    def head(self, launch_id: str) -> Head | None:
        """Give the end of a launch's chain as of now, None where nothing is kept of it.

        Worth announcing where the database's owner cannot change it: ``launch ledger verify --head`` proves
        later that nothing up to there was removed or rewritten.
        """
        query = """
            SELECT position, digest FROM launch.ledger WHERE launch_id = %s ORDER BY position DESC LIMIT 1
        """
        with connected(self._dsn) as connection:
            row = connection.execute(query, [launch_id]).fetchone()
        return Head(position=row[0], digest=row[1]) if row else None

    def ping(self) -> None:
        """Return if the ledger answers and has its tables."""
        with connected(self._dsn) as connection:
            connection.execute("SELECT 1 FROM launch.ledger LIMIT 1")


def append_within(connection: Connection[Any], entry: Entry) -> int:
    """Append inside a transaction of the caller, who commits; promises what ``Ledger.append`` does.

    The row's place in the launch's chain, its digests and its time are the database's own
    (``migrations/0003``): no client can choose them.
    """
    # One writer per launch at a time: numbers ascend in the order of the commits.
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"ledger/{entry.launch_id}"])
    content = canonical_json(entry.content).decode()
    key = [entry.item_ref, entry.task_instance_id, entry.try_number]
    values = [entry.kind, entry.launch_id, entry.dag_id, *key, content]
    if row := connection.execute(_INSERT, values).fetchone():
        return int(row[0])
    found = connection.execute(_FIND, [entry.launch_id, entry.kind, *key]).fetchone()
    if found is None or found[1:] != (entry.dag_id, content):
        message = (
            f"The ledger of launch {entry.launch_id!r} already holds another {entry.kind} of"
            f" {entry.item_ref or entry.dag_id or 'the launch'} for try {entry.try_number} of"
            f" {entry.task_instance_id}; what is kept is never changed. Clear the task to decide anew."
        )
        raise LedgerError(message)
    return int(found[0])


def _kept(row: tuple[Any, ...]) -> KeptEntry:
    return KeptEntry.model_validate(dict(zip(_COLUMNS.split(", "), row, strict=True)))
