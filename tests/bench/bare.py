"""The same questions as the checks of the crowd, asked by the client libraries alone: what the network costs.

Under the same limit per authority, with the same number of connections and the same answers read, but without
parameters, judgement and evidence. What is more than this is ours.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any

import dns.asyncresolver
import psycopg
from psycopg.conninfo import make_conninfo
from redis.asyncio import Redis

from launch_pipeline.checks.engine.client_pool import PER_AUTHORITY
from launch_pipeline.checks.kinds.postgres_query.hidden import MEANS
from launch_pipeline.checks.kinds.tls_certificate.old import OLD, hello

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import aiohttp

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.engine.context import ConnectionInfo
    from servers.crowd import Crowd

HOST = "127.0.0.1"


class Bare:
    """Asks the crowd's servers."""

    def __init__(self, crowd: Crowd, session: aiohttp.ClientSession, trusting: ssl.SSLContext) -> None:
        self._session, self._trusting = session, trusting
        self._other_keys = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._other_keys.maximum_version = ssl.TLSVersion.TLSv1_2
        self._other_keys.set_ciphers("aRSA")
        self._ports = {name: meter.port for name, meter in crowd.meters.items()}
        self._resolver = crowd.resolver
        self._database = crowd.connection("postgres_query")

    async def ask(self, kinds: Sequence[str]) -> None:
        """Ask for each kind as often as it is named, as many at a time as checks would."""
        places = {kind: asyncio.Semaphore(PER_AUTHORITY) for kind in set(kinds)}
        asking: dict[str, Callable[[], Awaitable[None]]] = {
            kind: getattr(self, f"_{kind}") for kind in places
        }

        async def one(kind: str) -> None:
            async with places[kind]:
                await asking[kind]()

        await asyncio.gather(*map(one, kinds))

    async def _http_request(self) -> None:
        async with self._session.get(f"http://{HOST}:{self._ports['http_request']}/health") as answer:
            json.loads(await answer.read())

    async def _prometheus_query(self) -> None:
        url = f"http://{HOST}:{self._ports['prometheus_query']}/api/v1/query"
        async with self._session.post(url, data=b"query=up&timeout=30.000") as answer:
            json.loads(await answer.read())

    async def _tcp_port(self) -> None:
        _, writer = await asyncio.open_connection(HOST, self._ports["tcp_port"])
        writer.close()
        await writer.wait_closed()

    async def _tls_certificate(self) -> None:
        port = self._ports["tls_certificate"]
        # Keys of another sort, and whether a server that closes an old hello still answers.
        for context in (self._trusting, self._other_keys, self._trusting):
            with suppress(ssl.SSLError, ConnectionResetError):
                _, writer = await asyncio.open_connection(
                    HOST, port, ssl=context, server_hostname="localhost"
                )
                writer.transport.abort()
        for version, plain in product(_OLD, (False, True)):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(hello("localhost", version, plain=plain))
            with suppress(asyncio.IncompleteReadError, ConnectionResetError):
                await reader.readexactly(5)
            writer.transport.abort()

    async def _postgres_query(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            _conninfo(self._database), autocommit=True
        ) as session:
            await session.execute("BEGIN READ ONLY; SET LOCAL statement_timeout = 10000")
            await (await session.execute(MEANS, {"words": ["select"]})).fetchall()
            await (await session.execute("SELECT 1")).fetchall()

    async def _dns_record(self) -> None:
        resolver = dns.asyncresolver.Resolver(configure=False)
        host, _, port = self._resolver.rpartition(":")
        resolver.nameservers, resolver.port = [host], int(port)
        await resolver.resolve("a.test", "A", search=False)

    async def _redis_info(self) -> None:
        client = Redis(
            host=HOST,
            port=self._ports["redis_info"],
            single_connection_client=True,
            decode_responses=True,
            protocol=2,
            driver_info=None,
        )
        await client.info()
        await client.ping()
        await client.aclose()


_OLD = (OLD["TLSv1"], OLD["TLSv1.1"])


def _conninfo(connection: ConnectionInfo) -> str:
    given: dict[str, Any] = {
        "host": connection.host,
        "port": connection.port,
        "user": connection.login,
        "dbname": connection.schema,
    }
    return make_conninfo(**given)


def kinds_of(specs: Sequence[CheckSpec]) -> list[str]:
    """Name the kind of each check."""
    return [spec.kind for spec in specs]
