"""Serve DNS for the product's names over UDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.rcode

from launch_rehearsal.product.base.plan import DOMAIN, Part
from launch_rehearsal.vendors.dns_server import NameServer, Zone

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health

ADDRESSES = ("192.0.2.10", "192.0.2.11")
"""The product's addresses in production, from the documentation block (RFC 5737)."""
_TTL = 60
_NAMES = tuple(f"{label}{DOMAIN}." for label in ("", "api.", "status."))
ZONE: Zone = {
    **{(name, "A"): (_TTL, list(ADDRESSES)) for name in _NAMES},
    (f"{DOMAIN}.", "NS"): (_TTL, [f"ns{number}.dns.example." for number in (1, 2)]),
    (f"{DOMAIN}.", "CAA"): (_TTL, ['0 issue "letsencrypt.org"']),
}


class ProductNames(NameServer):
    """Answer for the product's zone; broken, every name is NXDOMAIN."""

    def __init__(self, health: Health) -> None:
        super().__init__(ZONE)
        self._health = health

    def fault(self, _name: str) -> dns.rcode.Rcode | None:
        """Return NXDOMAIN while the names are broken."""
        return None if self._health.works(Part.DNS) else dns.rcode.NXDOMAIN
