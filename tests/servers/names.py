"""The rehearsal's DNS server with a zone of a test; names below ``broken.`` are answered SERVFAIL."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import dns.rcode

from launch_rehearsal.vendors.dns_server import NameServer, Zone, answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class _Names(NameServer):
    def fault(self, name: str) -> dns.rcode.Rcode | None:
        return dns.rcode.SERVFAIL if name.startswith("broken.") else None


@asynccontextmanager
async def serving(zone: Zone) -> AsyncIterator[str]:
    """Answer for a zone on a free port; gives the resolver as ``address:port``."""
    async with answering(_Names(zone)) as resolver:
        yield resolver
