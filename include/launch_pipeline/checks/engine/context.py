"""What an observer may use: the environment, connections by name, and the loop's shared clients."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.engine.client_pool import ClientPool, shared_clients
from launch_pipeline.checks.engine.environment import Environment, load_environment
from launch_pipeline.checks.redaction import is_sensitive
from launch_pipeline.errors import NotConnected

__all__ = ["CheckContext", "Connect", "ConnectionInfo", "Environment", "Holder", "load_environment"]

_WEB = {"http", "https"}


@dataclass(frozen=True)
class ConnectionInfo:
    """Host and secret of something that is asked; never printed with its secrets."""

    conn_id: str
    scheme: str = ""
    """The connection's type, e.g. ``http`` or ``postgres``."""
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    """Airflow's schema: ``https`` of a web connection, the database of a PostgreSQL one."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def base_url(self) -> str:
        """The URL without credentials and without a slash at the end: ``https://host:8443/base``."""
        given = self.host if "://" in self.host else f"//{self.host}"
        parts = urlsplit(given)
        scheme = next((s for s in (parts.scheme, self.schema, self.scheme) if s in _WEB), "")
        scheme = scheme or ("http" if parts.port or self.port not in {None, 443} else "https")
        name = parts.hostname or ""
        name = f"[{name}]" if ":" in name else name
        port = parts.port or self.port
        return f"{scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"

    def secrets(self) -> Iterator[str]:
        """Every text that must never be shown: password, secret extras, and their header forms."""
        if self.password:
            yield self.password
            yield base64.b64encode(f"{self.login}:{self.password}".encode("utf-8", "replace")).decode()
        yield from _secret_texts(self.extra, sensitive=False)


def _secret_texts(value: Any, *, sensitive: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            # Whatever a connection sends as a header is its secret.
            yield from _secret_texts(
                item, sensitive=sensitive or name == "headers" or is_sensitive(str(name))
            )
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secret_texts(item, sensitive=sensitive)
    elif sensitive and value is not None and not isinstance(value, bool):
        yield str(value)
        yield from (word for word in str(value).split() if len(word) > 7)  # noqa: PLR2004


Connect = Callable[[str], Awaitable[ConnectionInfo]]
"""Gives the connection of a name; raises NotConnected where there is none."""


@dataclass(frozen=True)
class Holder:
    """Somebody who answers for a role, as far as a check needs to know."""

    name: str
    slack_id: str | None = None


Holders = Callable[[Role], Awaitable[Sequence[Holder]]]
"""Gives who answers for a role; raises NotConnected where nobody knows."""


async def _nobody_known(role: Role) -> Sequence[Holder]:
    message = f"not connected: the contacts, which say who {role.label} is"
    raise NotConnected(message)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class CheckContext:
    """What a check runs with. ``clock``, ``monotonic`` and ``sleep`` are there for tests."""

    environment: Environment
    connect: Connect = field(repr=False)
    holders: Holders = field(default=_nobody_known, repr=False)
    clock: Callable[[], datetime] = _utc_now
    """The time now, with zone."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    seen_secrets: set[str] = field(default_factory=set, repr=False)
    """Secrets of the connections given out so far; evidence is redacted by them."""

    async def connection(self, conn_id: str) -> ConnectionInfo:
        """Give a connection; raises NotConnected("not connected: prometheus") where there is none."""
        connection = await self.connect(conn_id)
        self.seen_secrets.update(connection.secrets())
        return connection

    @property
    def clients(self) -> ClientPool:
        """The running loop's shared clients."""
        return shared_clients()
