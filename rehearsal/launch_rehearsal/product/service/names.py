"""Serve DNS for the product's names over UDP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from launch_rehearsal.product.base.plan import DOMAIN, Part

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health

ADDRESSES = ("192.0.2.10", "192.0.2.11")
"""The product's addresses in production, from the documentation block (RFC 5737)."""
_TTL = 60
_NAMES = tuple(f"{label}{DOMAIN}." for label in ("", "api.", "status."))
ZONE: dict[tuple[str, str], list[str]] = {
    **{(name, "A"): list(ADDRESSES) for name in _NAMES},
    (f"{DOMAIN}.", "CAA"): ['0 issue "letsencrypt.org"'],
}


class NameServer(asyncio.DatagramProtocol):
    """Answer for the zone; broken, every name is NXDOMAIN."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._transport: Any = None

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
        if not self._health.works(Part.DNS) or all(known != name for known, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif values := ZONE.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(name, _TTL, "IN", kind, *values))
        return answer
