"""The chain of a certificate: which certificate ends first, and which names the first one has."""

from __future__ import annotations

import _ssl
import ipaddress
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence


def chain_of(shaken: ssl.SSLObject, *, verified: bool) -> list[x509.Certificate]:
    """Return the chain that OpenSSL has verified, or as much of the one sent as belongs together.

    A certificate that is sent but not part of the path does not count: after September 2021 most servers
    still sent an expired cross-signed root (https://letsencrypt.org/docs/dst-root-ca-x3-expiration-september-2021/).
    Python has public functions for the chain from 3.13 on; the object below has had them since 3.10.
    Raises ValueError for a certificate that cannot be read.
    """
    below: Any = shaken._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    found = (below.get_verified_chain() if verified else below.get_unverified_chain()) or []
    chain = [x509.load_der_x509_certificate(one.public_bytes(_ssl.ENCODING_DER)) for one in found]
    if not chain:
        message = "no certificate"
        raise ValueError(message)
    return chain if verified else _path(chain)


def _path(sent: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the path from the first certificate through its issuers, as far as they were sent."""
    path = [sent[0]]
    while issuers := [one for one in sent if one not in path and _issued(path[-1], one)]:
        path.append(max(issuers, key=lambda one: one.not_valid_after_utc))
    return path


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the alternative names; the common name is none (RFC 9525, section 2)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    names = extension.value
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def covers(certificate: x509.Certificate, host: str) -> bool:
    """Return whether a name matches, for an unverified chain: exactly, or by one wildcard label."""
    names = {name.lower() for name in names_of(certificate)}
    with suppress(ValueError):
        return str(ipaddress.ip_address(host)) in names
    rest = host.lower().partition(".")[2]
    return host.lower() in names or ("." in rest and f"*.{rest}" in names)
