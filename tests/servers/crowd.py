"""Many different checks at once, and servers on loopback that note how many sockets lead to them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

import trustme
from psycopg.conninfo import conninfo_to_dict

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo, Environment
from servers import names, redis_nodes, tls

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

COUNT = 300
HEALTH = b'{"status": "healthy"}'


def found() -> bytes:
    """Write an answer of Prometheus for one series of now."""
    series = {"metric": {"job": "api"}, "value": [time.time(), "1"]}
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": [series]}}).encode()


Handler = Any


def sockets() -> Counter[int]:
    """Count this process's own open sockets by the port they lead to; 0 for UDP, which leads nowhere.

    Counted where they are opened: a server hears of an end a moment later, when the next one is open already.
    """
    found: Counter[int] = Counter()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  (hundreds of times a second)
        with suppress(OSError):  # no socket, not connected, or closed by now
            one = socket.socket(fileno=int(name))
            try:
                if one.family == socket.AF_INET:
                    found[0 if one.type == socket.SOCK_DGRAM else one.getpeername()[1]] += 1
            finally:
                one.detach()  # it belongs to somebody else
    return found


class Meter:
    """A server of TCP that can count how many of this process's sockets lead to it at most."""

    counting = True

    def __init__(self, name: str, handle: Handler, ssl: Any = None) -> None:
        self.name = name
        self.port = 0
        self.peak = 0
        self.udp = 0
        self.total = 0
        self._handle = handle
        self._ssl = ssl
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._count, "127.0.0.1", 0, ssl=self._ssl, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.total += 1
        if self.counting:
            seen = sockets()
            self.peak, self.udp = max(self.peak, seen[self.port]), max(self.udp, seen[0])
        try:
            await self._handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answering(body: bytes) -> Handler:
    """Answer every HTTP request of a connection with one JSON."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, found, length = head.partition(b"content-length:")
            await reader.readexactly(int(length.split(b"\r\n")[0]) if found else 0)
            status = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            writer.write(status % len(body) + body)
            await writer.drain()

    return handle


async def until_closed(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing until the other side leaves."""
    while await reader.read(1024):
        pass


def forwarding(connect: Callable[[], Coroutine[Any, Any, Any]]) -> Handler:
    """Pass everything on to a server that does not count."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await connect()
        pumps: list[asyncio.Future[None]] = []
        try:
            pumps = [
                asyncio.ensure_future(_pump(*pair))
                for pair in ((reader, other_writer), (other_reader, writer))
            ]
            # Whoever leaves first ends the connection.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            other_writer.close()

    return handle


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


class Crowd:
    """Every server, in a thread with a loop of its own, so that the loop of the checks has only the checks.

    The PostgreSQL is given by its address. Redis takes part where it is installed. Counting sockets takes a
    millisecond for each that arrives.
    """

    def __init__(self, folder: Path, database: str, *, counting: bool = True) -> None:
        self._counting = counting
        self._folder = folder
        self._database: dict[str, Any] = dict(conninfo_to_dict(database))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = ExitStack()
        self._started, self._ended = asyncio.Event(), asyncio.Event()
        self._authority = trustme.CA()
        self.meters: dict[str, Meter] = {}
        self.resolver = ""

    def __enter__(self) -> Self:
        self._authority.cert_pem.write_to_path(str(self._folder / "ca.pem"))
        made = [
            Meter("http_request", answering(HEALTH)),
            Meter("prometheus_query", answering(found())),
            Meter("tcp_port", until_closed),
            Meter("tls_certificate", until_closed, tls.context(self._authority)),
            Meter("postgres_query", forwarding(self._to_postgres)),
        ]
        if shutil.which("redis-server"):
            port = self._stack.enter_context(redis_nodes.single())
            made.append(Meter("redis_info", forwarding(lambda: asyncio.open_connection("127.0.0.1", port))))
        self.meters = {meter.name: meter for meter in made}
        for meter in made:
            meter.counting = self._counting
        self._thread.start()
        self._serving = asyncio.run_coroutine_threadsafe(self._serve(), self._loop)
        asyncio.run_coroutine_threadsafe(self._started.wait(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._serving.result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._stack.close()

    async def _to_postgres(self) -> Any:
        host, port = str(self._database["host"]), int(self._database.get("port") or 5432)
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _serve(self) -> None:
        for meter in self.meters.values():
            await meter.start()
        async with names.serving({("a.test.", "A"): (60, ["10.0.0.1"])}) as resolver:
            self.resolver = resolver
            self._started.set()
            await self._ended.wait()
        for meter in self.meters.values():
            meter.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def context(self) -> CheckContext:
        """Build a check context with connections to the servers."""

        async def connect(conn_id: str) -> ConnectionInfo:
            return self.connection(conn_id)

        return CheckContext(Environment(name="crowd"), connect)

    def connection(self, conn_id: str) -> ConnectionInfo:
        """Say where the server of a kind is."""
        meter = self.meters[conn_id]
        scheme = {"postgres_query": "postgres", "redis_info": "redis"}.get(conn_id, "http")
        login = str(self._database["user"]) if scheme == "postgres" else ""
        schema = str(self._database["dbname"]) if scheme == "postgres" else ""
        return ConnectionInfo(conn_id, scheme, "127.0.0.1", meter.port, login, "", schema)

    def specs(self, count: int = COUNT) -> list[CheckSpec]:
        """So many checks, of every kind in turn."""
        forms = self.forms()
        return [CheckSpec.model_validate(forms[number % len(forms)]) for number in range(count)]

    def forms(self) -> list[dict[str, Any]]:
        """One check of each kind."""
        ports = {name: meter.port for name, meter in self.meters.items()}
        tls_host = f"localhost:{ports['tls_certificate']}"
        checks: dict[str, dict[str, Any]] = {
            "http_request": {"path": "/health", "expect": {"json.status": "== healthy"}},
            "prometheus_query": {"query": "up", "expect": {"value": "== 1"}},
            "tcp_port": {"targets": [f"127.0.0.1:{ports['tcp_port']}"]},
            "tls_certificate": {"hosts": [tls_host], "ca_file": str(self._folder / "ca.pem")},
            "postgres_query": {"sql": "SELECT 1", "expect": {"value": "== 1"}},
            "dns_record": {"names": ["a.test"], "resolvers": [self.resolver]},
            "redis_info": {},
        }
        asked = [name for name in checks if name == "dns_record" or name in self.meters]
        bare = {"tcp_port", "tls_certificate", "dns_record"}
        return [{name: {**checks[name], **({} if name in bare else {"conn_id": name})}} for name in asked]
