"""The TTL that a zone's own servers give: what is configured, not what a cache has left of it.

RFC 1035, section 4.1.1: the flag AA says that the server is an authority for the first name of the answer. So
every name of a chain is asked for on its own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver

from launch_pipeline.checks.clients.http import refuse
from launch_pipeline.checks.clients.together import together

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext

_DNS = 53
_LONGEST_CHAIN = 16
_MOST_SERVERS = 8


class TtlUnknown(Exception):
    """No server of the zone says the TTL."""


class NoZone(TtlUnknown):
    """The resolver knows no servers of the zone, as one that answers for a network of its own."""


@dataclass(frozen=True)
class Zones:
    """Asks the servers of the zones that a resolver leads to."""

    ctx: CheckContext
    resolver: dns.asyncresolver.Resolver
    patience: float
    """Seconds for one question."""

    async def ttl(self, name: dns.name.Name, kind: str, server: tuple[str, int]) -> int:
        """Return the largest TTL of a chain; ``server`` is asked first. Raises TtlUnknown."""
        owner, largest, seen = name, 0, set[dns.name.Name]()
        while owner not in seen and len(seen) < _LONGEST_CHAIN:
            seen.add(owner)
            told = await self._authoritative(owner, kind, server)
            largest = max(largest, *(_ttl(message, owner) for message in told))
            alias = _alias(told[0], owner, kind)
            if alias is None:
                return largest
            owner = alias
        message = f"the aliases of {_shown(name)} lead nowhere"
        raise TtlUnknown(message)

    async def _authoritative(
        self, owner: dns.name.Name, kind: str, server: tuple[str, int]
    ) -> list[dns.message.Message]:
        own = await self._asked(server, owner, kind)
        if own is not None:
            return [own]
        hosts = await self._servers(owner)
        if not hosts:
            message = f"no servers of a zone are known for {_shown(owner)}"
            raise NoZone(message)
        places = await together(self._places(host) for host in hosts)
        servers = dict.fromkeys(place for each in places for place in each)
        told = await together(self._asked(one, owner, kind) for one in servers)
        found = [message for message in told if message is not None]
        if not found:
            names = ", ".join(_shown(host) for host in hosts)
            message = f"no server of its zone ({names}) answers for {_shown(owner)}"
            raise TtlUnknown(message)
        return found

    async def _asked(
        self, server: tuple[str, int], owner: dns.name.Name, kind: str
    ) -> dns.message.Message | None:
        """Return the answer of an authority; None if the server is none, or does not answer."""
        question = dns.message.make_query(owner, kind)
        try:
            told, _ = await dns.asyncquery.udp_with_fallback(question, server[0], self.patience, server[1])
        except (dns.exception.DNSException, OSError):
            return None
        return told if told.flags & dns.flags.AA and _records(told, owner) else None

    async def _servers(self, owner: dns.name.Name) -> list[dns.name.Name]:
        """Return the servers of the zone that a name is in."""
        zone = owner
        while zone != dns.name.root:
            answer = await self._resolved(zone, "NS")
            if answer is not None and answer.rrset is not None and answer.rrset.name == zone:
                return [record.target for record in answer.rrset][:_MOST_SERVERS]
            zone = zone.parent()
        return []

    async def _places(self, host: dns.name.Name) -> list[tuple[str, int]]:
        name = _shown(host)
        mapped = self.ctx.environment.address_of(name, _DNS)
        answer = (
            None
            if mapped[0] != name
            else await self._resolved(host, "A") or await self._resolved(host, "AAAA")
        )
        addresses = [record.address for record in answer] if answer is not None else []
        places = [self.ctx.environment.address_of(one, _DNS) for one in addresses]
        places += [mapped] if mapped[0] != name else []
        refuse(self.ctx, *(address for address, _ in places))
        return places

    async def _resolved(self, name: dns.name.Name, kind: str) -> Any:
        try:
            return await self.resolver.resolve(name, kind, search=False)
        except (dns.exception.DNSException, OSError):
            return None


async def configured(zones: Zones, name: str, kind: str, server: tuple[str, int], within: float) -> int:
    """Return the TTL that the zone's servers give for a name and its aliases; raises TtlUnknown."""
    try:
        async with asyncio.timeout(within):
            return await zones.ttl(dns.name.from_text(name), kind, server)
    except TimeoutError as error:
        message = f"the servers of its zone did not answer within {within:.3g}s"
        raise TtlUnknown(message) from error


def _shown(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)


def _records(message: dns.message.Message, owner: dns.name.Name) -> list[Any]:
    """Return what an answer says of a name itself: its records, its alias, or that of a zone above it."""
    return [
        one
        for one in message.answer
        if (one.name == owner and one.rdtype not in {dns.rdatatype.RRSIG, dns.rdatatype.DNAME})
        or (one.rdtype == dns.rdatatype.DNAME and owner.is_subdomain(one.name) and owner != one.name)
    ]


def _ttl(message: dns.message.Message, owner: dns.name.Name) -> int:
    return max(int(one.ttl) for one in _records(message, owner))


def _alias(message: dns.message.Message, owner: dns.name.Name, kind: str) -> dns.name.Name | None:
    aliases = [one for one in _records(message, owner) if one.rdtype == dns.rdatatype.CNAME]
    if kind == "CNAME" or not aliases:
        return None
    target: dns.name.Name = aliases[0][0].target
    return target
