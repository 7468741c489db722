"""Open short connections to the ledger's database, and translate its errors into our own."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import LaunchRefused, LedgerError, LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from psycopg import AsyncConnection, Connection

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10
_FIX = "Check the connection 'launch_ledger' and that PostgreSQL is up. Nothing is lost; it will be retried."
_LIMIT = "SELECT set_config('statement_timeout', %s, false)"


@contextmanager
def connected(dsn: str, statement_seconds: int = STATEMENT_SECONDS) -> Iterator[Connection[Any]]:
    """Open one connection for one transaction: committed at the end, rolled back on any error.

    ``dsn`` is a libpq URI or key=value text. Raises LedgerUnavailable if the database does not answer (within
    5 s to connect, ``statement_seconds`` for each statement), LaunchRefused for a row of a launch that has
    ended, and LedgerError for any other refusal. No message contains the password.
    """
    import psycopg  # noqa: PLC0415 - loads libpq; Dag files must not pay for it

    try:
        with psycopg.connect(dsn, **_options()) as connection:
            connection.execute(_LIMIT, [f"{statement_seconds}s"])
            yield connection
    except psycopg.Error as error:
        raise _translated(error, dsn) from None


@asynccontextmanager
async def aconnected(dsn: str) -> AsyncIterator[AsyncConnection[Any]]:
    """Do the same as ``connected`` without blocking the event loop."""
    import psycopg  # noqa: PLC0415 - loads libpq; Dag files must not pay for it

    try:
        async with await psycopg.AsyncConnection.connect(dsn, **_options()) as connection:
            await connection.execute(_LIMIT, [f"{STATEMENT_SECONDS}s"])
            yield connection
    except psycopg.Error as error:
        raise _translated(error, dsn) from None


def _options() -> dict[str, Any]:
    # Without the timeout a vanished peer blocks until the kernel gives up, after minutes.
    return {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": 1000 * STATEMENT_SECONDS,
        "client_encoding": "utf8",
        "application_name": "launch_ledger",
    }


def _translated(error: Exception, dsn: str) -> LedgerError | LaunchRefused:
    import psycopg  # noqa: PLC0415 - loads libpq; Dag files must not pay for it

    try:
        parts = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.Error:
        # libpq quotes the unreadable part, which may be the password.
        return LedgerUnavailable(f"The address of the ledger cannot be read. {_FIX}")
    detail = " ".join(str(error).split())
    password = str(parts.get("password") or "")
    if password:
        detail = detail.replace(password, "***")
    missing = (
        psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn | psycopg.errors.InvalidSchemaName
    )
    if isinstance(error, missing):
        return LedgerUnavailable(
            f"The ledger's tables are missing or outdated ({detail}). Run its migrations; it will be retried."
        )
    if isinstance(error, psycopg.errors.CheckViolation):
        return LaunchRefused(f"The ledger refused the row: {detail.partition(' HINT')[0]}.")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return LedgerUnavailable(f"The ledger cannot be reached: {detail}. {_FIX}")
    return LedgerError(f"The ledger's database refused ({type(error).__name__}): {detail}")
