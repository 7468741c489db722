"""Read what the ledger says about the launches that Slack shows, again only after something was appended."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import Field

from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError, LaunchRefused
from launch_pipeline.launch.again import Again, Latest, again_now
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.in_force import dags_in_force, settings_in_force
from launch_pipeline.launch.standing import InForce, stale
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.facts import Held
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import VerifiedAgain, latest_look
from launch_pipeline.ledger.schema import (
    OUTCOMES,
    EntryKind,
    LedgerEntry,
    Outcome,
    Record,
    Seal,
    read_record,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.launch.standing import Stale
    from launch_pipeline.slack.protocol import BoardRun

_EVENTS = (
    EntryKind.SEAL,
    EntryKind.ANNOUNCEMENT,
    EntryKind.LAUNCH_STARTED,
    EntryKind.LAUNCH_POSTPONED,
    EntryKind.AMENDMENT_PROPOSED,
    EntryKind.LAUNCH_AMENDED,
    EntryKind.LAUNCH_RETARGETED,
    EntryKind.LAUNCH_HELD,
    EntryKind.LAUNCH_RESUMED,
    EntryKind.LAUNCH_ABORTED,
    EntryKind.LAUNCH_ENDED,
    EntryKind.REOPENED,
    EntryKind.VERIFIED_AGAIN,
)
CHANGES = (EntryKind.LAUNCH_POSTPONED, EntryKind.LAUNCH_AMENDED, EntryKind.LAUNCH_RETARGETED)
"""Entries that change what a launch runs by."""
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
_LATEST_SET_ASIDE = """
    SELECT content FROM (
        SELECT DISTINCT ON (item_ref) content, seq FROM launch.ledger
        WHERE launch_id = %s AND kind = ANY(%s) ORDER BY item_ref, seq DESC
    ) AS latest
    WHERE content ->> 'outcome' = ANY(%s) ORDER BY seq
"""
_LATEST = """
    SELECT DISTINCT ON (item_ref) item_ref, seq, content ->> 'outcome' FROM launch.ledger
    WHERE launch_id = %s AND kind = ANY(%s) AND item_ref = ANY(%s) ORDER BY item_ref, seq DESC
"""


class LedgerView(Frozen):
    """Hold what the ledger says about one launch."""

    launch: Launch | None = None
    """None if no conductor started it."""
    events: tuple[LedgerEntry, ...] = ()
    """Entries that are announced or shown, in order; those with records of items are left out."""
    set_aside: tuple[Record, ...] = ()
    """Every item whose latest record is not a yes: waived, not applicable, not met, rejected, not reached."""
    head: Head | None = None
    """Head of the launch's hash chain; None if the ledger has no entries of it."""
    plans: dict[str, Any] = Field(default_factory=dict)
    """The ``DagPlan`` of each Dag as the launch has it; empty if no conductor started it."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Every variable of the launch, for the texts that people read."""
    latest: dict[str, Latest] = Field(default_factory=dict)
    """The latest record of each item that was reopened, by its ref."""

    @cached_property
    def seals(self) -> dict[str, Seal]:
        """Return the latest seal of each Dag."""
        sealed = [entry for entry in self.events if entry.kind is EntryKind.SEAL]
        return {entry.dag_id: Seal.model_validate(entry.content) for entry in sealed}

    @cached_property
    def again(self) -> dict[str, Again]:
        """Return the items that are verified again, by their refs."""
        return {one.item.item_ref: one for one in again_now(self.events, self.latest)}

    @cached_property
    def look(self) -> VerifiedAgain | None:
        """Return what the latest look again found."""
        return latest_look(self.events)

    @cached_property
    def hold(self) -> Held | None:
        """Return the hold that is in force."""
        held = [entry for entry in self.events if entry.kind is EntryKind.LAUNCH_HELD]
        on_hold = self.launch is not None and self.launch.held_at is not None and not self.over
        return Held.model_validate(held[-1].content) if held and on_hold else None

    @property
    def changes(self) -> tuple[LedgerEntry, ...]:
        """Return the entries that changed what the launch runs by."""
        return tuple(entry for entry in self.events if entry.kind in CHANGES)

    def seal_of(self, run: BoardRun) -> Seal | None:
        """Return the seal of a run in its current state; None if it ended, or goes on, without one.

        A seal names the task instances that it counted, and every clear or retry makes new ones.
        """
        seal = self.seals.get(run.dag_id)
        counted = {record.task_instance_id for record in seal.records} if seal else set()
        return seal if all(item.task_instance_id in counted for item in run.items) else None

    @property
    def over(self) -> bool:
        """Return whether the launch has ended, so that answers no longer count (except a rollback's)."""
        return self.launch is not None and self.launch.over


