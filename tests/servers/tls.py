"""TLS servers with certificates of a test authority: good, expired, and one that speaks old TLS."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trustme


def context(
    authority: trustme.CA,
    name: str = "localhost",
    *,
    days: int = 90,
    legacy: bool = False,
    not_before: datetime | None = None,
) -> ssl.SSLContext:
    """Make a server's context; ``days`` until the certificate ends, ``legacy`` with TLS 1.0 to 1.2."""
    ends = datetime.now(UTC) + timedelta(days=days, minutes=1)
    certificate = authority.issue_cert(name, not_before=not_before, not_after=ends)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    if legacy:
        made.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = ssl.TLSVersion.TLSv1
    else:
        made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


@asynccontextmanager
async def serving(made: ssl.SSLContext, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Accept handshakes on a port of loopback; gives the port."""

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(accept, address, port, ssl=made)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


Raw = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What stands in front of a server, and answers old hellos itself; it gets the hello."""
_OLDEST_GOOD = 0x0303


@asynccontextmanager
async def guarded(made: ssl.SSLContext, answer: Raw) -> AsyncIterator[int]:
    """Serve TLS behind a guard that answers every hello below TLS 1.2 by ``answer``; gives the port."""
    async with serving(made) as behind, asyncio.TaskGroup() as talks:

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                header = await reader.readexactly(5)
                first = header + await reader.readexactly(int.from_bytes(header[3:], "big"))
                if int.from_bytes(first[9:11], "big") < _OLDEST_GOOD:
                    await answer(first, reader, writer)
                else:
                    await passed_on(first, reader, writer, behind)
            writer.close()

        server = await asyncio.start_server(
            lambda reader, writer: talks.create_task(talk(reader, writer)) and None, "127.0.0.1", 0
        )
        async with server:
            yield server.sockets[0].getsockname()[1]


async def passed_on(
    first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> None:
    back, forth = await asyncio.open_connection("127.0.0.1", port)
    forth.write(first)

    async def pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(4096):
                target.write(piece)
        target.close()

    await asyncio.gather(pipe(reader, forth), pipe(back, writer))
