"""Check the Host header of every request, against DNS rebinding.

A page of another site can have its own name resolve to this machine, and then has the same origin as Airflow.
The browser sends that name in the header Host, which Airflow does not check.
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from launch_pipeline.airflow.api_server.asgi import send_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.airflow.api_server.asgi import App, Receive, Scope, Send

log = logging.getLogger(__name__)

HOSTS_VARIABLE = "LAUNCH_HOSTS"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^@/\\\s:\[\]]+)(?::\d{1,5})?")
_ADDRESSES = (("api", "base_url"), ("core", "execution_api_server_url"))
"""Options with an address of this api-server, one for people and one for components."""


class HostCheck:
    """ASGI middleware around the whole api-server: refuses requests to any other host."""

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
            log.warning("A request to the host %.200r is refused.", said)
            await _refuse(send, ", ".join(said)[:200])


def allowed_hosts() -> frozenset[str]:
    """Return the names of this api-server: loopback, those in its configuration, and ``LAUNCH_HOSTS``."""
    from airflow.configuration import conf  # noqa: PLC0415 - not ready while plugins are loaded

    addresses = [conf.get(*option, fallback="") for option in _ADDRESSES]
    named = [urlsplit(address).hostname or "" for address in addresses if address]
    more = [host_of(name) for name in os.environ.get(HOSTS_VARIABLE, "").split(",")]
    return LOOPBACK | frozenset(filter(None, [*named, *more]))


def host_of(header: str) -> str:
    """Return the name in a Host header, without the port; empty where the header is invalid."""
    read = _HOST.fullmatch(header.strip().lower())
    return read["name"].strip("[]").rstrip(".") if read else ""


async def _refuse(send: Send, host: str) -> None:
    detail = (
        f"This Airflow does not serve the host {host!r}. If people reach it by that name, add the name to"
        f" {HOSTS_VARIABLE} of the api-server, a list separated by commas."
    )
    await send_json(send, 400, {"detail": detail, "code": "unknown_host"})
