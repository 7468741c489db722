"""Append the entries of every launch to PostgreSQL, each once, and read them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.sequence import preceding
from launch_pipeline.checks.canonical import canonical_json
from launch_pipeline.errors import AnswerRefused, LaunchRefused, LedgerError, LedgerUnavailable, PhaseReopened
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.reopened import open_again
from launch_pipeline.ledger.schema import OUTCOMES, Entry, EntryKind, LedgerEntry, Outcome, Seal, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

    from launch_pipeline.ledger.schema import Record

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
CHANGING = (
    EntryKind.LAUNCH_POSTPONED,
    EntryKind.LAUNCH_AMENDED,
    EntryKind.LAUNCH_RETARGETED,
    EntryKind.REOPENED,
)
"""The kinds of rows after which a record may no longer count."""
_CHANGED = "SELECT DISTINCT kind FROM launch.ledger WHERE launch_id = %s AND kind = ANY(%s) AND seq > %s"
_ANOTHER = """
    SELECT item_ref FROM (
        SELECT DISTINCT ON (item_ref) item_ref, content #>> '{decided_by,id}' AS person FROM launch.ledger
        WHERE launch_id = %s AND kind = %s AND dag_id = %s AND item_ref <> %s AND seq < %s
        ORDER BY item_ref, position DESC
    ) latest WHERE person = %s LIMIT 1
"""
"""Finds another item of the Dag whose latest decision is by this person."""
_A_NO = """
    SELECT item_ref, content #>> '{decided_by,name}' FROM launch.ledger
    WHERE launch_id = %s AND kind = %s AND dag_id = %s AND content ->> 'outcome' = %s AND seq < %s LIMIT 1
