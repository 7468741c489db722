"""Observes ``tls_certificate``: a verified handshake (or an unverified one), and one per old protocol."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography import x509

from launch_pipeline.checks.clients.http import refuse_named, spoken
from launch_pipeline.checks.clients.targets import moved, split_target
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.tls_certificate.definition import TlsCertificateParams

_HTTPS = 443
_WRONG_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_OWN_FAULT = ("NO_CIPHERS_AVAILABLE", "NO_PROTOCOLS_AVAILABLE")
_OLD = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
}


@dataclass(frozen=True)
class _Place:
    """A name, and the address to connect to."""

    name: str
    address: str
    port: int


@dataclass(frozen=True)
class _Shown:
    """The server's certificate and protocol, and what is wrong with the certificate."""

    certificate: x509.Certificate
    protocol: str
    cipher: str
    place: _Place
    """The same name, at the address that answered."""
    distrust: ssl.SSLCertVerificationError | None = None


async def observe(params: TlsCertificateParams, ctx: CheckContext) -> Observation:
    """Connect to every host; raises Unreachable if one does not answer."""
    try:
        trusting = await ctx.clients.tls_context(params.ca_file or "")
    except OSError as error:
        message = f"ca_file '{params.ca_file}' cannot be read: {error.strerror or error}"
        raise Inconclusive(message) from error
    facts = await asyncio.gather(*(_host(params, ctx, text, trusting) for text in params.hosts))
    subjects = tuple(Subject(name=n, facts=f) for n, f in zip(params.hosts, facts, strict=True))
    keep = ("days_left", "issuer", "protocol", "legacy_protocols")
    summary = {s.name: {key: s.facts[key] for key in keep} for s in subjects}
    summary |= moved(ctx, (split_target(text, _HTTPS) for text in params.hosts))
    return Observation(subjects=subjects, authority=", ".join(params.hosts)[:500], summary=summary)


async def _host(
    params: TlsCertificateParams, ctx: CheckContext, text: str, trusting: ssl.SSLContext
) -> dict[str, Any]:
    host, port = split_target(text, _HTTPS)
    address = ctx.environment.address_of(host, port)
    await refuse_named(ctx, address[0])
    async with ctx.clients.limit(f"{host}:{port}"):
        shown = await _look(_Place(host, *address), trusting)
        chain, name, problem = _trust(shown)
        oldest = list(_OLD).index(params.min_protocol) if params.min_protocol in _OLD else len(_OLD)
        legacy = [old for old in list(_OLD)[:oldest] if await _speaks(shown.place, old)]
    left = shown.certificate.not_valid_after_utc - ctx.clock()
    return {
        "days_left": left.days,
        "not_after": shown.certificate.not_valid_after_utc.isoformat(),
        "issuer": shown.certificate.issuer.rfc4514_string(),
        "subject": shown.certificate.subject.rfc4514_string(),
        "sans": _names(shown.certificate),
        "protocol": shown.protocol,
        "cipher": shown.cipher,
        "chain_verified": chain,
        "hostname_verified": name,
        "problem": problem or None,
        "legacy_protocols": legacy,
    }


@lru_cache(maxsize=8)
def _lenient(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """Create a context without verification; for an old version it also offers outdated ciphers.

    With the default security level a probe for TLS 1.0 fails on our side ("no ciphers available")
    and an unsafe server would look safe.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = version
            context.maximum_version = version
    return context


async def _shake(place: _Place, context: ssl.SSLContext) -> tuple[ssl.SSLObject, _Place]:
    _, writer = await asyncio.open_connection(
        place.address, place.port, ssl=context, server_hostname=place.name
    )
    shaken: ssl.SSLObject = writer.get_extra_info("ssl_object")
    answered = replace(place, address=writer.get_extra_info("peername")[0])
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
    return shaken, answered


async def _look(place: _Place, trusting: ssl.SSLContext) -> _Shown:
    """Connect with verification; if that fails, without, to read the certificate."""
    try:
        return await _seen(place, trusting)
    except ssl.SSLCertVerificationError as error:
        return replace(await _seen(place, _lenient()), distrust=error)


async def _seen(place: _Place, context: ssl.SSLContext) -> _Shown:
    host, port = place.name, place.port
    try:
        shaken, answered = await _shake(place, context)
        certificate = x509.load_der_x509_certificate(shaken.getpeercert(binary_form=True) or b"")
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        message = f"{host}:{port} does not complete a TLS handshake: {error.reason or error}"
        raise Inconclusive(message) from error
    except socket.gaierror as error:
        message = f"{host} does not resolve"
        raise Unreachable(message, retryable=True) from error
    except OSError as error:
        message = f"{host}:{port} did not answer: {spoken(error)}"[:300]
        raise Unreachable(message, retryable=True) from error
    except ValueError as error:
        message = f"{host}:{port} presents a certificate that cannot be read: {error}"[:300]
        raise Inconclusive(message) from error
    cipher = shaken.cipher()
    return _Shown(certificate, shaken.version() or "", cipher[0] if cipher else "", answered)


def _trust(shown: _Shown) -> tuple[bool, bool, str]:
    """Return whether chain and name are valid, and the problem."""
    error = shown.distrust
    if error is None:
        return True, True, ""
    wrong_name = error.verify_code in _WRONG_NAME
    covered = not wrong_name and _covers(shown.certificate, shown.place.name)
    return wrong_name, covered, error.verify_message


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    names = extension.value
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _covers(certificate: x509.Certificate, host: str) -> bool:
    """Return whether a name matches, for an unverified chain: exactly, or by one wildcard label."""
    with suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    wildcard = f"*.{host.partition('.')[2]}".lower()
    return any(name.lower() in {host.lower(), wildcard} for name in _names(certificate))


async def _speaks(place: _Place, old: str) -> bool:
    """Return whether the server completes a handshake in an old version; an alert is the good result."""
    try:
        await _shake(place, _lenient(_OLD[old]))
    except ssl.SSLError as error:
        if error.reason in _OWN_FAULT:
            message = f"this machine's OpenSSL cannot offer {old}, so whether {place.name} does is unknown"
            raise Inconclusive(message) from error
        return False
    except (ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError):
        return False
    except OSError as error:
        message = f"{place.name}:{place.port} did not answer the {old} probe: {spoken(error)}"[:300]
        raise Unreachable(message, retryable=True) from error
    return True
