"""TLS servers with certificates of a test authority: good, expired, and one that speaks old TLS."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from contextlib import asynccontextmanager
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
async def serving(made: ssl.SSLContext) -> AsyncIterator[int]:
    """Accept handshakes on a free port of loopback; gives the port."""

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=made)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
