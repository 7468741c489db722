"""Write the audit log of the constitutional AI into the product's database, through its proxy."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import psycopg
from aiohttp import web

from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.product.base.plan import DATABASE, DATABASE_WRITER, NAMESPACE, Part

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.logs import Logs
    from launch_rehearsal.product.base.plan import ProductPlan
    from launch_rehearsal.product.base.series import Store

_LOG = logging.getLogger(__name__)
_KEEP = """
INSERT INTO constitutional_audit_logs (query, original_output, compliance_score) VALUES (%s, %s, %s)
"""


class Audit:
    """Log validations, and measure the database's latency."""

    def __init__(self, plan: ProductPlan, store: Store, logs: Logs) -> None:
        self._plan, self._store, self._logs = plan, store, logs
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    async def keep(self, content: str, judged: dict[str, Any], query: str) -> None:
        """Append to the log, with the user's own words; raises 503 if the database does not accept it."""
        async with self._turn:
            try:
                connection = await self._connected()
                began = time.perf_counter()
                await connection.execute(_KEEP, [query, content, judged["complianceScore"]])
            except psycopg.Error as error:
                await self.close()
                _LOG.info("the audit log cannot be written: %s", error)
                raise web.HTTPServiceUnavailable(reason="the audit log cannot be written") from error
            milliseconds = (time.perf_counter() - began) * 1000
        labels = {"namespace": NAMESPACE, "app": "constitutional-ai", "stream": "audit"}
        said = {"level": "info", "log_type": "audit"}
        self._logs.write(labels, **said, content=content, score=judged["complianceScore"])
        self._store.observe("db_query_duration_ms", milliseconds, namespace=NAMESPACE)

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                host=LOOPBACK,
                port=self._plan.ports["database"],
                dbname=DATABASE,
                user=DATABASE_WRITER,
                password=self._plan.tokens["writer"],
                connect_timeout=3,
                autocommit=True,
            )
        return self._connection

    async def close(self) -> None:
        """Close the connection; the next entry opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class Passage:
    """Proxy every connection to the product's database; broken, refuse new ones and drop the open ones."""

    def __init__(self, health: Health, target: tuple[str, int]) -> None:
        self._health, self._target = health, target
        self._inside: set[asyncio.StreamWriter] = set()
        health.listen(Part.DATABASE, self._changed)

    async def _changed(self, works: bool) -> None:
        if not works:
            self.clear()

    def clear(self) -> None:
        """Drop the open connections."""
        for writer in self._inside:
            writer.transport.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy bytes both ways until either side ends."""
        if not self._health.works(Part.DATABASE):
            writer.transport.abort()
            return
        try:
            upstream, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._inside |= {writer, back}
        try:
            await asyncio.gather(_carry(reader, back), _carry(upstream, writer))
        finally:
            self._inside -= {writer, back}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
