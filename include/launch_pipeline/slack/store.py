"""Which message of a launch is which in Slack, and who was called when: two tables beside the ledger.

Whoever tells something places it here: the announcer in a worker, and every bridge. Each place is posted
once; only a crash, or an answer of Slack's that was lost, between its post and our commit may repeat one,
and both then carry the same key as metadata.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AwareDatetime, Field

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.errors import OperationError
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.ledger import append_within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from psycopg import Connection

    from launch_pipeline.ledger.schema import Entry

WAIT_SECONDS = 15
"""How long to wait for somebody else who is posting the same message at this moment."""
HOLD_SECONDS = 60
"""After which the database takes the place from somebody who hangs while he posts."""
_COLUMNS = "channel, launch_id, key, ts, digest, live, updated_at"
_FIND = (
    f"SELECT {_COLUMNS} FROM launch.slack_messages"  # noqa: S608 - constants
    " WHERE channel = %s AND launch_id = %s AND key = %s"
)
_FORGET = "DELETE FROM launch.slack_messages WHERE channel = %s AND launch_id = %s AND key = %s"
_KEEP = """
    INSERT INTO launch.slack_messages (channel, launch_id, key, ts, digest, live)
    VALUES (%s, %s, %s, %s, %s, %s)
"""
_NUDGE_COLUMNS = (
    "task_instance_id, try_number, level, number, launch_id, dag_id, section_id, task_id, role, told_at"
)
_CLAIM = (
    f"INSERT INTO launch.slack_nudges ({_NUDGE_COLUMNS})"  # noqa: S608 - constants
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING number"
)


class Placed(Frozen):
    """One message of ours in Slack."""

    channel: str
    launch_id: str
    key: str
    ts: str
    """Slack's id of it within its channel."""
    digest: str = ""
    """Of what it showed last, empty where whoever posted it did not say."""
    live: bool = False
    """Whether it offers an answer."""
    updated_at: AwareDatetime


class NudgeLevel(StrEnum):
    """Why somebody is called."""

    REQUEST = "request"
    REMINDER = "reminder"
    ESCALATION = "escalation"


class Nudge(Frozen):
    """Somebody was called for one request of one try."""

    task_instance_id: str
    try_number: int
    level: NudgeLevel
    number: Annotated[int, Field(ge=0)] = 0
    """Counts the reminders of a request, from 1."""
    launch_id: str
    dag_id: str
    section_id: str
    task_id: str
    role: Role
    told_at: AwareDatetime


