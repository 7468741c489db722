"""Store which message is which in Slack, and who was nudged when: two tables beside the ledger.

Workers and bridges take a message's place here before they post it, so each message is posted once. Only a
crash, or a lost response of Slack, between the post and our commit may repeat one; both then carry the same
key as metadata.
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
"""How long to wait for another process that is posting the same message now."""
HOLD_SECONDS = 60
"""``idle_in_transaction_session_timeout`` of a poster that hangs; PostgreSQL then frees the place."""
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
    """Describe one of our messages in Slack."""

    channel: str
    launch_id: str
    key: str
    ts: str
    """Slack's id of the message within its channel."""
    digest: str = ""
    """Digest of what it showed last; empty if the poster gave none."""
    live: bool = False
    """Whether it offers an answer."""
    updated_at: AwareDatetime


class NudgeLevel(StrEnum):
    """Say why people are mentioned."""

    REQUEST = "request"
    REMINDER = "reminder"
    ESCALATION = "escalation"


class Nudge(Frozen):
    """Record that a role was mentioned for one request of one try."""

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
    """Read and write the tables behind a libpq address, with one short transaction for each call.

    Every method raises LedgerUnavailable if the database does not answer.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def place(
        self, launch_id: str, key: str, channel: str, post: Callable[[], str], *, digest: str = "",
        live: bool = False,
    ) -> str:  # fmt: skip
        """Return the ``ts`` of a message; ``post`` it (which returns the ``ts``) if it was not posted yet.

        Two processes that place the same message wait for each other, so only the first posts. If ``post``
        raises, the place stays free. Raises OperationError if another process holds it for more than 15 s;
        ``post`` must return within 60 s.
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
        """Post a message again, once, that was deleted in Slack, and return its ``ts``.

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
        """Post one message that mentions people for requests, and record it in the tables and the ledger.

        None if one of the requests was nudged before with this level and number. Raises what ``place``
        raises.
        """
        launch_id = entry.launch_id
        with self._holding(channel, launch_id, key) as connection:
            if _found(connection, channel, launch_id, key) or not _claimed(connection, nudges):
                connection.rollback()
                return None
            ts = post()
            connection.execute(_KEEP, [channel, launch_id, key, ts, "", False])
            # Last, because it blocks every other writer of this launch.
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
        """Return a message; None if it was not posted."""
        with connected(self._dsn) as connection:
            return _found(connection, channel, launch_id, key)

    def remember(self, placed: Placed, digest: str, *, live: bool) -> None:
        """Store what a message shows now."""
        query = """
            UPDATE launch.slack_messages SET digest = %s, live = %s, updated_at = clock_timestamp()
            WHERE channel = %s AND launch_id = %s AND key = %s AND ts = %s
        """
        where = [placed.channel, placed.launch_id, placed.key, placed.ts]
        with connected(self._dsn) as connection:
            connection.execute(query, [digest, live, *where])

    def forget(self, channel: str, launch_id: str, prefix: str) -> None:
        """Delete the messages whose key has this prefix, so that they are posted again in a new thread."""
        query = """
            DELETE FROM launch.slack_messages
            WHERE channel = %s AND launch_id = %s AND starts_with(key, %s)
        """
        with connected(self._dsn) as connection:
            connection.execute(query, [channel, launch_id, prefix])

    def all_of(self, channel: str, launch_ids: Sequence[str]) -> list[Placed]:
        """Return all messages of these launches, and those of other launches that still offer an answer."""
        query = (
            f"SELECT {_COLUMNS} FROM launch.slack_messages"  # noqa: S608 - constants
            " WHERE channel = %s AND (live OR launch_id = ANY(%s)) ORDER BY posted_at"
        )
        with connected(self._dsn) as connection:
            return [_placed(row) for row in connection.execute(query, [channel, list(launch_ids)]).fetchall()]

    def nudges(self, launch_ids: Sequence[str]) -> list[Nudge]:
        """Return the nudges of these launches, in order."""
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
        """Lock the place of one message, within one transaction."""
        import psycopg  # noqa: PLC0415 - loads libpq; Dag files must not pay for it

        with connected(self._dsn, 2 * WAIT_SECONDS) as connection:
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_SECONDS}s"])
            hold = "SELECT set_config('idle_in_transaction_session_timeout', %s, true)"
            connection.execute(hold, [f"{HOLD_SECONDS}s"])
            place = f"slack/{channel}/{launch_id}/{key}"
            try:
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [place])
            except psycopg.errors.LockNotAvailable:
                message = f"Another process is still posting {key!r} of {launch_id!r}; try again."
                raise OperationError(message) from None
            yield connection


def _on_this_loop(post: Callable[[], Awaitable[str]]) -> Callable[[], str]:
    """Return a function with which a thread runs ``post`` on this event loop and waits for it."""
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
    """Insert all nudges; False if one of them exists already."""
    rows = [[getattr(nudge, name) for name in _NUDGE_COLUMNS.split(", ")] for nudge in nudges]
    return all(connection.execute(_CLAIM, row).fetchone() for row in rows)
