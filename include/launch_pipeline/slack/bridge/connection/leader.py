"""Elect the bridge that writes in a channel; the others stand by, and still handle clicks."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import LedgerError
from launch_pipeline.ledger.database import aconnected

if TYPE_CHECKING:
    from psycopg import AsyncConnection


class Leader:
    """Hold an advisory lock of the database on one connection; it is free when the connection ends."""

    def __init__(self, dsn: str, channel: str) -> None:
        self._dsn = dsn
        self._place = f"slack/leader/{channel}"
        self._open = AsyncExitStack()
        self._connection: AsyncConnection[Any] | None = None

    async def leads(self) -> bool:
        """Return whether this bridge leads; it takes the lead if it is free. Raises LedgerUnavailable."""
        import psycopg  # noqa: PLC0415 - loads libpq, which most tests of the bridge do not need

        if self._connection is not None:
            try:
                await self._connection.execute("SELECT 1")
            except psycopg.Error:
                await self.release()
        return self._connection is not None or await self._takes_the_lead()

    async def _takes_the_lead(self) -> bool:
        connection = await self._open.enter_async_context(aconnected(self._dsn))
        query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
        row = await (await connection.execute(query, [self._place])).fetchone()
        await connection.commit()
        # No transaction stays open between two calls.
        await connection.set_autocommit(True)
        self._connection = connection
        if row is None or not row[0]:
            await self.release()
        return self._connection is not None

    async def release(self) -> None:
        """Let another bridge lead, from now on: the server learns only later that a connection has ended."""
        import psycopg  # noqa: PLC0415 - loads libpq, which most tests of the bridge do not need

        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.execute("SELECT pg_advisory_unlock_all()")
        with suppress(LedgerError):
            await self._open.aclose()