"""


class Ledger:
    """The ledger in a database; each call opens one short connection.

    Every method raises LedgerUnavailable if the database does not answer. Calling again is safe, because an
    entry is appended only once.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def append(self, entry: Entry) -> int:
        """Append one entry and return its number; see ``append_all``."""
        return self.append_all([entry])[0]

    def append_all(self, entries: Iterable[Entry]) -> list[int]:
        """Append all entries or none, and return their numbers.

        An entry that exists already keeps its number. Raises LedgerError if it exists with other content: one
        try cannot say two things.
        """
        with connected(self._dsn) as connection:
            return [append_within(connection, entry) for entry in entries]

    def append_in_course(self, entries: Iterable[Entry], *, seen: int | None = None) -> list[int]:
        """Append entries of a phase, which needs a launch that is under way.

        A complete seal waits for items of its phase and of earlier ones that were reopened. A caller that
        seals gives the number of the last row that it had ``seen`` before it read anything else: the seal
        also waits if the launch was amended, retargeted or postponed, or an item reopened since. Then
        nothing is appended, and PhaseReopened is raised: look again. Raises LaunchRefused if the launch was
        never admitted or is over; after an abort only its rollback can still be appended.
        """
        entries = list(entries)
        with connected(self._dsn) as connection:
            for launch_id in {entry.launch_id for entry in entries}:
                _known_or_refuse(connection, launch_id)
            numbers = []
            for entry in entries:
                if entry.kind is EntryKind.SEAL and entry.content.get("complete") is True:
                    _sealable_or_refuse(connection, entry, seen)
                numbers.append(append_within(connection, entry))
            return numbers

    def append_pass(self, record: Record) -> Record:
        """Append a machine's pass, and return the record that this try of its task has in the ledger.

        A triggerer that died after the append checks again; its first record stays. Raises LaunchRefused as
        ``append_in_course`` does.
        """
        entry = Entry.of_record(record)
        try:
            self.append_in_course([entry])
        except LedgerUnavailable:
            raise
        except LedgerError:
            if (appended := self._appended_as(entry)) is None:
                raise
            return appended
        return record

    def _appended_as(self, entry: Entry) -> Record | None:
        """Return the record that the ledger has under the key of an entry, if any."""
        rows = self.entries(entry.launch_id, entry.kind)
        key = (entry.task_instance_id, entry.try_number, entry.item_ref)
        return next((r.record for r in rows if (r.task_instance_id, r.try_number, r.item_ref) == key), None)

    def append_decision(self, entry: Entry, *, final: bool = False, twice: bool = False) -> int:
        """Append a decision or signature, unless its person has made another one in this Dag of the launch.

        The check runs under the launch's lock in the same transaction, so one of two simultaneous decisions
        is refused. A decision counts until its item is decided again, which the same person may do. In a
        ``final`` Dag a no stands for good. ``twice`` lets one person decide for several roles.
        Raises AnswerRefused ``two_roles`` or ``no_go``, and what ``append_in_course`` raises.
        """
        with connected(self._dsn) as connection:
            number = append_within(connection, entry)
            if final and (row := connection.execute(_A_NO, _no_values(entry, number)).fetchone()):
                _refuse_after_no(entry, *row)
            another = (
                None if twice else connection.execute(_ANOTHER, _another_values(entry, number)).fetchone()
            )
            if another:
                raise _two_roles(str(another[0]), entry)
            _known_or_refuse(connection, entry.launch_id)
            return number

    def entries(self, launch_id: str, kind: EntryKind | None = None) -> list[LedgerEntry]:
        """Return a launch's entries in the order of the chain, all or of one kind."""
        with connected(self._dsn) as connection:
            return entries_within(connection, launch_id, *([kind] if kind else []))

    def entries_after(self, launch_id: str, position: int) -> list[LedgerEntry]:
        """Return a launch's entries after a position of its chain, in order."""
        query = (
            f"SELECT {_COLUMNS} FROM launch.ledger"  # noqa: S608 - constants
            " WHERE launch_id = %s AND position > %s ORDER BY position"
        )
        with connected(self._dsn) as connection:
            rows = connection.execute(query, [launch_id, position]).fetchall()
        return [_entry(row) for row in rows]

    def record_of(self, launch_id: str, task_instance_id: str) -> Record | None:
        """Return the record of one task instance, the latest of several tries."""
        query = """
            SELECT content FROM launch.ledger
            WHERE launch_id = %s AND task_instance_id = %s AND kind = ANY(%s) ORDER BY position DESC LIMIT 1
        """
        with connected(self._dsn) as connection:
            row = connection.execute(query, [launch_id, task_instance_id, list(OUTCOMES)]).fetchone()
        return read_record(row[0]) if row else None

    def seal(self, launch_id: str, dag_id: str) -> Seal | None:
        """Return the latest seal of a Dag's phase, or None if it has none."""
        query = """
            SELECT content FROM launch.ledger
            WHERE launch_id = %s AND kind = %s AND dag_id = %s ORDER BY position DESC LIMIT 1
        """
        with connected(self._dsn) as connection:
            row = connection.execute(query, [launch_id, EntryKind.SEAL, dag_id]).fetchone()
        return Seal.model_validate(row[0]) if row else None

    def head(self, launch_id: str) -> Head | None:
        """Return the current end of a launch's chain, or None if it has no rows.

        Announce it where the database's owner cannot change it: ``launch ledger verify --head`` proves later
        that no row before it was removed or rewritten.
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


def entries_within(connection: Connection[Any], launch_id: str, *kinds: EntryKind) -> list[LedgerEntry]:
    """Return a launch's entries inside the caller's transaction, in the order of the chain.

    All, or those of some kinds.
    """
    query = (
        f"SELECT {_COLUMNS} FROM launch.ledger"  # noqa: S608 - constants
        " WHERE launch_id = %s AND (%s OR kind = ANY(%s)) ORDER BY position"
    )
    values = [launch_id, not kinds, list(kinds)]
    return [_entry(row) for row in connection.execute(query, values).fetchall()]


def records_after(connection: Connection[Any], launch_id: str, position: int) -> list[tuple[int, Record]]:
    """Return the records of a launch after a position, each with its own position."""
    query = """
        SELECT position, content FROM launch.ledger
        WHERE launch_id = %s AND position > %s AND kind = ANY(%s) ORDER BY position
    """
    rows = connection.execute(query, [launch_id, position, list(OUTCOMES)]).fetchall()
    read = [(place, read_record(content)) for place, content in rows]
    return [(place, record) for place, record in read if record]


def lock_launch(connection: Connection[Any], launch_id: str) -> None:
    """Lock the launch against other writers until the transaction ends, so that numbers ascend."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"ledger/{launch_id}"])


