"""``tls_certificate``: every address, the whole chain, names that browsers accept, and old versions."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import tls
from servers.certificates import Holder, add, context, pem
from servers.checking import check, raw, run
from servers.checking import context as checking
from servers.programs import free_ports

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ROOT, MIDDLE, LEAF = Holder("Test Root"), Holder("Test Intermediate"), Holder("Test Leaf")
NAME = [x509.DNSName("localhost")]
NO_ROUTE = "ff0e::1"
"""An address that the kernel has no route for, on any machine: TCP does not go to a multicast address."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file that holds the root."""
    file: Path = tmp_path_factory.mktemp("trust") / "root.pem"
    file.write_bytes(pem(ROOT.signed(ROOT)))
    return str(file)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[str]]:
    """Let made-up names have several addresses of loopback, as names with several A records do."""
    known: dict[str, Sequence[str]] = {}
    real = socket.getaddrinfo

    def resolved(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        found = [real(one, port, *arguments, **options) for one in known.get(name, ())]
        return [entry for each in found for entry in each] or real(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return known


def asked(made: ssl.SSLContext, authority: str, host: str = "localhost", **params: Any) -> CheckResult:
    """Check one server on loopback, by any name."""

    async def ask() -> CheckResult:
        async with tls.serving(made) as port:
            bare = host.lower().rstrip(".")
            ctx = checking(addresses={f"{bare}:{port}": f"127.0.0.1:{port}"} if bare.isascii() else {})
            return await check(ctx, "tls_certificate", hosts=[f"{host}:{port}"], ca_file=authority, **params)

    return run(ask())


# ---- every address ----------------------------------------------------------------------------------

GOOD = context(LEAF, LEAF.signed(ROOT, sans=[x509.DNSName("shop.test")]))
OLD_LEAF = context(LEAF, LEAF.signed(ROOT, days=12, sans=[x509.DNSName("shop.test")]))
ADDRESSES: dict[str, tuple[dict[str, ssl.SSLContext], list[str], Verdict, str]] = {
    "one of three ends soon": ({"127.0.0.1": GOOD, "127.0.0.2": GOOD, "127.0.0.3": OLD_LEAF}, [], F, "at 127.0.0.3: days_left = 12"),
    "the IPv6 address ends soon": ({"127.0.0.1": GOOD, "::1": OLD_LEAF}, [], F, "at ::1: days_left = 12"),
    "one does not answer": ({"127.0.0.1": GOOD}, ["127.0.0.2"], Q, "at 127.0.0.2: problem = null, want absent (shop.test"),
    "one does not answer, one ends soon": ({"127.0.0.1": OLD_LEAF}, ["127.0.0.2"], F, "days_left = 12"),
    "none answers": ({}, ["127.0.0.1", "127.0.0.2"], Q, "did not answer: Connection refused"),
    "no route to the only one": ({}, [NO_ROUTE], Q, "Network is unreachable"),
    "no route to one family, the other ends soon": ({"127.0.0.1": OLD_LEAF}, [NO_ROUTE], F, "days_left = 12"),
    "no route to one of its family, among others": ({"127.0.0.1": GOOD, "::1": GOOD}, [NO_ROUTE], Q, "Network is unreachable"),
    "no route to one of its family": ({"::1": GOOD}, [NO_ROUTE], Q, "Network is unreachable"),
    "all are good": ({"127.0.0.1": GOOD, "127.0.0.2": GOOD, "::1": GOOD}, [], P, "all 3"),
}  # fmt: skip


def at_addresses(
    names: dict[str, Sequence[str]], authority: str, servers: dict[str, ssl.SSLContext], others: list[str]
) -> CheckResult:
    """Check a name with a server at some of its addresses, and none at others."""
    names["shop.test"] = [*servers, *others]
    port = free_ports(1)[0]

    async def ask() -> CheckResult:
        async with AsyncExitStack() as stack:
            for address, made in servers.items():
                await stack.enter_async_context(tls.serving(made, address, port))
            params: dict[str, Any] = {"hosts": [f"shop.test:{port}"], "ca_file": authority}
            return await check(checking(), "tls_certificate", **params)

    return run(ask())


@pytest.mark.parametrize(
    ("servers", "others", "verdict", "headline"), ADDRESSES.values(), ids=ADDRESSES.keys()
)
def test_every_address(
    names: dict[str, Sequence[str]],
    authority: str,
    servers: dict[str, ssl.SSLContext],
    others: list[str],
    verdict: Verdict,
    headline: str,
) -> None:
    """Each address behind the name must show a good certificate; one that shows none is unknown."""
    result = at_addresses(names, authority, servers, others)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_a_family_without_a_route_is_listed(names: dict[str, Sequence[str]], authority: str) -> None:
    """A machine without IPv6 judges the IPv4 addresses, and says which it has not looked at."""
    result = at_addresses(names, authority, {"127.0.0.1": GOOD}, [NO_ROUTE])
    assert result.verdict is P, result.headline
    (skipped,) = result.observed["not_looked_at"].values()
    assert skipped == [NO_ROUTE]
    assert f"(no route from here to {NO_ROUTE})" in result.authority
    assert result.headline.endswith(f"(not looked at from here: {NO_ROUTE})")


RSA = Holder("Test RSA", rsa.generate_private_key(65537, 2048))
STRANGER = Holder("Strange Root")
SORTS: dict[str, tuple[x509.Certificate, ssl.TLSVersion, Verdict, str]] = {
    "both are good": (RSA.signed(ROOT, sans=NAME), ssl.TLSVersion.TLSv1_3, P, "days_left"),
    "the other ends soon": (RSA.signed(ROOT, days=9, sans=NAME), ssl.TLSVersion.TLSv1_3, F, "days_left = 9"),
    "the other has expired": (RSA.signed(ROOT, days=-1, sans=NAME), ssl.TLSVersion.TLSv1_3, F, "certificate has expired"),
    "the other is of a stranger": (RSA.signed(STRANGER, sans=NAME), ssl.TLSVersion.TLSv1_2, F, "unable to get local issuer"),
    "the other has another name": (RSA.signed(ROOT, sans=[x509.DNSName("x.test")]), ssl.TLSVersion.TLSv1_3, F, "Hostname mismatch"),
}  # fmt: skip


@pytest.mark.parametrize(("other", "newest", "verdict", "headline"), SORTS.values(), ids=SORTS.keys())
def test_the_certificate_for_keys_of_another_sort(
    authority: str, other: x509.Certificate, newest: ssl.TLSVersion, verdict: Verdict, headline: str
) -> None:
    """Which certificate a client gets depends on the keys that it knows, so each must be good."""
    made = context(LEAF, LEAF.signed(ROOT, sans=NAME))
    add(made, RSA, other)
    made.maximum_version = newest
    result = asked(made, authority)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_the_environment_decides_on_the_address(names: dict[str, Sequence[str]], authority: str) -> None:
    """A mapped name is looked at where the environment says, and nowhere else."""
    names["localhost"] = ["127.0.0.9"]
    made = context(LEAF, LEAF.signed(ROOT, sans=NAME))
    assert asked(made, authority).verdict is P


# ---- the chain --------------------------------------------------------------------------------------

CROSS = Holder("Old Cross Root")
CHAINS: dict[str, tuple[list[x509.Certificate], Verdict, str]] = {
    "the intermediate ends first": ([LEAF.signed(MIDDLE, sans=NAME), MIDDLE.signed(ROOT, days=20)], F, "days_left = 20, want >= 30"),
    "the leaf ends first": ([LEAF.signed(MIDDLE, days=20, sans=NAME), MIDDLE.signed(ROOT)], F, "days_left = 20"),
    "an expired cross-signed root is sent too": ([LEAF.signed(MIDDLE, sans=NAME), MIDDLE.signed(ROOT), ROOT.signed(CROSS, days=-30)], P, "days_left = 365"),
    "a cross-signed intermediate that ended is sent too": ([LEAF.signed(MIDDLE, sans=NAME), MIDDLE.signed(CROSS, days=-3), MIDDLE.signed(ROOT)], P, "days_left = 365"),
    "in the wrong order": ([LEAF.signed(MIDDLE, sans=NAME), ROOT.signed(ROOT), MIDDLE.signed(ROOT)], P, "days_left = 365"),
    "no intermediate": ([LEAF.signed(MIDDLE, sans=NAME)], F, "problem = unable to get local issuer certificate"),
    "an expired intermediate": ([LEAF.signed(MIDDLE, sans=NAME), MIDDLE.signed(ROOT, days=-1)], F, "problem = certificate has expired"),
    "signed by itself": ([LEAF.signed(LEAF, sans=NAME)], F, "problem = self-signed certificate"),
}  # fmt: skip


@pytest.mark.parametrize(("chain", "verdict", "headline"), CHAINS.values(), ids=CHAINS.keys())
def test_the_whole_chain(
    authority: str, chain: list[x509.Certificate], verdict: Verdict, headline: str
) -> None:
    """The chain is as good as the certificate of its path that ends first."""
    result = asked(context(LEAF, *chain), authority)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_the_certificate_that_ends_first_is_named(authority: str) -> None:
    """The evidence says which certificate of the chain has to be renewed."""
    result = asked(context(LEAF, LEAF.signed(MIDDLE, sans=NAME), MIDDLE.signed(ROOT, days=40)), authority)
    shown = next(iter(result.observed.values()))
    assert (shown["days_left"], shown["ends_first"]) == (40, "CN=Test Intermediate")


def test_the_trusted_root_ends_too(tmp_path: Path) -> None:
    """A root that is about to end takes the chain with it."""
    file = tmp_path / "root.pem"
    file.write_bytes(pem(ROOT.signed(ROOT, days=9)))
    assert "days_left = 9" in raw(asked(context(LEAF, LEAF.signed(ROOT, sans=NAME)), str(file)))


def test_days_of_a_chain_that_is_not_trusted(tmp_path: Path) -> None:
    """Where an item accepts an unknown authority, the chain as sent still counts."""
    file = tmp_path / "other.pem"
    file.write_bytes(pem(CROSS.signed(CROSS)))
    made = context(
        LEAF,
        LEAF.signed(MIDDLE, sans=NAME),
        CROSS.signed(CROSS, days=2),
        MIDDLE.signed(ROOT, days=2),
        MIDDLE.signed(ROOT, days=20),
    )
    own = {"problem": "exists", "chain_verified": "== false"}
    result = asked(made, str(file), expect={**own, "problem": "matches issuer"})
    assert (result.verdict, "days_left = 20" in raw(result)) == (F, True), result.headline


# ---- names ------------------------------------------------------------------------------------------


def of(*texts: str) -> list[x509.GeneralName]:
    return [x509.DNSName(text) for text in texts]


NAMES: dict[str, tuple[str, list[x509.GeneralName], Verdict]] = {
    "only the common name": ("test-leaf.test", [], F),
    "another alternative name": ("localhost", of("shop.test"), F),
    "a wildcard": ("a.shop.test", of("*.shop.test"), P),
    "a wildcard is one label": ("a.b.shop.test", of("*.shop.test"), F),
    "a wildcard is not the name itself": ("shop.test", of("*.shop.test"), F),
    "a wildcard in part of a label": ("api.shop.test", of("a*.shop.test"), F),
    "in capitals, with a final dot": ("Shop.Test.", of("shop.test"), P),
    "an address": ("127.0.0.1", [x509.IPAddress(ip_address("127.0.0.1"))], P),
    "an address as a name": ("127.0.0.1", of("127.0.0.1"), F),
    "another address": ("127.0.0.1", [x509.IPAddress(ip_address("127.0.0.2"))], F),
}  # fmt: skip


@pytest.mark.parametrize(("host", "sans", "verdict"), NAMES.values(), ids=NAMES.keys())
def test_names(authority: str, host: str, sans: list[x509.GeneralName], verdict: Verdict) -> None:
    """A server is known by an alternative name, as browsers know it (RFC 9525)."""
    leaf = Holder("test-leaf.test")
    result = asked(context(leaf, leaf.signed(ROOT, sans=sans)), authority, host)
    assert result.verdict is verdict, result.headline
    assert verdict is P or "mismatch" in raw(result)


def test_a_name_of_another_script(names: dict[str, Sequence[str]], authority: str) -> None:
    """A name is looked up and compared in ASCII; one that has two such spellings is not guessed."""
    names["bücher.test"] = names["xn--bcher-kva.test"] = ["127.0.0.1"]
    made = context(LEAF, LEAF.signed(ROOT, sans=of("xn--bcher-kva.test")))
    found, doubtful, odd = (asked(made, authority, host) for host in ("bücher.test", "faß.test", "a..test"))
    assert (found.verdict, doubtful.verdict, odd.verdict) == (P, Q, Q), found.headline
    assert "xn--" in raw(doubtful)
    assert "not a host name" in raw(odd)


# ---- old versions -----------------------------------------------------------------------------------


def sends(*pieces: bytes) -> tls.Raw:
    """Answer an old hello with these bytes, and close."""

    async def answer(_hello: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(pieces))

    return answer


async def keeps_silent(_hello: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Do not answer, as a firewall that drops the packet."""
    await reader.read()


async def resets(_hello: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection, as Schannel does."""
    writer.transport.abort()


def alert(description: int, level: int = 2) -> bytes:
    return bytes([21, 3, 1, 0, 2, level, description])


def server_hello(version: int) -> bytes:
    body = version.to_bytes(2, "big") + bytes(32) + b"\0\0\x2f\0"
    return (
        b"\x16\x03\x01" + (len(body) + 4).to_bytes(2, "big") + b"\x02" + len(body).to_bytes(3, "big") + body
    )


async def answers_one(hello: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak TLS 1.1, and send another alert to the hello of TLS 1.0."""
    writer.write(server_hello(0x0302) if hello[9:11] == b"\x03\x02" else alert(112))


async def closes_long(hello: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak TLS 1.1, but close a hello that is longer than those of its day."""
    writer.write(server_hello(0x0302) if hello[9:11] == b"\x03\x02" and len(hello) < 300 else b"")


OLD: dict[str, tuple[tls.Raw, Verdict, str]] = {
    "alert protocol_version": (sends(alert(70)), P, "legacy_protocols = []"),
    "alert handshake_failure": (sends(alert(40)), P, "legacy_protocols = []"),
    "a warning before the refusal": (sends(alert(112, level=1), alert(70)), P, "legacy_protocols = []"),
    "closes": (sends(), P, "legacy_protocols = []"),
    "says that it closes": (sends(alert(0, level=1)), P, "legacy_protocols = []"),
    "resets": (resets, P, "legacy_protocols = []"),
    "chooses a newer version than offered": (sends(server_hello(0x0303)), P, "legacy_protocols = []"),
    "a hello, then an alert": (sends(server_hello(0x0301), alert(40)), F, 'legacy_protocols = ["TLSv1"]'),
    "a warning before the hello": (sends(alert(112, level=1), server_hello(0x0301)), F, 'legacy_protocols = ["TLSv1"]'),
    "an older version than offered": (sends(server_hello(0x0300)), F, 'legacy_protocols = ["SSLv3"]'),
    "one version is spoken, the other is unknown": (answers_one, F, 'legacy_protocols = ["TLSv1.1", "TLSv1?"]'),
    "a long hello is closed, a plain one is answered": (closes_long, F, 'legacy_protocols = ["TLSv1.1"]'),
    "another alert": (sends(alert(112)), Q, "whether the server speaks TLSv1 is unknown: it sent alert 112"),
    "another protocol": (sends(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 20_000), Q, "something else than TLS"),
    "silence": (keeps_silent, Q, "whether the server speaks TLSv1 is unknown: it did not answer this hello within"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "verdict", "headline"), OLD.values(), ids=OLD.keys())
def test_old_hellos(authority: str, answer: tls.Raw, verdict: Verdict, headline: str) -> None:
    """Only what a server says to an old hello tells that it refuses it, and silence costs one attempt."""

    async def ask() -> CheckResult:
        async with tls.guarded(context(LEAF, LEAF.signed(ROOT, sans=NAME)), answer) as port:
            params: dict[str, Any] = {"hosts": [f"localhost:{port}"], "ca_file": authority, "timeout": "4s"}
            return await check(checking(), "tls_certificate", **params)

    result = run(ask())
    assert (result.verdict, result.attempts, headline in raw(result)) == (verdict, 1, True), result.headline


@pytest.mark.parametrize("wants", [ssl.CERT_NONE, ssl.CERT_REQUIRED], ids=["anyone", "client certificates"])
@pytest.mark.parametrize(
    "suites", ["ALL:@SECLEVEL=0", "AES128-SHA:@SECLEVEL=0", "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"]
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_real_old_servers(authority: str, suites: str, wants: ssl.VerifyMode) -> None:
    """A server that speaks TLS 1.1 is found whatever suites it takes, and whoever it lets in."""
    made = context(LEAF, LEAF.signed(ROOT, sans=NAME))
    made.set_ciphers(suites)
    made.load_verify_locations(authority)
    made.verify_mode, made.minimum_version = wants, ssl.TLSVersion.TLSv1_1
    result = asked(made, authority)
    # The certificate's key is an elliptic one, so that suite alone cannot be spoken.
    found = not suites.startswith("AES128-SHA")
    expected = (F, 'legacy_protocols = ["TLSv1.1"]') if found else (P, "legacy_protocols = []")
    assert (result.verdict, expected[1] in raw(result)) == (expected[0], True), result.headline


@pytest.mark.parametrize("oldest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
def test_only_the_newest_version(authority: str, oldest: ssl.TLSVersion) -> None:
    """Where TLS 1.3 is wanted, TLS 1.2 is old."""
    made = context(LEAF, LEAF.signed(ROOT, sans=NAME))
    made.minimum_version = oldest
    result = asked(made, authority, min_protocol="TLSv1.3")
    wanted = (P, "[]") if oldest is ssl.TLSVersion.TLSv1_3 else (F, '["TLSv1.2"]')
    assert (result.verdict, f"legacy_protocols = {wanted[1]}" in raw(result)) == (wanted[0], True), (
        result.headline
    )


def test_closing_everything_is_no_refusal(authority: str) -> None:
    """A server that closes old hellos, and by then all others too, has refused nothing."""
    calls = 0

    async def ask() -> CheckResult:
        made = context(LEAF, LEAF.signed(ROOT, sans=NAME))
        async with tls.serving(made) as port:

            async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal calls
                calls += 1
                header = await reader.readexactly(5)
                first = header + await reader.readexactly(int.from_bytes(header[3:], "big"))
                if calls == 1:
                    await tls.passed_on(first, reader, writer, port)
                writer.close()

            async with await asyncio.start_server(once, "127.0.0.1", 0) as server:
                host = f"localhost:{server.sockets[0].getsockname()[1]}"
                return await check(checking(), "tls_certificate", hosts=[host], ca_file=authority)

    result = run(ask())
    assert (result.verdict, "it closed the connection" in raw(result)) == (Q, True), result.headline
