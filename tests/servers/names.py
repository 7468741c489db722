"""DNS servers of a test: the rehearsal's with another zone, and one that answers by a script.

Names below ``broken.`` are answered SERVFAIL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

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


Record = tuple[str, int, str, str]
"""Owner, TTL, type, value."""
Script = Callable[[str, str], "Reply"]
"""Answers a name, with its final dot, and a type."""


class Reply:
    """An answer: records, the authority section, flags, code; ``cut`` is cut short over UDP.

    ``says`` is an extended error; an ``old`` server knows no EDNS.
    """

    def __init__(
        self, *records: Record, authority: tuple[Record, ...] = (), aa: bool = False, rcode: str = "NOERROR",
        cut: bool = False, says: int | None = None, old: bool = False,
    ) -> None:  # fmt: skip
        self._says, self._old = says, old
        self._records, self._authority, self._aa = records, authority, aa
        self._rcode, self._cut = dns.rcode.from_text(rcode), cut

    def wire(self, query: dns.message.Message, *, stream: bool) -> bytes:
        """Write the answer to a query."""
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA if self._aa else dns.flags.RA
        answer.set_rcode(self._rcode)
        if self._says is not None and query.edns >= 0:
            answer.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode(self._says))])
        if self._old and query.edns >= 0:
            answer.use_edns(-1)
            answer.set_rcode(dns.rcode.FORMERR)
            return answer.to_wire()
        if self._cut and not stream:
            answer.flags |= dns.flags.TC
            return answer.to_wire()
        for section, records in ((answer.answer, self._records), (answer.authority, self._authority)):
            for owner, ttl, kind, value in records:
                found = answer.find_rrset(
                    section, dns.name.from_text(owner), dns.rdataclass.IN, dns.rdatatype.from_text(kind),
                    create=True,
                )  # fmt: skip
                found.update(dns.rrset.from_text(owner, ttl, "IN", kind, value))
        return answer.to_wire()


def _said(script: Script, data: bytes, *, stream: bool = False) -> bytes:
    query = dns.message.from_wire(data)
    asked = query.question[0]
    return script(asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)).wire(
        query, stream=stream
    )


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, script: Script) -> None:
        self._script = script

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._transport.sendto(_said(self._script, data), addr)


@asynccontextmanager
async def scripted(script: Script, *, streams: bool = True) -> AsyncIterator[str]:
    """Answer by a script, over UDP and TCP, on a port of loopback; gives ``address:port``."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            told = _said(script, data, stream=True)
            writer.write(len(told).to_bytes(2, "big") + told)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if not streams:
        server.close()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(script), ("127.0.0.1", port))
    try:
        yield f"127.0.0.1:{port}"
    finally:
        transport.close()
        server.close()
