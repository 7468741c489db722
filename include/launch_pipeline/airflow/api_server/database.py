"""Airflow's database for what the plugin's routes read: threads and connections of their own.

Airflow's own pool serves the answers; a bridge that looks every three seconds must not wait for one of its
connections, nor hold one back.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from airflow import settings
from sqlalchemy import create_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Engine

T = TypeVar("T")

AT_ONCE = 4
"""Reads side by side: two bridges that look, and people who answer meanwhile."""


class ApiDatabase:
    """Reads of Airflow's database in the api-server, the only component that may."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="launch-slack")
        self._engine: Engine = create_engine(
            str(settings.SQL_ALCHEMY_CONN), pool_size=AT_ONCE, max_overflow=0, pool_pre_ping=True
        )

    async def read(self, function: Callable[..., T], *args: Any) -> T:
        """Call ``function(connection, *args)`` in a thread; what it writes is rolled back.

        Raises SQLAlchemyError where the database does not answer.
        """
        return await self.run(self._with_connection, function, *args)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that reads files or Airflow's own tables, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _with_connection(self, function: Callable[..., T], *args: Any) -> T:
        with self._engine.connect() as connection:
            return function(connection, *args)

    def read_here(self, function: Callable[..., T], *args: Any) -> T:
        """Do the same as ``read`` in a thread of the caller's."""
        return self._with_connection(function, *args)

    def close(self) -> None:
        """Give threads and connections back; for tests, an api-server ends with them."""
        self._engine.dispose()
        self._threads.shutdown()
