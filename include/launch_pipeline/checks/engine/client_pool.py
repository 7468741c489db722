"""Clients that the checks of one event loop share: HTTP sessions, TLS contexts, limits per authority.

Creating a session and a TLS context for each check would block the loop for tens of milliseconds.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable
    from contextlib import AbstractAsyncContextManager

    import aiohttp

T = TypeVar("T")

PER_AUTHORITY = 8
"""Concurrent checks of one host and port."""


class ClientPool:
    """The clients of one event loop, created lazily and closed by :func:`close_clients`."""

    def __init__(self, per_authority: int = PER_AUTHORITY) -> None:
        self._per_authority = per_authority
        self._limits: dict[str, asyncio.Semaphore] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._making = asyncio.Lock()
        self._kept: dict[Hashable, Any] = {}
        self._keeping: dict[Hashable, asyncio.Lock] = {}
        self._open = AsyncExitStack()

    async def session(self, *, guarded: bool = True) -> aiohttp.ClientSession:
        """Return the shared HTTP session; if guarded, it refuses link-local and metadata addresses."""
        async with self._making:
            if guarded not in self._sessions or self._sessions[guarded].closed:
                self._sessions[guarded] = await _new_session(guarded=guarded)
            return self._sessions[guarded]

    async def tls_context(self, ca_file: str = "") -> ssl.SSLContext:
        """Return a verifying client context that trusts the system's authorities, or those of a file.

        Raises OSError if the file cannot be read.
        """
        async with self._making:
            if ca_file not in self._contexts:
                # Reading the system's certificates takes tens of milliseconds.
                context = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file or None)
                # As browsers do (RFC 9525): the common name is no name of a host.
                context.hostname_checks_common_name = False
                self._contexts[ca_file] = context
            return self._contexts[ca_file]

    @asynccontextmanager
    async def limit(self, authority: str) -> AsyncIterator[None]:
        """Hold one of the slots of an authority (``host:port``); wait while all are taken."""
        semaphore = self._limits.setdefault(authority, asyncio.Semaphore(self._per_authority))
        async with semaphore:
            yield

    async def keep(self, key: Hashable, opening: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return the resource that ``opening`` opens, one per key, closed with the pool."""
        async with self._keeping.setdefault(key, asyncio.Lock()):
            if key not in self._kept:
                self._kept[key] = await self._open.enter_async_context(opening())
            return cast("T", self._kept[key])

    async def close(self) -> None:
        """Close everything; a later check opens it again."""
        self._kept.clear()
        await self._open.aclose()
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()


async def _new_session(*, guarded: bool) -> aiohttp.ClientSession:
    from launch_pipeline.checks.engine.address_guard import new_session  # noqa: PLC0415  (loads aiohttp)

    return new_session(guarded=guarded)


_CLIENTS: WeakKeyDictionary[Any, ClientPool] = WeakKeyDictionary()


def shared_clients() -> ClientPool:
    """Return the client pool of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _CLIENTS:
        _CLIENTS[loop] = ClientPool()
    return _CLIENTS[loop]


async def close_clients() -> None:
    """Close the client pool of the running loop, before the loop ends."""
    clients = _CLIENTS.pop(asyncio.get_running_loop(), None)
    if clients is not None:
        await clients.close()
