"""Certificates made in a test, where it matters which certificate of a chain says what."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

YEAR = 365


@dataclass(frozen=True)
class Holder:
    """A name with a key, and certificates for both."""

    name: str
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def signed(
        self, issuer: Holder, days: float = YEAR, sans: Sequence[x509.GeneralName] | None = None
    ) -> x509.Certificate:
        """Return a certificate of this key: an authority's, or with ``sans`` a server's."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(self.name))
            .issuer_name(_named(issuer.name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=YEAR))
            .not_valid_after(now + timedelta(days=days, hours=6))
            .add_extension(x509.BasicConstraints(ca=sans is None, path_length=None), critical=True)
        )
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
        return builder.sign(issuer.key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates as a file holds them."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def context(holder: Holder, *chain: x509.Certificate) -> ssl.SSLContext:
    """Make the context of a server that sends this chain, in this order."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    add(made, holder, *chain)
    return made


def add(made: ssl.SSLContext, holder: Holder, *chain: x509.Certificate) -> None:
    """Let a server send this chain as well, to clients that want keys of its sort."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        key = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(key + pem(*chain))
        made.load_cert_chain(file)
