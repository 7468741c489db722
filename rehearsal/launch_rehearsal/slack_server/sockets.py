"""Serve Socket Mode: tickets, hello, envelopes to acknowledge in time, disconnects and dead sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from launch_rehearsal.slack_server.base.settings import APP

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.base.settings import SlackSettings

log = logging.getLogger(__name__)
MOST_CONNECTIONS = 10
"""The most connections of one app (docs.slack.dev, Socket Mode)."""


@dataclass(eq=False)
class Connection:
    """One socket of the app."""

    ws: web.WebSocketResponse
    transport: asyncio.WriteTransport | None
    leaving: bool = False
    """It was asked to reconnect, and gets no more envelopes."""
    silent: bool = False
    """It looks open but is dead: it accepts everything and answers nothing."""

    async def send(self, document: dict[str, Any]) -> None:
        """Send a frame, or lose it if the socket is dead."""
        if not self.silent:
            await self.ws.send_str(json.dumps(document))

    def drop(self) -> None:
        """Cut the connection without a closing frame."""
        if self.transport is not None:
            self.transport.abort()


@dataclass
class Delivery:
    """The result of sending one payload."""

    acked: bool
    response: dict[str, Any] = field(default_factory=dict)
    """The payload of the acknowledgement."""
    seconds: float = 0.0
    """Time from the first envelope to the acknowledgement."""
    attempts: int = 0


class Sockets:
    """Hold all sockets of the app."""

    def __init__(self, settings: SlackSettings) -> None:
        self.connections: list[Connection] = []
        self.opened = 0
        """How many sockets were opened so far."""
        self.deliveries: list[Delivery] = []
        self.late: list[str] = []
        """Ids of envelopes that were acknowledged too late."""
        self._settings = settings
        self._tickets: set[str] = set()
        self._awaited: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._turn = itertools.count()
        self._connected = asyncio.Event()

    def ticket(self, base: str) -> str:
        """Return an address that connects once."""
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return f"{base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={APP}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="this address was used before or never issued")
        self._tickets.discard(ticket)
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        transport = request.transport if isinstance(request.transport, asyncio.WriteTransport) else None
        await self._serve(Connection(ws, transport))
        return ws

    async def _serve(self, connection: Connection) -> None:
        if len(self.connections) >= MOST_CONNECTIONS:
            await connection.send({"type": "disconnect", "reason": "too_many_websockets"})
            await connection.ws.close()
            return
        self.connections.append(connection)
        try:
            await connection.send(self._hello())
            self.opened += 1
            self._connected.set()
            async for frame in connection.ws:
                await self._received(connection, frame.type, frame.data)
        except ConnectionError:
            log.info("a socket was cut")
        finally:
            self.connections.remove(connection)
            if not self.connections:
                self._connected.clear()

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "connection_info": {"app_id": APP},
            "debug_info": {"host": "rehearsal", "build_number": 1, "approximate_connection_time": 18060},
        }

    async def _received(self, connection: Connection, kind: WSMsgType, data: Any) -> None:
        if connection.silent:
            return
        if kind is WSMsgType.PING:
            await connection.ws.pong(data)
        elif kind is WSMsgType.TEXT:
            self._acknowledged(data)

    def _acknowledged(self, data: str) -> None:
        try:
            frame = json.loads(data)
            envelope, payload = str(frame["envelope_id"]), frame.get("payload") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("a frame is no acknowledgement")
            return
        awaited = self._awaited.pop(envelope, None)
        if awaited is None or awaited.done():
            self.late.append(envelope)
        else:
            awaited.set_result(payload)

    async def deliver(self, payload: dict[str, Any], *, answerable: bool = False) -> Delivery:
        """Send a payload to one of the sockets; repeat it if it is not acknowledged in time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        delivery = Delivery(acked=False)
        self.deliveries.append(delivery)
        for attempt in range(self._settings.redeliveries + 1):
            delivery.attempts = attempt + 1
            response = await self._attempt(payload, attempt, answerable=answerable)
            if response is not None:
                delivery.acked, delivery.response = True, response
                delivery.seconds = loop.time() - began
                return delivery
        return delivery

    async def _attempt(
        self, payload: dict[str, Any], attempt: int, *, answerable: bool
    ) -> dict[str, Any] | None:
        """Send one envelope; return its acknowledgement, or None if it came too late."""
        envelope = str(uuid.uuid4())
        document = {
            "envelope_id": envelope,
            "type": "interactive",
            "accepts_response_payload": answerable,
            "payload": payload,
        }
        if attempt:
            document |= {"retry_attempt": attempt, "retry_reason": "timeout"}
        awaited: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._awaited[envelope] = awaited
        try:
            async with asyncio.timeout(self._settings.ack_seconds):
                await (await self._chosen()).send(document)
                return await awaited
        except (TimeoutError, ConnectionError):
            return None
        finally:
            self._awaited.pop(envelope, None)

    async def _chosen(self) -> Connection:
        """Return the sockets in turn; wait if there is none."""
        while True:
            usable = [c for c in self.connections if not c.leaving and not c.ws.closed]
            if usable:
                return usable[next(self._turn) % len(usable)]
            self._connected.clear()
            await self._connected.wait()

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every socket to reconnect, as Slack does every few hours."""
        for connection in list(self.connections):
            connection.leaving = True
            frame = {"type": "disconnect", "reason": reason, "debug_info": {"host": "rehearsal"}}
            await connection.send(frame)

    def drop(self) -> None:
        """Cut every socket."""
        for connection in list(self.connections):
            connection.drop()

    def silence(self) -> None:
        """Leave every open socket dead without closing it."""
        for connection in self.connections:
            connection.silent = True

    async def close(self) -> None:
        """Close every socket in order."""
        for connection in list(self.connections):
            await connection.ws.close()
