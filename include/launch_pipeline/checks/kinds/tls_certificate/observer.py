"""Observes ``tls_certificate``: at every address a verified handshake, and a hello per old protocol."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from launch_pipeline.checks.clients.addresses import (
    addresses_of,
    authority,
    left_out,
    named,
    no_route,
    not_looked_at,
)
from launch_pipeline.checks.clients.http import spoken
from launch_pipeline.checks.clients.targets import moved, split_target
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.tls_certificate.chain import covers, names_of
from launch_pipeline.checks.kinds.tls_certificate.handshake import (
    Place,
    Shown,
    look,
    look_again,
    server_name,
    shakes,
    trusting,
    trusting_keys,
    worst,
)
from launch_pipeline.checks.kinds.tls_certificate.old import OLD, Said, Word, settled, speaks
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    import ssl
    from datetime import datetime

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.tls_certificate.definition import TlsCertificateParams

_HTTPS = 443
_WRONG_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_SHARE = 0.3
"""Share of the time-out for a handshake, for a second one, and for the hellos of old."""
_AGAIN = 0.04
"""Share of the time-out for a handshake that asks for keys of another sort, and for a second one."""
_KEYS = {"aRSA": RSAPublicKey, "aECDSA": EllipticCurvePublicKey}
"""Sorts of keys for which a server may have a certificate each, as nginx and Apache allow."""
_SHOWN = ("days_left", "ends_first", "issuer", "protocol", "legacy_protocols")


Slot = Callable[[], AbstractAsyncContextManager[None]]
"""Takes one of the places that an address has for our connections."""


@dataclass(frozen=True)
class _Look:
    """What one address has shown, or why it has shown nothing."""

    address: str
    facts: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    error: Inconclusive | None = None
    routeless: bool = False


async def observe(params: TlsCertificateParams, ctx: CheckContext) -> Observation:
    """Connect to every address of every host.

    An address that does not answer is unknown; raises Unreachable if none of a host does. Addresses of a
    family without a route from here are listed, as :mod:`launch_pipeline.checks.clients.addresses` explains.
    """
    ca_file = params.ca_file or ""
    try:
        context = await ctx.clients.keep(("tls_certificate", ca_file), lambda: trusting(ca_file))
    except OSError as error:
        message = f"ca_file '{params.ca_file}' cannot be read: {error.strerror or error}"
        raise Inconclusive(message) from error
    hosts = await together(_host(params, ctx, text, context) for text in params.hosts)
    subjects = tuple(subject for found, _ in hosts for subject in found)
    skipped = {text: list(gone) for text, (_, gone) in zip(params.hosts, hosts, strict=True) if gone}
    summary: dict[str, Any] = {s.name: {key: s.facts.get(key) for key in _SHOWN} for s in subjects}
    summary |= moved(ctx, (split_target(text, _HTTPS) for text in params.hosts))
    summary |= {"not_looked_at": skipped} if skipped else {}
    return Observation(
        subjects=subjects,
        authority=authority(params.hosts, skipped),
        summary=summary,
        not_looked_at=left_out(skipped),
    )


async def _host(
    params: TlsCertificateParams, ctx: CheckContext, text: str, context: ssl.SSLContext
) -> tuple[list[Subject], tuple[str, ...]]:
    """Return what each address shows, and the addresses that could not be tried."""
    host, port = split_target(text, _HTTPS)
    name, number = server_name(host), ctx.environment.address_of(host, port)[1]
    try:
        addresses = await addresses_of(ctx, host, port)
    except socket.gaierror as error:
        message = f"{host} does not resolve"
        raise Unreachable(message, retryable=True) from error
    looks = await together(_look(params, ctx, Place(name, one, number), context) for one in addresses)
    errors = [look.error for look in looks if look.error]
    if len(errors) == len(looks):
        raise next((error for error in errors if error.retryable), errors[0])
    skipped = not_looked_at({look.address: look.routeless for look in looks})
    kept = [look for look in looks if look.address not in skipped]
    return [_subject(named(text, look.address, addresses), look) for look in kept], skipped


def _subject(name: str, look: _Look) -> Subject:
    if look.error is None:
        return Subject(name=name, facts=look.facts, unknown=look.unknown)
    facts = ("problem", "days_left", "legacy_protocols", "chain_verified", "hostname_verified", "not_after",
             "ends_first", "issuer", "subject", "sans", "protocol", "cipher")  # fmt: skip
    return Subject(name=name, facts=dict.fromkeys(facts), unknown=dict.fromkeys(facts, look.error.reason))


async def _look(
    params: TlsCertificateParams, ctx: CheckContext, place: Place, context: ssl.SSLContext
) -> _Look:
    patience = params.timeout.total_seconds() * _SHARE
    slot = partial(ctx.clients.limit, f"{place.address}:{place.port}")
    try:
        async with slot():
            shown = await look(place, context, patience)
    except Inconclusive as error:
        return _Look(place.address, error=error)
    except OSError as error:
        reason = f"{place} did not answer: {_words(error)}"[:300]
        gone = no_route(error, place.address)
        return _Look(place.address, error=Unreachable(reason, retryable=not gone), routeless=gone)
    again = await together(_again(params, ctx, place, sort, slot) for sort in _other_sorts(shown))
    shown = worst(shown, *again)
    legacy, unclear = await _legacy(params.min_protocol, place, patience, slot)
    unknown = {"legacy_protocols": unclear} if unclear and not legacy else {}
    return _Look(place.address, {**_facts(shown, place, ctx.clock()), "legacy_protocols": legacy}, unknown)


def _other_sorts(shown: Shown) -> list[str]:
    return [sort for sort, form in _KEYS.items() if not isinstance(shown.chain[0].public_key(), form)]


async def _again(
    params: TlsCertificateParams, ctx: CheckContext, place: Place, sort: str, slot: Slot
) -> Shown | None:
    """Return the certificate that the server keeps for keys of one sort."""
    ca_file = params.ca_file or ""
    key = ("tls_certificate", ca_file, sort)
    context = await ctx.clients.keep(key, partial(trusting_keys, ca_file, sort))
    async with slot():
        return await look_again(place, context, params.timeout.total_seconds() * _AGAIN)


def _words(error: OSError) -> str:
    return str(error) if isinstance(error, TimeoutError) and not error.errno else spoken(error)


async def _legacy(least: str, place: Place, patience: float, slot: Slot) -> tuple[list[str], str]:
    """Return the old versions that the server speaks, and why one is unknown.

    One that is unknown beside one that is spoken is listed with a question mark.
    """
    asked = list(OLD)[: list(OLD).index(least) if least in OLD else len(OLD)]
    told = await together(_speaks(place, old, patience, slot) for old in asked)
    modern = any(said.word is Word.CLOSES for said in told) and await _shakes(place, patience, slot)
    told = [settled(said, old, modern=modern) for old, said in zip(asked, told, strict=True)]
    spoken_ones = {said.note for said in told if said.word is Word.SPEAKS}
    unclear = {old: said.note for old, said in zip(asked, told, strict=True) if said.word is Word.UNCLEAR}
    doubts = [f"{old}?" for old in unclear if old not in spoken_ones] if spoken_ones else []
    return [*sorted(spoken_ones), *doubts], "; ".join(unclear.values())


async def _speaks(place: Place, old: str, patience: float, slot: Slot) -> Said:
    async with slot():
        return await speaks(place, old, patience)


async def _shakes(place: Place, patience: float, slot: Slot) -> bool:
    async with slot():
        return await shakes(place, patience / 4)


def _facts(shown: Shown, place: Place, now: datetime) -> dict[str, Any]:
    certificate = shown.chain[0]
    first = min(shown.chain, key=lambda one: one.not_valid_after_utc)
    chain, name, problem = _trust(shown, place)
    return {
        "days_left": (first.not_valid_after_utc - now).days,
        "not_after": first.not_valid_after_utc.isoformat(),
        "ends_first": first.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "subject": certificate.subject.rfc4514_string(),
        "sans": names_of(certificate),
        "protocol": shown.protocol,
        "cipher": shown.cipher,
        "chain_verified": chain,
        "hostname_verified": name,
        "problem": problem or None,
    }


def _trust(shown: Shown, place: Place) -> tuple[bool, bool, str]:
    """Return whether chain and name are valid, and the problem."""
    error = shown.distrust
    if error is None:
        return True, True, ""
    wrong_name = error.verify_code in _WRONG_NAME
    return wrong_name, not wrong_name and covers(shown.chain[0], place.name), error.verify_message