class Messages:
    """The tables behind a libpq address; one short connection and transaction for each call.

    Every method raises LedgerUnavailable where the database does not answer.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def place(
        self, launch_id: str, key: str, channel: str, post: Callable[[], str], *, digest: str = "",
        live: bool = False,
    ) -> str:  # fmt: skip
        """Give the ``ts`` of a message; ``post`` it (it gives the ``ts``) where nobody has yet.

        Two who place the same one wait for each other, so only the first posts. What ``post`` raises leaves
        the place free. Raises OperationError where somebody else holds it for more than 15 s; ``post`` must
        come back within 60 s.
        """
        with self._holding(channel, launch_id, key) as connection:
            if placed := _found(connection, channel, launch_id, key):
                return placed.ts
            ts = post()
            connection.execute(_KEEP, [channel, launch_id, key, ts, digest, live])
            return ts

    async def aplace(
        self, launch_id: str, key: str, channel: str, post: Callable[[], Awaitable[str]], *, digest: str = "",
        live: bool = False,
    ) -> str:  # fmt: skip
        """Do the same as ``place`` without blocking the event loop, on which ``post`` runs."""
        return await asyncio.to_thread(
            self.place, launch_id, key, channel, _on_this_loop(post), digest=digest, live=live
        )

    def replace(self, gone: Placed, post: Callable[[], str], *, digest: str = "", live: bool = False) -> str:
        """Post a message anew that somebody deleted in Slack, once, and give its ``ts``.

        Raises what ``place`` raises.
        """
        with self._holding(gone.channel, gone.launch_id, gone.key) as connection:
            placed = _found(connection, gone.channel, gone.launch_id, gone.key)
            if placed is not None and placed.ts != gone.ts:
                return placed.ts
            ts = post()
            connection.execute(_FORGET, [gone.channel, gone.launch_id, gone.key])
            connection.execute(_KEEP, [gone.channel, gone.launch_id, gone.key, ts, digest, live])
            return ts

    async def areplace(
        self, gone: Placed, post: Callable[[], Awaitable[str]], *, digest: str = "", live: bool = False
    ) -> str:
        """Do the same as ``replace`` without blocking the event loop, on which ``post`` runs."""
        return await asyncio.to_thread(self.replace, gone, _on_this_loop(post), digest=digest, live=live)

    def nudge(
        self, nudges: Sequence[Nudge], entry: Entry, key: str, channel: str, post: Callable[[], str]
    ) -> str | None:
        """Post one message that calls people for requests, and keep it in the tables and in the ledger.

        None where somebody has been called for one of them with this level and number already. Raises what
        ``place`` raises.
        """
        launch_id = entry.launch_id
        with self._holding(channel, launch_id, key) as connection:
            if _found(connection, channel, launch_id, key) or not _claimed(connection, nudges):
                connection.rollback()
                return None
            ts = post()
            connection.execute(_KEEP, [channel, launch_id, key, ts, "", False])
            # Last, since it holds back every other writer of this launch.
            append_within(connection, entry)
            return ts

    async def anudge(
        self,
        nudges: Sequence[Nudge],
        entry: Entry,
        key: str,
        channel: str,
        post: Callable[[], Awaitable[str]],
    ) -> str | None:
        """Do the same as ``nudge`` without blocking the event loop, on which ``post`` runs."""
        return await asyncio.to_thread(self.nudge, nudges, entry, key, channel, _on_this_loop(post))

    def find(self, launch_id: str, key: str, channel: str) -> Placed | None:
        """Give a message, None where nobody has posted it."""
        with connected(self._dsn) as connection:
            return _found(connection, channel, launch_id, key)

    def remember(self, placed: Placed, digest: str, *, live: bool) -> None:
        """Keep what a message shows now."""
        query = """
            UPDATE launch.slack_messages SET digest = %s, live = %s, updated_at = clock_timestamp()
            WHERE channel = %s AND launch_id = %s AND key = %s AND ts = %s
        """
        where = [placed.channel, placed.launch_id, placed.key, placed.ts]
        with connected(self._dsn) as connection:
            connection.execute(query, [digest, live, *where])

    def forget(self, channel: str, launch_id: str, prefix: str) -> None:
        """Forget the messages whose key begins so: those of a thread that is gone are posted anew."""
        query = """
            DELETE FROM launch.slack_messages
            WHERE channel = %s AND launch_id = %s AND starts_with(key, %s)
        """
        with connected(self._dsn) as connection:
            connection.execute(query, [channel, launch_id, prefix])

    def all_of(self, channel: str, launch_ids: Sequence[str]) -> list[Placed]:
        """Give all messages of these launches, and those of any other launch that still offer an answer."""
        query = (
            f"SELECT {_COLUMNS} FROM launch.slack_messages"  # noqa: S608 - constants
            " WHERE channel = %s AND (live OR launch_id = ANY(%s)) ORDER BY posted_at"
        )
        with connected(self._dsn) as connection:
            return [_placed(row) for row in connection.execute(query, [channel, list(launch_ids)]).fetchall()]

    def nudges(self, launch_ids: Sequence[str]) -> list[Nudge]:
        """Give everybody who was called in these launches, in order."""
        query = (
            f"SELECT {_NUDGE_COLUMNS} FROM launch.slack_nudges"  # noqa: S608 - constants
            " WHERE launch_id = ANY(%s) ORDER BY told_at, number"
        )
        names = _NUDGE_COLUMNS.split(", ")
        with connected(self._dsn) as connection:
            rows = connection.execute(query, [list(launch_ids)]).fetchall()
        return [Nudge.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    @contextmanager
    def _holding(self, channel: str, launch_id: str, key: str) -> Iterator[Connection[Any]]:
        """Hold the place of one message, within one transaction."""
        import psycopg  # noqa: PLC0415 - loads libpq; Dag files must not pay for it

        with connected(self._dsn, 2 * WAIT_SECONDS) as connection:
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_SECONDS}s"])
            hold = "SELECT set_config('idle_in_transaction_session_timeout', %s, true)"
            connection.execute(hold, [f"{HOLD_SECONDS}s"])
            place = f"slack/{channel}/{launch_id}/{key}"
            try:
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [place])
            except psycopg.errors.LockNotAvailable:
                message = f"Somebody else has been posting {key!r} of {launch_id!r} for long; try again."
                raise OperationError(message) from None
            yield connection


def _on_this_loop(post: Callable[[], Awaitable[str]]) -> Callable[[], str]:
    """Let a thread wait for what runs on this event loop."""
    loop = asyncio.get_running_loop()

    async def posting() -> str:
        return await post()

    def wait() -> str:
        return asyncio.run_coroutine_threadsafe(posting(), loop).result(HOLD_SECONDS)

    return wait


def _found(connection: Connection[Any], channel: str, launch_id: str, key: str) -> Placed | None:
    row = connection.execute(_FIND, [channel, launch_id, key]).fetchone()
    return _placed(row) if row else None


def _placed(row: tuple[Any, ...]) -> Placed:
    return Placed.model_validate(dict(zip(_COLUMNS.split(", "), row, strict=True)))


def _claimed(connection: Connection[Any], nudges: Sequence[Nudge]) -> bool:
    """Take all of them, or some were taken before."""
    rows = [[getattr(nudge, name) for name in _NUDGE_COLUMNS.split(", ")] for nudge in nudges]
    return all(connection.execute(_CLAIM, row).fetchone() for row in rows)
