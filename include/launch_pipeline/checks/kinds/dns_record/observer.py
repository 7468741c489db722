"""Observes ``dns_record``."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Any

import dns.asyncresolver
import dns.exception
import dns.resolver

from launch_pipeline.checks.clients.http import refuse
from launch_pipeline.checks.clients.targets import split_target
from launch_pipeline.checks.engine.environment import SYSTEM_RESOLVER
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.dns_record.definition import DnsRecordParams

_DNS = 53
_SHARE = 0.8


async def observe(params: DnsRecordParams, ctx: CheckContext) -> Observation:
    """Query every resolver for every name.

    NXDOMAIN and empty answers are observations; raises Unreachable for SERVFAIL and time-outs.
    """
    lifetime = params.timeout.total_seconds() * _SHARE
    resolvers = {text: await _resolver(ctx, text, lifetime) for text in params.resolvers}
    facts = await asyncio.gather(*(_name(params, ctx, resolvers, name) for name in params.names))
    subjects = tuple(Subject(name=n, facts=f) for n, f in zip(params.names, facts, strict=True))
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
) -> dict[str, Any]:
    asked = [_ask(ctx, text, resolver, name, params.type) for text, resolver in resolvers.items()]
    found = dict(zip(resolvers, await asyncio.gather(*asked), strict=True))
    sets = [frozenset(values) for values, _ in found.values()]
    wanted = {_normal(value) for value in params.values or ()}
    seen = frozenset[str]().union(*sets)
    common = frozenset.intersection(*sets)
    return {
        "answers": {text: values for text, (values, _) in found.items()},
        "count": min(len(values) for values in sets),
        "ttl": max((ttl for _, ttl in found.values() if ttl is not None), default=None),
        "consistent": len(set(sets)) == 1,
        "missing": sorted(wanted - common),
        "unexpected": sorted(seen - wanted) if params.values is not None else [],
    }


async def _ask(
    ctx: CheckContext, text: str, resolver: dns.asyncresolver.Resolver, name: str, kind: str
) -> tuple[list[str], int | None]:
    """Return the sorted values, and their TTL in seconds."""
    try:
        async with ctx.clients.limit(f"dns:{text}"):
            answer = await resolver.resolve(name, kind, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return [], None
    except (dns.exception.DNSException, OSError) as error:
        message = f"resolver {text} could not answer for {name}: {error}"[:300]
        raise Unreachable(message, retryable=True) from error
    rrset = answer.rrset
    return sorted(_normal(record.to_text()) for record in answer), rrset.ttl if rrset else None


def _normal(value: str) -> str:
    """Normalise a value: names compare without case and final dot, texts keep both."""
    return value if value.startswith('"') else value.rstrip(".").lower()
