"""Observes ``dns_record``."""

from __future__ import annotations

import asyncio
import copy
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.edns
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename

from launch_pipeline.checks.clients.http import refuse
from launch_pipeline.checks.clients.targets import split_target
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.engine.environment import SYSTEM_RESOLVER
from launch_pipeline.checks.kinds.dns_record.values import (
    meaning,
    of_other_family,
    offers,
    stands_for_others,
    wanted,
)
from launch_pipeline.checks.kinds.dns_record.zone import NoZone, TtlUnknown, Zones, configured
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.dns_record.definition import DnsRecordParams

_DNS = 53
_DATAGRAM = 1232
"""Octets of an answer over UDP, as DNS Flag Day 2020 recommends."""
_NO_EDNS = {dns.rcode.FORMERR, dns.rcode.NOTIMP}
_OTHER = {
    dns.edns.EDECode.STALE_ANSWER: "stale",
    dns.edns.EDECode.FORGED_ANSWER: "forged",
    dns.edns.EDECode.BLOCKED: "blocked",
    dns.edns.EDECode.CENSORED: "censored",
    dns.edns.EDECode.FILTERED: "filtered",
    dns.edns.EDECode.PROHIBITED: "prohibited",
    dns.edns.EDECode.STALE_NXDOMAIN_ANSWER: "stale",
}
"""Extended errors (RFC 8914, section 4) of answers that a resolver gives in the place of the zone's."""
_SHARE = 0.4
"""Share of the time-out for the resolvers, and for the servers of the zone."""


@dataclass(frozen=True)
class _Told:
    """What a resolver has answered for a name."""

    values: list[str] = field(default_factory=list)
    ttl: int | None = None
    """The largest TTL of the chain, in seconds."""
    server: tuple[str, int] = ("", _DNS)
    """The server that answered."""


async def observe(params: DnsRecordParams, ctx: CheckContext) -> Observation:
    """Query every resolver for every name.

    NXDOMAIN and empty answers are observations; raises Unreachable for SERVFAIL and time-outs, Inconclusive
    for an answer that is none, such as a referral.
    """
    lifetime = params.timeout.total_seconds() * _SHARE
    resolvers = {text: await _resolver(ctx, text, lifetime) for text in params.resolvers}
    subjects = tuple(await together(_name(params, ctx, resolvers, name) for name in params.names))
    summary = {s.name: {"answers": s.facts["answers"], "ttl": s.facts["ttl"]} for s in subjects}
    asked = {text: f"{r.nameservers[0]}:{r.port}" for text, r in resolvers.items() if _elsewhere(text, r)}
    summary |= {"asked_at": asked} if asked else {}
    return Observation(subjects=subjects, authority=", ".join(params.resolvers), summary=summary)


def _elsewhere(text: str, resolver: dns.asyncresolver.Resolver) -> bool:
    """Return whether the environment maps this resolver to another address."""
    if text == SYSTEM_RESOLVER:
        return resolver.port != _DNS
    return split_target(text, _DNS) != (str(resolver.nameservers[0]), resolver.port)


async def _resolver(ctx: CheckContext, text: str, lifetime: float) -> dns.asyncresolver.Resolver:
    own = ctx.environment.resolver_address()
    if text == SYSTEM_RESOLVER and own:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [own[0]], own[1]
    elif text == SYSTEM_RESOLVER:
        resolver = await asyncio.to_thread(_system)
    else:
        resolver = dns.asyncresolver.Resolver(configure=False)
        host, port = (text, _DNS) if _is_address(text) else split_target(text, _DNS)
        if not _is_address(host):
            message = f"resolver '{text}' is not an address; write 'system', an address or address:port"
            raise Inconclusive(message)
        host, port = ctx.environment.address_of(host, port)
        refuse(ctx, host)
        resolver.nameservers, resolver.port = [host], port
    resolver.lifetime = lifetime
    # Only a question with EDNS is answered with what is wrong with the answer (RFC 8914).
    resolver.use_edns(0, 0, _DATAGRAM)
    # Leave time to retransmit a lost packet within the attempt.
    resolver.timeout = min(2.0, lifetime)
    return resolver


def _system() -> dns.asyncresolver.Resolver:
    try:
        return dns.asyncresolver.Resolver()
    except dns.exception.DNSException as error:
        message = f"this machine has no resolver configured: {error}"
        raise Inconclusive(message) from error


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def _name(
    params: DnsRecordParams, ctx: CheckContext, resolvers: dict[str, dns.asyncresolver.Resolver], name: str
) -> Subject:
    asked = _asked_name(params, name)
    told = await together(_ask(ctx, text, one, asked, params.type) for text, one in resolvers.items())
    found = dict(zip(resolvers, told, strict=True))
    sets = [frozenset(one.values) for one in told]
    wants = {wanted(params.type, value) for value in params.values or () if _is_record(params, value)}
    others = await together(_others(params, ctx, text, one) for text, one in resolvers.items())
    unwanted = [values - wants - other for values, other in zip(sets, others, strict=True)]
    ttl, unknown = await _ttl(params, ctx, resolvers, found, asked)
    facts = {
        "answers": {text: one.values for text, one in found.items()},
        "count": min(sum(offers(params.type, one) or one in wants for one in values) for values in sets),
        "ttl": ttl,
        "consistent": len(set(sets)) == 1,
        "missing": sorted(wants - frozenset.intersection(*sets)),
        "unexpected": sorted(frozenset[str]().union(*unwanted)) if params.values is not None else [],
    }
    return Subject(name=name, facts=facts, unknown=unknown)


