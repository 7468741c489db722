"""The context of a check: environment, connections by name, and the shared clients of the loop."""

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
    """Host and secret of a service; its repr hides the secrets."""

    conn_id: str
    scheme: str = ""
    """The connection's type, such as ``http`` or ``postgres``."""
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    """Airflow's schema: ``https`` of a web connection, the database of a PostgreSQL one."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def base_url(self) -> str:
        """Return the URL without credentials and trailing slash: ``https://host:8443/base``."""
        given = self.host if "://" in self.host else f"//{self.host}"
        parts = urlsplit(given)
        scheme = next((s for s in (parts.scheme, self.schema, self.scheme) if s in _WEB), "")
        scheme = scheme or ("http" if parts.port or self.port not in {None, 443} else "https")
        name = parts.hostname or ""
        name = f"[{name}]" if ":" in name else name
        port = parts.port or self.port
        return f"{scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"

    def secrets(self) -> Iterator[str]:
        """Yield every secret: password, secret extras, and the forms they take in headers."""
        if self.password:
            yield self.password
            yield base64.b64encode(f"{self.login}:{self.password}".encode("utf-8", "replace")).decode()
        yield from _secret_texts(self.extra, sensitive=False)


def _secret_texts(value: Any, *, sensitive: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            # All headers of a connection are treated as secrets.
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
"""Looks up a connection by name; raises NotConnected if there is none."""


@dataclass(frozen=True)
class Holder:
    """A person who holds a role, as far as checks need to know."""

    name: str
    slack_id: str | None = None


Holders = Callable[[Role], Awaitable[Sequence[Holder]]]
"""Looks up the holders of a role; raises NotConnected without contacts."""


async def _nobody_known(role: Role) -> Sequence[Holder]:
    message = f"not connected: the contacts, which name the {role.label}"
    raise NotConnected(message)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class CheckContext:
    """Everything a check may use. ``clock``, ``monotonic`` and ``sleep`` are replaced in tests."""

    environment: Environment
    connect: Connect = field(repr=False)
    holders: Holders = field(default=_nobody_known, repr=False)
    clock: Callable[[], datetime] = _utc_now
    """Returns the current time, with zone."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    seen_secrets: set[str] = field(default_factory=set, repr=False)
    """Secrets of the connections in use, to redact from the evidence."""

    async def connection(self, conn_id: str) -> ConnectionInfo:
        """Return a connection; raises NotConnected("not connected: prometheus") if there is none."""
        connection = await self.connect(conn_id)
        self.seen_secrets.update(connection.secrets())
        return connection

    @property
    def clients(self) -> ClientPool:
        """Return the client pool of the running loop."""
        return shared_clients()
