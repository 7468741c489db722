"""The databases of the api-server: Airflow's, on connections of our own, and the address of the ledger.

Airflow's own pool serves the answers. The bridge looks every three seconds, and must neither wait for a
connection of that pool nor hold one.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from airflow import settings
from airflow.models.connection import Connection
from sqlalchemy import create_engine

from launch_pipeline.airflow.hooks.ledger import CONN_ID, plain_dsn
from launch_pipeline.errors import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Engine

T = TypeVar("T")

AT_ONCE = 4
"""Concurrent reads: two bridges that look, and people who answer meanwhile."""


class ApiDatabase:
    """Reads Airflow's database from the api-server, the only component that may."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="launch-slack")
        self._engine: Engine = create_engine(
            str(settings.SQL_ALCHEMY_CONN), pool_size=AT_ONCE, max_overflow=0, pool_pre_ping=True
        )

    async def read(self, function: Callable[..., T], *args: Any) -> T:
        """Call ``function(connection, *args)`` in a thread; its writes are rolled back.

        Raises SQLAlchemyError where the database does not answer.
        """
        return await self.run(self.read_here, function, *args)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that reads files or Airflow's tables, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def read_here(self, function: Callable[..., T], *args: Any) -> T:
        """Call ``function(connection, *args)`` in the caller's thread."""
        with self._engine.connect() as connection:
            return function(connection, *args)

    def close(self) -> None:
        """Release threads and connections. Only tests need it."""
        self._engine.dispose()
        self._threads.shutdown()


def ledger_dsn() -> str:
    """Return the address of the ledger; a task asks the Task SDK instead.

    Raises LedgerUnavailable where no connection names it.
    """
    try:
        return plain_dsn(Connection.get_connection_from_secrets(CONN_ID).get_uri())
    except Exception as error:  # each secrets backend has errors of its own
        message = f"The Airflow connection '{CONN_ID}' is missing in the api-server."
        raise LedgerUnavailable(message) from error
