"""Handshakes with one address: a verified one, and if that fails one to read the certificate."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.tls_certificate.chain import chain_of
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cryptography import x509

_DEVIATIONS = set("ßς\u200c\u200d")
"""Characters that IDNA 2003 and 2008 encode differently (RFC 5894, section 7.2)."""


@dataclass(frozen=True)
class Place:
    """A name, and one address of it."""

    name: str
    """As certificates and the server name extension have it."""
    address: str
    port: int

    def __str__(self) -> str:
        """Render name, address and port for a message."""
        at = "" if self.address == self.name else f" at {self.address}"
        return f"{self.name}:{self.port}{at}"


@dataclass(frozen=True)
class Shown:
    """The server's certificates and protocol, and what is wrong with the certificates."""

    chain: list[x509.Certificate]
    """From the server's own on."""
    protocol: str
    cipher: str
    distrust: ssl.SSLCertVerificationError | None = None


def server_name(host: str) -> str:
    """Return a name as certificates have it: in ASCII, without the final dot; raises Inconclusive."""
    name = host.removesuffix(".")
    try:
        encoded = name if ":" in name else name.encode("idna").decode()
    except UnicodeError as error:
        message = f"'{host}' is not a host name: {error}"
        raise Inconclusive(message) from error
    if _DEVIATIONS & set(name):
        message = f"'{host}' has two spellings in ASCII; write the one that is meant (xn--...)"
        raise Inconclusive(message)
    return encoded


@asynccontextmanager
async def trusting(ca_file: str) -> AsyncIterator[ssl.SSLContext]:
    """Create a verifying context that knows a server by its alternative names only.

    By default OpenSSL accepts the common name where there is no alternative name; browsers do not.
    Raises OSError if the file cannot be read.
    """
    # Reading the system's certificates takes tens of milliseconds.
    context = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file or None)
    context.hostname_checks_common_name = False
    yield context


@asynccontextmanager
async def trusting_keys(ca_file: str, sort: str) -> AsyncIterator[ssl.SSLContext]:
    """Create such a context that asks for a certificate with keys of one sort.

    Only TLS 1.2 has cipher suites that name it: ``aRSA``, ``aECDSA`` (openssl-ciphers).
    """
    async with trusting(ca_file) as context:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{sort}:!eNULL")
        yield context


@lru_cache(maxsize=1)
def _lenient() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def look(place: Place, context: ssl.SSLContext, patience: float) -> Shown:
    """Connect with verification; if that fails, without, to read the certificate.

    Raises Inconclusive for an incomplete handshake, OSError if the address does not answer.
    """
    try:
        return await _seen(place, context, patience)
    except ssl.SSLCertVerificationError as error:
        shown = await _seen(place, _lenient(), patience)
        return Shown(shown.chain, shown.protocol, shown.cipher, error)


async def look_again(place: Place, context: ssl.SSLContext, patience: float) -> Shown | None:
    """Return the certificate for keys of one sort; None where the server has none, or no TLS 1.2."""
    try:
        return await _seen(place, context, patience)
    except ssl.SSLCertVerificationError as error:
        certificates = await _presented(place, context, patience)
        return Shown(certificates, "", "", error) if certificates else None
    except (OSError, Inconclusive):
        return None


async def _presented(place: Place, context: ssl.SSLContext, patience: float) -> list[x509.Certificate]:
    """Return the certificates of a server that a context does not trust."""
    lenient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lenient.check_hostname = False
    lenient.verify_mode = ssl.CERT_NONE
    lenient.maximum_version = ssl.TLSVersion.TLSv1_2
    lenient.set_ciphers(
        ":".join(one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3")
    )
    try:
        return (await _seen(place, lenient, patience)).chain
    except (OSError, Inconclusive):
        return []


def worst(first: Shown, *others: Shown | None) -> Shown:
    """Return what was shown first, with the certificate that is not trusted or ends first."""
    every = [first, *(one for one in others if one is not None)]
    least = min(every, key=lambda one: (one.distrust is None, min(c.not_valid_after_utc for c in one.chain)))
    return replace(first, chain=least.chain, distrust=least.distrust)


async def shakes(place: Place, patience: float) -> bool:
    """Return whether the server completes a handshake of our own day."""
    try:
        await _seen(place, _lenient(), patience)
    except (OSError, Inconclusive):
        return False
    return True


async def _seen(place: Place, context: ssl.SSLContext, patience: float) -> Shown:
    try:
        async with asyncio.timeout(patience):
            return await _shake(place, context)
    except TimeoutError as error:
        message = f"no answer within {patience:.3g}s to a TLS handshake"
        raise TimeoutError(message) from error
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        message = f"{place} does not complete a TLS handshake: {error.reason or error}"
        raise Inconclusive(message) from error
    except ValueError as error:
        message = f"{place} presents a certificate that cannot be read: {error}"[:300]
        raise Inconclusive(message) from error


async def _shake(place: Place, context: ssl.SSLContext) -> Shown:
    _, writer = await asyncio.open_connection(
        place.address, place.port, ssl=context, server_hostname=place.name
    )
    try:
        shaken: ssl.SSLObject = writer.get_extra_info("ssl_object")
        cipher = shaken.cipher()
        chain = chain_of(shaken, verified=context.verify_mode is ssl.CERT_REQUIRED)
        return Shown(chain, shaken.version() or "", cipher[0] if cipher else "")
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
