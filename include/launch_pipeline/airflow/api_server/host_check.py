"""Which names the api-server answers to: another name that leads here is a page's way around the browser.

A page of another site can have its own name resolved to this machine (DNS rebinding); it is then of one
origin with Airflow. The browser says that name in the header Host, and nothing of Airflow looks at it.
"""

from __future__ import annotations

import json
import logging
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.airflow.api_server.asgi import App, Receive, Scope, Send

log = logging.getLogger(__name__)

HOSTS_VARIABLE = "LAUNCH_HOSTS"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^@/\\\s:\[\]]+)(?::\d{1,5})?")
_ADDRESSES = (("api", "base_url"), ("core", "execution_api_server_url"))
"""Options with an address of this api-server: for people, and for components."""


class HostCheck:
    """ASGI middleware around the whole api-server: refuses what is not asked of one of its names."""

    def __init__(self, app: App, hosts: Iterable[str] | None = None) -> None:
        self.app = app
        self._hosts = frozenset(hosts) if hosts is not None else allowed_hosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(said) == 1 and host_of(said[0]) in self._hosts:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            log.warning("A request to the host %.200r was refused.", said)
            await _refuse(send, ", ".join(said)[:200])


def allowed_hosts() -> frozenset[str]:
    """The names of this api-server: loopback, its addresses of the configuration, and ``LAUNCH_HOSTS``."""
    from airflow.configuration import conf  # noqa: PLC0415 - not ready while plugins are loaded

    addresses = [conf.get(*option, fallback="") for option in _ADDRESSES]
    named = [urlsplit(address).hostname or "" for address in addresses if address]
    more = [host_of(name) for name in os.environ.get(HOSTS_VARIABLE, "").split(",")]
    return LOOPBACK | frozenset(filter(None, [*named, *more]))


def host_of(header: str) -> str:
    """Read the name in a header Host, without its port; empty where it is none."""
    read = _HOST.fullmatch(header.strip().lower())
    return read["name"].strip("[]").rstrip(".") if read else ""


async def _refuse(send: Send, host: str) -> None:
    detail = (
        f"This Airflow does not answer to the host {host!r}. If people reach it by that name, add it to"
        f" {HOSTS_VARIABLE} of the api-server, with commas between names."
    )
    body = json.dumps({"detail": detail, "code": "unknown_host"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})