class LedgerViews:
    """Cache the views of the launches that are under way. A view is read again after new entries."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._cached: dict[str, tuple[int, LedgerView]] = {}

    def of(self, launch_ids: Sequence[str]) -> Mapping[str, LedgerView]:
        """Return the current view of each launch. Raises LedgerUnavailable."""
        with connected(self._dsn) as connection:
            newest = dict(connection.execute(_NEWEST, [list(launch_ids)]).fetchall())
        cached = {}
        for launch_id in launch_ids:
            seq, view = self._cached.get(launch_id, (-1, LedgerView()))
            now = newest.get(launch_id, 0)
            cached[launch_id] = (now, view if seq == now else self._read(launch_id))
        self._cached = cached
        return {launch_id: view for launch_id, (_, view) in cached.items()}

    def cached(self, launch_id: str) -> LedgerView:
        """Return the view that was read last, an empty one if none was."""
        return self._cached.get(launch_id, (0, LedgerView()))[1]

    def records(self, launch_id: str, dag_id: str) -> tuple[Record, ...]:
        """Return all records of one Dag of a launch, which are large. Raises LedgerUnavailable."""
        entries = self._entries(launch_id, OUTCOMES)
        return tuple(record for e in entries if e.dag_id == dag_id and (record := e.record))

    def stale(self, launch_id: str, contacts: Contacts) -> tuple[Stale, ...]:
        """Return the items whose latest record rests on something that has changed.

        Empty where the launch cannot go on by its own files. Reads every row; raises LedgerUnavailable.
        """
        launch = Launches(self._dsn).find(launch_id)
        if launch is None:
            return ()
        context = LaunchContext.of_launch(launch)
        try:
            dags, settings = dags_in_force(self._dsn, context), settings_in_force(self._dsn, context)
        except (ConfigurationError, LaunchRefused):
            return ()
        now = InForce(context, dags, settings, contacts)
        return stale(Ledger(self._dsn).entries(launch_id), now)

    def _read(self, launch_id: str) -> LedgerView:
        launch = Launches(self._dsn).find(launch_id)
        events = self._entries(launch_id, _EVENTS)
        with connected(self._dsn) as connection:
            rows = connection.execute(_LATEST_SET_ASIDE, [launch_id, list(OUTCOMES), list(_SET_ASIDE)])
            records = tuple(r for (content,) in rows.fetchall() if (r := read_record(content)))
        latest = self._latest(launch_id, {e.item_ref for e in events if e.kind is EntryKind.REOPENED})
        head = Ledger(self._dsn).head(launch_id)
        runs_by = _in_force(self._dsn, launch) if launch else {}
        return LedgerView(
            launch=launch, events=events, set_aside=records, latest=latest, head=head, **runs_by
        )

    def _latest(self, launch_id: str, refs: set[str]) -> dict[str, Latest]:
        if not refs:
            return {}
        with connected(self._dsn) as connection:
            rows: list[Any] = connection.execute(_LATEST, [launch_id, list(OUTCOMES), list(refs)]).fetchall()
        return {ref: Latest(seq, Outcome(outcome)) for ref, seq, outcome in rows}

    def _entries(self, launch_id: str, kinds: Sequence[EntryKind]) -> tuple[LedgerEntry, ...]:
        with connected(self._dsn) as connection:
            rows: list[Any] = connection.execute(_ENTRIES, [launch_id, list(kinds)]).fetchall()
        names = _COLUMNS.split(", ")
        return tuple(LedgerEntry.model_validate(dict(zip(names, row, strict=True))) for row in rows)


def _in_force(dsn: str, launch: Launch) -> dict[str, Any]:
    """Return the plans and variables of a launch, or none where it cannot go on by its own."""
    context = LaunchContext.of_launch(launch)
    try:
        plans = {dag_id: dag.plan for dag_id, dag in dags_in_force(dsn, context).items()}
        return {"plans": plans, "variables": settings_in_force(dsn, context).filled(context.variables())}
    except (ConfigurationError, LaunchRefused):
        return {}
