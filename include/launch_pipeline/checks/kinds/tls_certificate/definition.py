"""Kind ``tls_certificate``: is the certificate valid, and is old TLS refused.

Facts per host, and per address if it has several: ``days_left, not_after, ends_first`` (of the certificate of
the verified chain that ends first)``, issuer, subject, sans, protocol, cipher, chain_verified,
hostname_verified, problem`` (why it is not verified, else null)``, legacy_protocols``. Of the certificates
that a server keeps for keys of several sorts the worst counts, where it speaks TLS 1.2. Revocation is not
looked at.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.tls_certificate.says import says


class TlsCertificateParams(Params):
    """Hosts to connect to."""

    hosts: Names
    """``host`` or ``host:port``; port 443 unless given."""
    min_days: Annotated[int, Field(ge=0, le=3650)] = 30
    """Days until the first certificate of the chain expires."""
    min_protocol: Literal["TLSv1.2", "TLSv1.3"] = "TLSv1.2"
    """The oldest TLS version that the server may accept."""
    ca_file: Name | None = None
    """File of certificate authorities to trust instead of the system's."""
    look_every: Duration = timedelta(minutes=1)
    """Certificates change in days, and each look makes several handshakes."""


def criteria(params: TlsCertificateParams) -> Criteria:
    """Require a verified chain that is valid long enough, and no protocol below ``min_protocol``."""
    defaults = {
        "problem": "absent",
        "days_left": f">= {params.min_days}",
        "legacy_protocols": "== []",
        "chain_verified": "== true",
        "hostname_verified": "== true",
    }
    return merged(defaults, params)


KIND = Kind(
    name="tls_certificate",
    params=TlsCertificateParams,
    observe="launch_pipeline.checks.kinds.tls_certificate.observer:observe",
    criteria=criteria,
    says=says,
)