def _stands(params: DnsRecordParams, value: str) -> bool:
    return stands_for_others(params.type, value)


def _is_record(params: DnsRecordParams, value: str) -> bool:
    return not _stands(params, value) and not of_other_family(params.type, value)


async def _others(
    params: DnsRecordParams, ctx: CheckContext, text: str, resolver: dns.asyncresolver.Resolver
) -> frozenset[str]:
    """Return what a resolver answers for the names among the values."""
    names = [value for value in params.values or () if _stands(params, value)]
    told = await together(_ask(ctx, text, resolver, name, params.type) for name in names)
    return frozenset[str]().union(*(one.values for one in told))


def _asked_name(params: DnsRecordParams, name: str) -> str:
    """Return the name to ask for; for PTR an address stands for the name made of it."""
    if params.type == "PTR" and _is_address(name):
        return dns.reversename.from_address(name).to_text()
    return name


async def _ttl(
    params: DnsRecordParams,
    ctx: CheckContext,
    resolvers: Mapping[str, dns.asyncresolver.Resolver],
    found: Mapping[str, _Told],
    name: str,
) -> tuple[int | None, dict[str, str]]:
    """Return the largest TTL, and why it is unknown.

    What a resolver has left of a TTL is a lower bound: above the limit it proves a no, below it nothing.
    Where it leads to no zone no other server can be asked, and its own TTL counts.
    """
    left = max((one.ttl for one in found.values() if one.ttl is not None), default=None)
    if left is None or not _wants_ttl(params) or (params.max_ttl is not None and left > params.max_ttl):
        return left, {}
    within = params.timeout.total_seconds() * _SHARE
    asked = [
        configured(Zones(ctx, resolvers[text], within / 3), name, params.type, one.server, within)
        for text, one in found.items()
        if one.values
    ]
    try:
        return max(left, *await together(asked)), {}
    except NoZone:
        return left, {}
    except TtlUnknown as error:
        return left, {"ttl": f"a resolver only says what is left of a TTL, and {error}"}


def _wants_ttl(params: DnsRecordParams) -> bool:
    return params.max_ttl is not None or any("ttl" in path for path in params.expect)


async def _ask(
    ctx: CheckContext, text: str, resolver: dns.asyncresolver.Resolver, name: str, kind: str
) -> _Told:
    try:
        async with ctx.clients.limit(f"dns:{text}"):
            answer = await _resolved(resolver, name, kind)
    except dns.resolver.NXDOMAIN as error:
        for response in error.kwargs["responses"].values():
            _refuse_other(response, text, name)
        return _Told()
    except dns.resolver.NoAnswer as error:
        _refuse_other(error.kwargs["response"], text, name)
        _none_of_it(error.kwargs["response"], text, name)
        return _Told()
    except (dns.exception.DNSException, OSError) as error:
        message = f"resolver {text} could not answer for {name}: {error}"[:300]
        raise Unreachable(message, retryable=True) from error
    _refuse_other(answer.response, text, name)
    values = sorted({meaning(record) for record in answer})
    return _Told(values, _largest(answer), (str(answer.nameserver), int(answer.port or _DNS)))


async def _resolved(resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> dns.resolver.Answer:
    """Resolve a name, without EDNS where a server does not know it (RFC 6891, section 7)."""
    try:
        return await resolver.resolve(name, kind, search=False)
    except dns.resolver.NoNameservers as error:
        if not any(told is not None and told.rcode() in _NO_EDNS for *_, told in error.kwargs["errors"]):
            raise
    plain = copy.copy(resolver)
    plain.use_edns(-1)
    return await plain.resolve(name, kind, search=False)


def _refuse_other(response: dns.message.Message, text: str, name: str) -> None:
    """Raise Inconclusive for an answer that is not the zone's of now, as the resolver says itself."""
    said = next((one for one in response.extended_errors() if one.code in _OTHER), None)
    if said is not None:
        why = said.text or _OTHER[said.code]
        message = f"resolver {text} says that its answer for {name} is not that of the zone: {why}"[:300]
        raise Inconclusive(message)


def _none_of_it(response: dns.message.Message, text: str, name: str) -> None:
    """Raise Inconclusive unless an answer without records says that there are none.

    RFC 2308, section 2.2: such an answer has a SOA record, or nothing at all; one with name servers only is
    a referral of a server that does not resolve, and an alias alone is half of a chain.
    """
    authority = {one.rdtype for one in response.authority}
    if dns.rdatatype.SOA in authority:
        return
    if response.answer:
        message = f"resolver {text} answers for {name} with an alias, and does not say where it leads"
        raise Inconclusive(message)
    if dns.rdatatype.NS in authority:
        message = f"resolver {text} does not resolve {name}, it only refers to other servers"
        raise Inconclusive(message)


def _largest(answer: dns.resolver.Answer) -> int | None:
    """Return the largest TTL of the records, their aliases, and aliases of whole zones (DNAME)."""
    zones = [one for one in answer.response.answer if one.rdtype == dns.rdatatype.DNAME]
    chain = [*answer.chaining_result.cnames, *zones, *([answer.rrset] if answer.rrset else [])]
    return max((one.ttl for one in chain), default=None)
