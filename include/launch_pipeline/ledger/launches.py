"""Start, postpone and end launches: one active launch per environment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.visible_text import visible_length
from launch_pipeline.checks.canonical import canonical_json, plain
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.definitions import store_definitions
from launch_pipeline.ledger.facts import Aborted, Ended, Fact, Postponed, Started
from launch_pipeline.ledger.launch import Launch, LaunchState, Via
from launch_pipeline.ledger.ledger import append_within, entries_within, lock_launch
from launch_pipeline.ledger.plan import LaunchPlan
from launch_pipeline.ledger.reopened import open_again
from launch_pipeline.ledger.schema import Entry, EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from psycopg import Connection

FARTHEST = timedelta(days=36500)
"""The farthest launch time: windows are computed from it, and calendars end."""

_COLUMNS = (
    "launch_id, environment, rehearsal, release, release_sha, launch_at, started_by, conf,"
    " checklist_digests, environment_digest, state, started_at, ended_at, planned_at, held_at"
)
_BY_ID = f"SELECT {_COLUMNS} FROM launch.launches WHERE launch_id = %s"  # noqa: S608 - constants
_BY_IDS = f"SELECT {_COLUMNS} FROM launch.launches WHERE launch_id = ANY(%s)"  # noqa: S608 - constants
_ACTIVE = (
    f"SELECT {_COLUMNS} FROM launch.launches"  # noqa: S608 - constants
    " WHERE environment = %s AND state = 'active' AND NOT rehearsal"
)
_KNOWN = "SELECT launch_id FROM launch.launches ORDER BY started_at DESC LIMIT 5"
_START = """
    INSERT INTO launch.launches (launch_id, environment, rehearsal, release, release_sha, planned_at,
                                 launch_at, started_by, conf, checklist_digests, environment_digest)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING started_at
"""
_WENT = """
    SELECT 1 FROM launch.ledger s JOIN launch.ledger k USING (launch_id)
    WHERE launch_id = %s AND k.kind = %s AND s.kind = %s
    AND s.dag_id = k.content #>> '{plan,decision}' AND s.content ->> 'complete' = 'true' LIMIT 1
"""
"""Finds a complete seal of the decision: go was given."""
_END = """
    UPDATE launch.launches SET state = %s, ended_at = clock_timestamp() WHERE launch_id = %s
    RETURNING ended_at
