"""Serve DNS for the product's names over UDP."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rcode
import dns.rdataset

from launch_rehearsal.product.base.plan import DOMAIN, Part
from launch_rehearsal.vendors.dns_server import NameServer, Zone

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.tampering.tampering import Tampering

ADDRESSES = ("192.0.2.10", "192.0.2.11")
"""The product's addresses in production, from the documentation block (RFC 5737)."""
_TTL = 60
_LONGEST = 2**31 - 1
_NAMES = tuple(f"{label}{DOMAIN}." for label in ("", "api.", "status."))
ZONE: Zone = {
    **{(name, "A"): (_TTL, list(ADDRESSES)) for name in _NAMES},
    (f"{DOMAIN}.", "NS"): (_TTL, [f"ns{number}.dns.example." for number in (1, 2)]),
    (f"{DOMAIN}.", "CAA"): (_TTL, ['0 issue "letsencrypt.org"']),
}


class ProductNames(NameServer):
    """Answer for the product's zone; broken, every name is NXDOMAIN."""

    def __init__(self, health: Health, tampering: Tampering) -> None:
        super().__init__(ZONE)
        self._health, self._tampering = health, tampering

    def record(self, name: str, kind: str) -> tuple[int, list[str]] | None:
        """Return the record of the zone, as it is told while it is tampered with."""
        known = super().record(name, kind)
        told = json.dumps(known or (_TTL, [])).encode()
        try:
            ttl, values = json.loads(self._tampering.altered(f"DNS {name} {kind}", "", told))
            ttl = min(max(int(ttl), 0), _LONGEST)
            record = dns.rdataset.from_text("IN", kind, ttl, *values)
            record.to_wire(dns.name.root, io.BytesIO())
        except (dns.exception.DNSException, TypeError, ValueError):
            return known  # what is no record cannot be told
        return (ttl, values) if values or known else None

    def fault(self, _name: str) -> dns.rcode.Rcode | None:
        """Return NXDOMAIN while the names are broken."""
        return None if self._health.works(Part.DNS) else dns.rcode.NXDOMAIN