def append_within(connection: Connection[Any], entry: Entry) -> int:
    """Append inside the caller's transaction, with the guarantees of ``Ledger.append``.

    The database sets the row's position in the chain, its digests and its time (``migrations/0003``); no
    client can choose them.
    """
    lock_launch(connection, entry.launch_id)
    content = canonical_json(entry.content).decode()
    place = [entry.item_ref, entry.task_instance_id, entry.try_number]
    values = [entry.kind, entry.launch_id, entry.dag_id, *place, content]
    if row := connection.execute(_INSERT, values).fetchone():
        return int(row[0])
    found = connection.execute(_FIND, _key(entry)).fetchone()
    if found is None or found[1:] != (entry.dag_id, content):
        message = (
            f"The ledger of launch {entry.launch_id!r} already holds another {entry.kind} of"
            f" {entry.item_ref or entry.dag_id or 'the launch'} for try {entry.try_number} of"
            f" {entry.task_instance_id}. Entries are never changed: clear the task to decide again."
        )
        raise LedgerError(message)
    return int(found[0])


def _known_or_refuse(connection: Connection[Any], launch_id: str) -> None:
    # The database itself checks for every row that the launch is under way (``migrations/0005``).
    if not connection.execute("SELECT 1 FROM launch.launches WHERE launch_id = %s", [launch_id]).fetchone():
        raise LaunchRefused(f"There is no launch {launch_id!r}, so nothing can be recorded for it.")


def _sealable_or_refuse(connection: Connection[Any], seal: Entry, seen: int | None) -> None:
    """Raise PhaseReopened for a complete seal that no longer follows from the rows before it."""
    lock_launch(connection, seal.launch_id)
    if connection.execute(_FIND, _key(seal)).fetchone():
        # What this try appended before stays, whatever came after it.
        return
    values = [seal.launch_id, list(CHANGING), seen]
    rows = [] if seen is None else connection.execute(_CHANGED, values).fetchall()
    if rows:
        kinds = ", ".join(sorted(str(kind).replace("_", " ") for (kind,) in rows))
        raise PhaseReopened(f"The launch {seal.launch_id!r} was changed at this moment ({kinds}).")
    if waiting := _waiting_for(connection, seal):
        raise PhaseReopened(f"{', '.join(waiting)} was reopened and is verified again.")


def _waiting_for(connection: Connection[Any], seal: Entry) -> tuple[str, ...]:
    """Return the items that a complete seal waits for: verified again here, or in an earlier phase."""
    kinds = (EntryKind.REOPENED, EntryKind.SEAL, *OUTCOMES)
    entries = entries_within(connection, seal.launch_id, *kinds)
    recorded = {e.item_ref: e.seq for e in entries if e.kind in OUTCOMES and e.dag_id == seal.dag_id}
    here = {
        e.item_ref
        for e in entries
        if e.kind is EntryKind.REOPENED and e.dag_id == seal.dag_id and e.seq > recorded.get(e.item_ref, 0)
    }
    listed = {sealed.item_ref for sealed in Seal.model_validate(seal.content).records}
    before = preceding(seal.dag_id)
    earlier = [one.item_ref for one in open_again(entries) if one.dag_id in before]
    return (*sorted(here & listed), *earlier)


def _key(entry: Entry) -> list[Any]:
    return [entry.launch_id, entry.kind, entry.item_ref, entry.task_instance_id, entry.try_number]


def _another_values(entry: Entry, number: int) -> list[Any]:
    decided_by = entry.content.get("decided_by")
    person = decided_by.get("id") if isinstance(decided_by, dict) else None
    return [entry.launch_id, entry.kind, entry.dag_id, entry.item_ref, number, person]


def _no_values(entry: Entry, number: int) -> list[Any]:
    return [entry.launch_id, entry.kind, entry.dag_id, Outcome.REJECTED, number]


def _refuse_after_no(entry: Entry, said_of: str, said_by: str) -> None:
    """Refuse any answer but another no: the first one stands."""
    if entry.content.get("outcome") != Outcome.REJECTED:
        sentence = f"{said_by} has said No ({said_of}), which ends this launch. Start another launch."
        raise AnswerRefused("no_go", sentence)


def _two_roles(other: str, entry: Entry) -> AnswerRefused:
    sentence = (
        f"You have already answered for another role in this launch ({other}). {entry.item_ref} needs another"
        " person who holds its role."
    )
    return AnswerRefused("two_roles", sentence)


def _entry(row: tuple[Any, ...]) -> LedgerEntry:
    return LedgerEntry.model_validate(dict(zip(_COLUMNS.split(", "), row, strict=True)))
