"""ASGI: the types of an application, and the requests and replies that the plugin makes itself.

Every component of Airflow loads this module with the plugin, so it imports nothing heavy.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

log = logging.getLogger(__name__)

MAX_REPLY = 1024 * 1024
"""Bytes of a reply that ``call`` keeps."""


class Reply(NamedTuple):
    """Status and body of a reply."""

    status: int
    body: bytes


async def call(app: App, scope: Scope, body: bytes) -> Reply:
    """Send one request to an application of this process and return its reply.

    An application that raises has replied 500, unless it had begun another reply.
    """
    collector = _Collector()
    try:
        await app(scope, replay(body, collector.disconnected), collector.send)
    except Exception:
        log.exception("%s %s broke in the api-server.", scope["method"], scope["path"])
    finally:
        collector.ended.set()
    return Reply(collector.status, bytes(collector.body))


def request_scope(method: str, path: str, headers: Headers) -> Scope:
    """Build the scope of a request from this process; ``path`` is quoted as in a URL."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        # A host that the api-server always accepts (host_check.py).
        "headers": [(b"host", b"localhost"), *headers],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 0),
    }


def replay(body: bytes, rest: Receive) -> Receive:
    """Return a ``receive`` that gives the whole body once, then whatever ``rest`` gives.

    After the body there must be no disconnect of ours: it would end the reply of the application.
    """
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return await rest()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def send_json(send: Send, status: int, content: Any, headers: Headers = ()) -> None:
    """Send a reply with a JSON body."""
    body = json.dumps(content).encode()
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})


class _Collector:
    """The client's side of one request: keeps the reply, and stays connected until it is complete."""

    def __init__(self) -> None:
        self.status = 500
        self.body = bytearray()
        self.ended = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")[: MAX_REPLY - len(self.body)]
            if not message.get("more_body"):
                self.ended.set()

    async def disconnected(self) -> Message:
        await self.ended.wait()
        return {"type": "http.disconnect"}
