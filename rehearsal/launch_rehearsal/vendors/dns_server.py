"""An authoritative DNS server over UDP."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from launch_pipeline.stack.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

Zone = dict[tuple[str, str], tuple[int, list[str]]]
"""TTL and values by name (in lower case, with the final dot) and type."""


class NameServer(asyncio.DatagramProtocol):
    """Answer for a zone; every other name is NXDOMAIN."""

    def __init__(self, zone: Mapping[tuple[str, str], tuple[int, list[str]]]) -> None:
        self._zone = zone
        self._transport: Any = None

    def fault(self, _name: str) -> dns.rcode.Rcode | None:
        """Return the error with which every question about a name is answered, or None for no error."""
        return None

    def record(self, name: str, kind: str) -> tuple[int, list[str]] | None:
        """Return TTL and values of a name, or None if it has none of this type."""
        return self._zone.get((name, kind))

    def connection_made(self, transport: Any) -> None:
        """Store the socket."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer one question; drop a datagram that is none."""
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        self._transport.sendto(self._answer(query).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA | dns.flags.AA
        asked = query.question[0]
        name, kind = asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)
        fault = self.fault(name)
        if fault is not None:
            answer.set_rcode(fault)
        elif (known := self.record(name, kind)) is not None:
            ttl, values = known
            answer.answer += [dns.rrset.from_text(name, ttl, "IN", kind, *values)] if values else []
        elif all(known != name for known, _ in self._zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


@asynccontextmanager
async def answering(server: NameServer, port: int = 0) -> AsyncIterator[str]:
    """Serve on a port of loopback and yield the resolver as ``address:port``; port 0 takes a free one."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, (LOOPBACK, port))
    try:
        yield f"{LOOPBACK}:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()
