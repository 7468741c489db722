"""``tls_certificate``, ``dns_record`` and ``tcp_port`` against real servers."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import names, tls
from servers.checking import check, context, raw, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE

CERTIFICATES: dict[str, tuple[dict[str, Any], bool, Verdict, str]] = {
    "good": ({}, True, P, "problem is absent, days_left = 90"),
    "expired": ({"days": -1}, True, F, "problem = certificate has expired"),
    "ends soon": ({"days": 10}, True, F, "days_left = 10, want >= 30"),
    "unknown authority": ({}, False, F, "problem = unable to get local issuer certificate"),
    "another name": ({"name": "other.example"}, True, F, "problem = Hostname mismatch"),
    "speaks old TLS": ({"legacy": True}, True, F, 'legacy_protocols = ["TLSv1", "TLSv1.1"]'),
}


@pytest.mark.parametrize(
    ("server", "trusted", "verdict", "headline"), CERTIFICATES.values(), ids=CERTIFICATES.keys()
)
def test_certificate(
    tmp_path: Path, server: dict[str, Any], trusted: bool, verdict: Verdict, headline: str
) -> None:
    """Chain, name, days left and old protocols are found by real handshakes."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    params = {"ca_file": str(tmp_path / "ca.pem")} if trusted else {}

    async def ask() -> CheckResult:
        async with tls.serving(tls.context(authority, **server)) as port:
            return await check(context(), "tls_certificate", hosts=[f"localhost:{port}"], **params)

    result = run(ask())
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


ZONE: names.Zone = {
    ("a.test.", "A"): (60, ["10.0.0.2", "10.0.0.1"]),
    ("a.test.", "CAA"): (60, ['0 issue "letsencrypt.org"']),
    ("long.test.", "A"): (9000, ["10.0.0.1"]),
}

RECORDS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "answers": ({"names": ["a.test"], "min_answers": 2, "max_ttl": 300}, P, "count = 2"),
    "values in any order": ({"names": ["a.test"], "values": ["10.0.0.1", "10.0.0.2"]}, P, "consistent"),
    "one value too many": ({"names": ["a.test"], "values": ["10.0.0.1"]}, F, 'unexpected = ["10.0.0.2"]'),
    "CAA": ({"names": ["a.test"], "type": "CAA"}, P, "count = 1"),
    "TTL too long": ({"names": ["long.test"], "max_ttl": 300}, F, "ttl = 9000"),
    "no such name is a no": ({"names": ["none.test"]}, F, "count = 0"),
    "no such record is a no": ({"names": ["long.test"], "type": "CAA"}, F, "count = 0"),
    "a broken resolver is inconclusive": ({"names": ["broken.test"]}, Q, "could not answer"),
}


@pytest.mark.parametrize(("params", "verdict", "headline"), RECORDS.values(), ids=RECORDS.keys())
def test_dns(params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """What a resolver answers is judged; what it cannot answer is not."""

    async def ask() -> CheckResult:
        async with names.serving(ZONE) as resolver:
            return await check(context(), "dns_record", resolvers=[resolver], **params)

    result = run(ask())
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_contradicting_resolvers_fail() -> None:
    """Two resolvers that do not agree are a no, unless that is expected."""

    async def ask() -> tuple[CheckResult, CheckResult]:
        other: names.Zone = {("a.test.", "A"): (60, ["10.9.9.9"])}
        async with names.serving(ZONE) as one, names.serving(other) as two:
            params: dict[str, Any] = {"names": ["a.test"], "resolvers": [one, two]}
            strict = await check(context(), "dns_record", **params)
            return strict, await check(context(), "dns_record", consistent=False, **params)

    strict, lenient = run(ask())
    assert (strict.verdict, lenient.verdict) == (F, P)


def test_ports() -> None:
    """Open, refused and unresolved are told apart; an unresolved name is never "not open"."""

    async def ask() -> list[Verdict]:
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
        async with server:
            opened = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            cases = [(opened, "open"), (opened, "not_open"), ("127.0.0.1:1", "open"), ("127.0.0.1:1", "not_open"),
                     ("no-such-host.invalid:1", "not_open"), ("nonsense", "open")]  # fmt: skip
            return [(await check(context(), "tcp_port", targets=[t], state=s)).verdict for t, s in cases]

    assert run(ask()) == [P, F, F, P, F, Q]