"""


class Launches:
    """The launches in a database; each call opens one short connection and transaction.

    Every method raises LedgerUnavailable if the database does not answer. A change and its ledger entry share
    one transaction.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def start(
        self, launch: Launch, plan: LaunchPlan | None = None, definitions: Iterable[Any] = ()
    ) -> Launch:
        """Start a launch, and return it.

        ``plan`` goes into the first row of its chain. Without one the launch can only be ended by hand:
        nothing of it can be sealed or complete. ``definitions`` are the documents that it runs by.

        A launch that was started before with the same environment, release and form is returned as it is now,
        with the checklist digests of its start. Raises LaunchRefused if the id belongs to another launch, or
        the environment has another active launch.
        """
        launch = launch.model_copy(update={"conf": plain(launch.conf)})
        with connected(self._dsn) as connection:
            store_definitions(connection, definitions)
            if row := connection.execute(_START, _start_values(launch)).fetchone():
                append_within(connection, _started_entry(launch, plan or LaunchPlan(), row[0]))
            found = _find(connection, launch.launch_id)
            if found is None:
                raise _occupied(connection, launch.environment)
            _same_or_refuse(found, launch)
            return found

    def get(self, launch_id: str) -> Launch:
        """Return a launch. Raises LaunchRefused, with known ids, if there is none with this id."""
        with connected(self._dsn) as connection:
            return get_launch(connection, launch_id)

    def find(self, launch_id: str) -> Launch | None:
        """Return a launch, or None if there is none with this id."""
        with connected(self._dsn) as connection:
            return _find(connection, launch_id)

    def postpone(
        self, launch_id: str, new_time: datetime, by: str, reason: str, *, via: Via = Via.TERMINAL
    ) -> Launch:
        """Move an active launch to another time in the future; the same time again changes nothing.

        After go, only a rehearsal may move to an earlier time. Raises LaunchRefused for that, for a time
        without zone, in the past or too far away, for a missing reason, and for an ended launch.
        """
        if new_time.tzinfo is None or new_time.utcoffset() is None:
            naive = new_time.isoformat()
            message = f"The time {naive} has no time zone. Write {naive}+00:00, or use your own zone."
            raise LaunchRefused(message)
        reason_or_refuse(reason, "postpone")
        with connected(self._dsn) as connection:
            before = locked_launch(connection, launch_id)
            active_or_refuse(before, "be postponed")
            _future_or_refuse(connection, new_time)
            if before.launch_at == new_time:
                return before
            _not_sooner_than_go(connection, before, new_time)
            update = "UPDATE launch.launches SET launch_at = %s WHERE launch_id = %s"
            connection.execute(update, [new_time, launch_id])
            moves = count_rows(connection, launch_id, EntryKind.LAUNCH_POSTPONED)
            times = {"from": before.launch_at, "to": new_time.astimezone(UTC)}
            said = Postponed.model_validate({**times, "by": by, "via": via, "reason": reason})
            append_within(connection, launch_entry(launch_id, EntryKind.LAUNCH_POSTPONED, said, moves + 1))
            return get_launch(connection, launch_id)

    def abort(self, launch_id: str, by: str, reason: str, *, via: Via = Via.TERMINAL) -> Launch:
        """Abort an active launch for a person; an aborted one stays as it is.

        Raises LaunchRefused for a missing reason, and for a launch that ended in another state.
        """
        reason_or_refuse(reason, "abort")
        return self._finish(
            launch_id,
            LaunchState.ABORTED,
            lambda at: Aborted(by=by, via=via, reason=reason, ended_at=at),
        )

    def end(self, launch_id: str, state: LaunchState) -> Launch:
        """End an active launch in ``state``; one that ended in it stays as it is.

        Raises LaunchRefused if it ended in another state, for ``active`` and ``aborted`` (use ``abort``), and
        for ``complete`` while an item is verified again.
        """
        if state in {LaunchState.ACTIVE, LaunchState.ABORTED}:
            message = f"A launch does not end as '{state}' by itself. Use 'launch abort' with a reason."
            raise LaunchRefused(message)
        said = {"state": state}
        return self._finish(launch_id, state, lambda at: Ended.model_validate({**said, "ended_at": at}))

    def _finish(self, launch_id: str, state: LaunchState, fact: Callable[[datetime], Fact]) -> Launch:
        kind = EntryKind.LAUNCH_ABORTED if state is LaunchState.ABORTED else EntryKind.LAUNCH_ENDED
        with connected(self._dsn) as connection:
            before = locked_launch(connection, launch_id)
            if before.state is state:
                return before
            active_or_refuse(before, f"end as '{state}'")
            if state is LaunchState.COMPLETE:
                _nothing_open_or_refuse(connection, launch_id)
            [(ended_at,)] = connection.execute(_END, [state, launch_id]).fetchall()
            append_within(connection, launch_entry(launch_id, kind, fact(ended_at.astimezone(UTC))))
            return get_launch(connection, launch_id)


def _start_values(launch: Launch) -> list[Any]:
    form, digests = (canonical_json(each).decode() for each in (launch.conf, launch.checklist_digests))
    what = [launch.launch_id, launch.environment, launch.rehearsal, launch.release, launch.release_sha]
    when = [launch.launch_at, launch.launch_at]
    return [*what, *when, launch.started_by, form, digests, launch.environment_digest]


def _started_entry(launch: Launch, plan: LaunchPlan, started_at: datetime) -> Entry:
    facts = launch.model_dump(exclude={"launch_id", "state", "ended_at", "held_at"})
    times = {"started_at": started_at.astimezone(UTC), "planned_at": launch.launch_at}
    said = Started.model_validate({**facts, **times, "plan": plan})
    return launch_entry(launch.launch_id, EntryKind.LAUNCH_STARTED, said)


def launch_entry(launch_id: str, kind: EntryKind, said: Fact, number: int = 0) -> Entry:
    """Build the entry of a row about the launch; ``number`` tells those of one kind apart."""
    return Entry(
        kind=kind,
        launch_id=launch_id,
        task_instance_id=f"launch/{launch_id}",
        try_number=number,
        content=said.content(),
    )


def launches_of(connection: Connection[Any], launch_ids: list[str]) -> dict[str, Launch]:
    """Return the launches with some ids, by id."""
    rows = connection.execute(_BY_IDS, [launch_ids]).fetchall()
    return {launch.launch_id: launch for launch in map(_launch, rows)}


def _find(connection: Connection[Any], launch_id: str, suffix: str = "") -> Launch | None:
    row = connection.execute(_BY_ID + suffix, [launch_id]).fetchone()
    return _launch(row) if row else None


def get_launch(connection: Connection[Any], launch_id: str, suffix: str = "") -> Launch:
    """Return a launch inside the caller's transaction. Raises LaunchRefused if there is none with this id."""
    found = _find(connection, launch_id, suffix)
    if found is None:
        raise _unknown(launch_id, connection.execute(_KNOWN).fetchall())
    return found


