"""Airflow connections for checks: looked up without blocking the event loop, and cached."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow.sdk.bases.hook import BaseHook

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.errors import NotConnected

if TYPE_CHECKING:
    from airflow.sdk import Connection

KEEP_SECONDS = 60.0
"""A look-up takes 50 to 80 ms, and look-ups queue. A new connection is seen a minute later at most."""


class ConnectionCache:
    """Connections of one event loop. Misses are cached as well; concurrent look-ups of one id share one."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, asyncio.Future[ConnectionInfo]]] = {}

    async def get(self, conn_id: str) -> ConnectionInfo:
        """Return a connection. Raises NotConnected where it does not exist."""
        until, pending = self._known.get(conn_id, (0.0, None))
        if pending is None or until < time.monotonic():
            pending = asyncio.ensure_future(_look_up(conn_id))
            self._known[conn_id] = (time.monotonic() + KEEP_SECONDS, pending)
        return await asyncio.shield(pending)


_CACHES: WeakKeyDictionary[asyncio.AbstractEventLoop, ConnectionCache] = WeakKeyDictionary()


def connection_cache() -> ConnectionCache:
    """Return the cache of the running loop: one per triggerer."""
    return _CACHES.setdefault(asyncio.get_running_loop(), ConnectionCache())


async def _look_up(conn_id: str) -> ConnectionInfo:
    try:
        connection = await BaseHook.aget_connection(conn_id)
    except Exception as error:  # each secrets backend has errors of its own; their texts may hold secrets
        reason = f"not connected: {conn_id}. Add the Airflow connection '{conn_id}' and this is checked."
        raise NotConnected(reason) from error
    return connection_info(connection, connection.extra_dejson)


def connection_info(connection: Connection, extra: dict[str, Any]) -> ConnectionInfo:
    """Return an Airflow connection as checks take it."""
    return ConnectionInfo(
        conn_id=connection.conn_id,
        scheme=connection.conn_type or "",
        host=connection.host or "",
        port=connection.port,
        login=connection.login or "",
        password=connection.password or "",
        schema=connection.schema or "",
        extra=extra,
    )
