"""``http_request`` and ``tls_certificate`` against Debian's nginx."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import nginx
from servers.checking import check, context, raw, run
from servers.web import http_connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
LIMITED = {'statuses."429"': ">= 1", 'statuses."500" || `0`': "== 0"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Create a certificate authority."""
    return trustme.CA()


@pytest.fixture(scope="module")
def server(authority: trustme.CA) -> Iterator[nginx.Nginx]:
    """One nginx with a rate limit and three sorts of TLS."""
    ago = datetime.now(UTC) - timedelta(days=1)
    good = authority.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=90))
    expired = authority.issue_cert("localhost", not_before=ago - timedelta(days=90), not_after=ago)
    with nginx.serving(authority, good, expired) as made:
        yield made


def burst(server: nginx.Nginx, path: str) -> CheckResult:
    ctx = context({"api": http_connection(server.limited)})
    return run(
        check(ctx, "http_request", conn_id="api", path=path, samples=40, concurrency=10, expect=LIMITED)
    )


def test_rate_limit_with_its_status_set(server: nginx.Nginx) -> None:
    """A burst above the limit sees 429 where nginx is told to answer so."""
    result = burst(server, "/limited")
    assert result.verdict is P, result.headline


def test_rate_limit_as_nginx_has_it(server: nginx.Nginx) -> None:
    """Left alone nginx answers 503: a limit, but not one that a client understands, so it is a no."""
    result = burst(server, "/default")
    assert (result.verdict, 'statuses."429" is missing' in raw(result)) == (F, True), result.headline
    assert result.observed["GET /default"]["statuses"]["503"] >= 30


def test_a_dead_upstream_is_a_no(server: nginx.Nginx) -> None:
    """A 502 is the server's answer."""
    ctx = context({"api": http_connection(server.limited)})
    result = run(check(ctx, "http_request", conn_id="api", path="/down"))
    assert (result.verdict, result.headline) == (F, "GET /down answered 502; wanted 200")


TLS: dict[str, tuple[str, dict[str, Any], Verdict, str]] = {
    "modern": ("modern", {}, P, "problem is absent"),
    "TLS 1.3 alone is wanted": ("modern", {"min_protocol": "TLSv1.3"}, F, 'legacy_protocols = ["TLSv1.2"]'),
    "TLS 1.0 is on": ("old", {}, F, 'legacy_protocols = ["TLSv1", "TLSv1.1"]'),
    "expired": ("expired", {}, F, "problem = certificate has expired"),
    "plain HTTP": ("limited", {}, Q, "does not complete a TLS handshake"),
}


@pytest.mark.parametrize(("place", "params", "verdict", "headline"), TLS.values(), ids=TLS.keys())
def test_tls(
    server: nginx.Nginx, authority: trustme.CA, tmp_path: Path, place: str, params: dict[str, Any],
    verdict: Verdict, headline: str,
) -> None:  # fmt: skip
    """A server that still speaks TLS 1.0 is found, though our own library would not offer it."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    hosts = [f"localhost:{getattr(server, place)}"]
    result = run(check(context(), "tls_certificate", hosts=hosts, ca_file=str(tmp_path / "ca.pem"), **params))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline
