"""What the ledger says of a launch, as far as Slack shows it; read again when something was appended."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from launch_pipeline.base import Frozen
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind, KeptEntry, Outcome, Record, Seal, read_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch_pipeline.slack.protocol import BoardRun

_TOLD = (
    EntryKind.SEAL,
    EntryKind.ANNOUNCEMENT,
    EntryKind.LAUNCH_STARTED,
    EntryKind.LAUNCH_POSTPONED,
    EntryKind.LAUNCH_ABORTED,
    EntryKind.LAUNCH_ENDED,
)
_OUTCOMES = (EntryKind.DECISION, EntryKind.MACHINE_PASS, EntryKind.NOT_REACHED)
_SET_ASIDE = (
    Outcome.REJECTED,
    Outcome.NOT_REACHED,
    Outcome.NOT_MET,
    Outcome.WAIVED,
    Outcome.NOT_APPLICABLE,
)
_COLUMNS = "kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content, seq, appended_at"
_NEWEST = "SELECT launch_id, max(seq) FROM launch.ledger WHERE launch_id = ANY(%s) GROUP BY launch_id"
_ENTRIES = (
    f"SELECT {_COLUMNS} FROM launch.ledger"  # noqa: S608 - constants
    " WHERE launch_id = %s AND kind = ANY(%s) ORDER BY seq"
)
_LATEST_ASIDE = """
    SELECT content FROM (
        SELECT DISTINCT ON (item_ref) content, seq FROM launch.ledger
        WHERE launch_id = %s AND kind = ANY(%s) ORDER BY item_ref, seq DESC
    ) AS latest
    WHERE content ->> 'outcome' = ANY(%s) ORDER BY seq
"""


class Memory(Frozen):
    """What is kept of one launch."""

    launch: Launch | None = None
    """None where no conductor started it."""
    told: tuple[KeptEntry, ...] = ()
    """Entries that somebody is told of, in order: seals, announcements, and the launch's own."""
    aside: tuple[Record, ...] = ()
    """Every item whose latest word is no yes: waived, not met, rejected, not reached."""
    head: Head | None = None
    """The end of the launch's chain; None where nothing is kept."""

    @cached_property
    def seals(self) -> dict[str, Seal]:
        """The latest seal of each Dag."""
        sealed = [entry for entry in self.told if entry.kind is EntryKind.SEAL]
        return {entry.dag_id: Seal.model_validate(entry.content) for entry in sealed}

    def seal_of(self, run: BoardRun) -> Seal | None:
        """The seal of a run as it stands; None where it ended, or goes on, without one.

        A seal names the task instances that it counted, and every clear or retry makes new ones.
        """
        seal = self.seals.get(run.dag_id)
        counted = {record.task_instance_id for record in seal.records} if seal else set()
        return seal if all(item.task_instance_id in counted for item in run.items) else None

    @property
    def over(self) -> bool:
        """Whether the launch has ended, so that nobody's answer counts (a rollback's do)."""
        return self.launch is not None and self.launch.over


class Memories:
    """The memories of the launches that are under way; each is read when its launch has new entries."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._read: dict[str, tuple[int, Memory]] = {}

    def of(self, launch_ids: Sequence[str]) -> Mapping[str, Memory]:
        """Give the memory of each launch, as of now. Raises LedgerUnavailable."""
        with connected(self._dsn) as connection:
            newest = dict(connection.execute(_NEWEST, [list(launch_ids)]).fetchall())
        known = {}
        for launch_id in launch_ids:
            seq, memory = self._read.get(launch_id, (-1, Memory()))
            now = newest.get(launch_id, 0)
            known[launch_id] = (now, memory if seq == now else self._memory(launch_id))
        self._read = known
        return {launch_id: memory for launch_id, (_, memory) in known.items()}

    def kept(self, launch_id: str) -> Memory:
        """Give what was read last, nothing where nothing was."""
        return self._read.get(launch_id, (0, Memory()))[1]

    def records(self, launch_id: str, dag_id: str) -> tuple[Record, ...]:
        """Give all records of one Dag of a launch, which are large. Raises LedgerUnavailable."""
        entries = self._entries(launch_id, _OUTCOMES)
        return tuple(record for e in entries if e.dag_id == dag_id and (record := e.record))

    def _memory(self, launch_id: str) -> Memory:
        launch = Launches(self._dsn).find(launch_id)
        told = self._entries(launch_id, _TOLD)
        with connected(self._dsn) as connection:
            rows = connection.execute(_LATEST_ASIDE, [launch_id, list(_OUTCOMES), list(_SET_ASIDE)])
            aside = tuple(r for (content,) in rows.fetchall() if (r := read_record(content)))
        return Memory(launch=launch, told=told, aside=aside, head=Ledger(self._dsn).head(launch_id))

    def _entries(self, launch_id: str, kinds: Sequence[EntryKind]) -> tuple[KeptEntry, ...]:
        with connected(self._dsn) as connection:
            rows: list[Any] = connection.execute(_ENTRIES, [launch_id, list(kinds)]).fetchall()
        names = _COLUMNS.split(", ")
        return tuple(KeptEntry.model_validate(dict(zip(names, row, strict=True))) for row in rows)