def locked_launch(connection: Connection[Any], launch_id: str) -> Launch:
    """Lock a launch and its chain until the transaction ends, and return it.

    Every writer takes the chain's lock first, as ``append_within`` does. Raises LaunchRefused if there is no
    launch with this id.
    """
    lock_launch(connection, launch_id)
    return get_launch(connection, launch_id, " FOR UPDATE")


def _launch(row: tuple[Any, ...]) -> Launch:
    # In UTC, whatever zone the database has: records rest on the launch time as it is written.
    values = (value.astimezone(UTC) if isinstance(value, datetime) else value for value in row)
    return Launch.model_validate(dict(zip(_COLUMNS.split(", "), values, strict=True)))


def count_rows(connection: Connection[Any], launch_id: str, kind: EntryKind) -> int:
    """Return how many rows of a kind a launch has."""
    query = "SELECT count(*) FROM launch.ledger WHERE launch_id = %s AND kind = %s"
    row = connection.execute(query, [launch_id, kind]).fetchone()
    return int(row[0]) if row else 0


def _unknown(launch_id: str, rows: list[tuple[Any, ...]]) -> LaunchRefused:
    known = ", ".join(repr(row[0]) for row in rows)
    hint = f"Known, newest first: {known}." if known else "None has been started yet."
    return LaunchRefused(f"There is no launch {launch_id!r}. {hint}")


def _occupied(connection: Connection[Any], environment: str) -> LaunchRefused:
    row = connection.execute(_ACTIVE, [environment]).fetchone()
    if row is None:
        # It ended between the two statements.
        return LaunchRefused(f"{environment} had an active launch until just now. Start this one again.")
    first = _launch(row)
    return LaunchRefused(
        f"{environment} already has an active launch {first.launch_id!r}, started by {first.started_by}"
        f" at {_when(first.started_at)}. Finish it or run 'launch abort {first.launch_id}'."
    )


def _same_or_refuse(found: Launch, asked: Launch) -> None:
    for field in ("environment", "rehearsal", "release", "release_sha", "conf"):
        there, here = getattr(found, field), getattr(asked, field)
        if there != here:
            message = f"The launch {found.launch_id!r} exists with {field} {there!r}, not {here!r}."
            raise LaunchRefused(f"{message} Start the new one under another launch id.")
    if found.planned_at != asked.launch_at:
        message = f"The launch {found.launch_id!r} was started for {_when(found.planned_at)}."
        raise LaunchRefused(f"{message} To move it, run 'launch postpone {found.launch_id}'.")


def active_or_refuse(launch: Launch, what: str) -> None:
    """Raise LaunchRefused if a launch has ended; ``what`` is what it cannot do any more."""
    if launch.over:
        message = f"The launch {launch.launch_id!r} ended as '{launch.state}' at {_when(launch.ended_at)}."
        raise LaunchRefused(f"{message} It cannot {what}. Start a new launch.")


def _future_or_refuse(connection: Connection[Any], new_time: datetime) -> None:
    # All components share the database's clock.
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is not None and new_time <= row[0]:
        message = f"{_when(new_time)} is not in the future: it is {_when(row[0])}. Choose a later time."
        raise LaunchRefused(message)
    if row is not None and new_time - row[0] > FARTHEST:
        message = f"{_when(new_time)} is more than {FARTHEST.days // 365} years away. Choose an earlier time."
        raise LaunchRefused(message)


def _nothing_open_or_refuse(connection: Connection[Any], launch_id: str) -> None:
    again = open_again(entries_within(connection, launch_id, EntryKind.REOPENED, EntryKind.SEAL))
    if again:
        refs = ", ".join(one.item_ref for one in again)
        raise LaunchRefused(f"The launch {launch_id!r} is not complete: {refs} is verified again.")


def _not_sooner_than_go(connection: Connection[Any], launch: Launch, new_time: datetime) -> None:
    if launch.rehearsal or new_time > launch.launch_at:
        return
    kinds = [EntryKind.LAUNCH_STARTED, EntryKind.SEAL]
    if connection.execute(_WENT, [launch.launch_id, *kinds]).fetchone():
        message = (
            f"Go was given for {_when(launch.launch_at)}, so the launch cannot move to an earlier time. To"
            f" launch earlier, run 'launch abort {launch.launch_id}' and start another launch."
        )
        raise LaunchRefused(message)


def reason_or_refuse(reason: str, verb: str) -> None:
    """Raise LaunchRefused for a reason without visible characters."""
    if not visible_length(reason):
        message = f"A reason is missing: say why you {verb} the launch, in words that can be read."
        raise LaunchRefused(message)


def _when(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else "an unknown time"
