"""What every authority can do wrong, and what no kind makes a verdict of.

The kinds' own tests hold what is particular to each; here is what must be the same for all of them.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trustme

from launch_pipeline.checks.clients.http import refuse, refuse_named
from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_pipeline.errors import Inconclusive
from servers.checking import check, context, raw, run
from servers.odd import Odd
from servers.programs import wait_for
from servers.trouble import KINDS, SECRET, asked, asked_of, connection
from servers.web import serving

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

pytestmark = pytest.mark.integration
F, Q = Verdict.FAILED, Verdict.INCONCLUSIVE


def no_answer(result: CheckResult, headline: str, attempts: int | None = None) -> None:
    """No verdict on the thing itself, in words, without the secret."""
    assert (result.verdict, headline in raw(result)) == (Q, True), result.headline
    assert attempts in {None, result.attempts}, f"{result.attempts} attempts: {result.headline}"
    assert "internal error" not in raw(result)
    assert SECRET not in result.model_dump_json()


ROWS: dict[str, tuple[Odd, dict[str, tuple[str, int]]]] = {
    "401": (Odd(401, b"{}"), {"http_request": ("credentials", 1), "report": ("credentials", 1), "git_repository": ("credentials", 1)}),
    "403": (Odd(403, b"{}"), {"http_request": ("credentials", 1), "report": ("credentials", 1), "git_repository": ("credentials", 1)}),
    "429 with a time": (Odd(429, b"{}", headers={"Retry-After": "1"}), {
        "http_request": ("is busy", 3), "report": ("is busy", 3), "git_repository": ("429", 1), "aws_resource": ("is busy", 3), "object_storage": ("is busy", 3)}),
    "500": (Odd(500, b"oops", "text/plain"), {"report": ("answered 500", 3), "git_repository": ("500", 3)}),
    "a redirect elsewhere": (Odd(302, headers={"Location": "http://127.0.0.1:1/"}), {"report": ("answered 302", 1), "git_repository": ("it redirects, which is not followed", 1)}),
    "a page": (Odd(200, b"<html>Welcome</html>", "text/html"), {
        "report": ("is not a JSON object", 1), "git_repository": ("is it a git repository", 1), "aws_resource": ("an HTML page", 1)}),
    "cut off": (Odd(200, b'{"a": 1, "b'), {"report": ("not a JSON object", 1), "git_repository": ("is it a git repository", 1)}),
    "nothing": (Odd(), {"report": ("not a JSON object", 1), "git_repository": ("is it a git repository", 1), "container_image": ("not a JSON object", 1),
                        "kubernetes_resource": ("without a Kubernetes document", 1), "object_storage": ("does not answer as S3", 1),
                        "aws_resource": ("does not speak the AWS API", 1)}),
    "an empty document": (Odd(200, b"{}"), {"report": ("is not a junit report", 1), "container_image": ("not a manifest", 1), "kubernetes_resource": ("without a Kubernetes document", 1)}),
    "an endless body": (Odd(huge=True), {"report": ("larger than 20 MiB", 1), "git_repository": ("is it a git repository", 1)}),
    "silence": (Odd(slow=True), {"http_request": ("no answer within", 3), "report": ("no answer within", 3), "git_repository": ("no answer within", 3)}),
}  # fmt: skip
CELLS = [(row, name) for row, (_, kinds) in ROWS.items() for name in kinds]


@pytest.mark.parametrize(("row", "name"), CELLS, ids=[f"{row}, {name}" for row, name in CELLS])
def test_oddity(trust: tuple[ssl.SSLContext, str], row: str, name: str) -> None:
    """An authority that goes wrong has not answered: inconclusive, and asked again only where that may help."""
    odd, kinds = ROWS[row]
    params = {"timeout": "400ms"} if odd.slow else {}
    no_answer(run(asked_of(name, odd.app(), *trust, **params)), *kinds[name])


ANSWERS: dict[str, tuple[Odd, str]] = {
    "500": (Odd(500, b"oops", "text/plain"), "status = 500"),
    "a redirect": (Odd(302, headers={"Location": "http://127.0.0.1:1/"}), "status = 302"),
    "another document": (Odd(200, b"{}"), "json.status is missing"),
}


@pytest.mark.parametrize(("odd", "headline"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_the_product_itself_answers(trust: tuple[ssl.SSLContext, str], odd: Odd, headline: str) -> None:
    """To ``http_request`` the product is the authority: its wrong answer is a no, and what is wrong is said."""
    expect = {"expect": {"json.status": "== ok"}}
    result = run(asked_of("http_request", odd.app(), *trust, **expect))
    assert (result.verdict, headline in raw(result)) == (F, True), result.headline


UNREADABLE: dict[str, tuple[Odd, str]] = {
    "a page": (Odd(200, b"<html>Welcome</html>", "text/html"), "text/html, not JSON"),
    "cut off": (Odd(200, b'{"status": "ok", "b'), "not JSON"),
    "nothing": (Odd(), "no body"),
}


@pytest.mark.parametrize(("odd", "headline"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_of_the_product(
    trust: tuple[ssl.SSLContext, str], odd: Odd, headline: str
) -> None:
    """What a body says that cannot be read as JSON is not known, and the reason is said."""
    expect = {"expect": {"json.status": "== ok"}}
    result = run(asked_of("http_request", odd.app(), *trust, **expect))
    assert (result.verdict, headline in raw(result)) == (Q, True), result.headline


@pytest.mark.parametrize("name", KINDS)
def test_certificate_that_nobody_vouches_for(
    trust: tuple[ssl.SSLContext, str], tmp_path: Path, name: str
) -> None:
    """Who cannot prove who he is gets no secret and no second question."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    heard: list[str] = []

    async def ask() -> CheckResult:
        app = Odd(200, b"{}").app()

        async def hear(request: Any, _response: Any) -> None:
            heard.append(request.path)

        app.on_response_prepare.append(hear)
        async with serving(app, trust[0]) as port:
            return await asked(name, connection(name, port, "https", str(tmp_path / "other.pem")))

    no_answer(run(ask()), "certificate", 1)
    assert heard == []


@pytest.mark.parametrize("name", KINDS)
def test_nobody_there(trust: tuple[ssl.SSLContext, str], name: str) -> None:
    """A refused connection is asked three times, and is no failure."""
    scheme = "https" if name == "report" else "http"
    no_answer(run(asked(name, connection(name, 1, scheme, trust[1]))), "localhost:1", 3)


@pytest.mark.parametrize("name", KINDS)
def test_metadata_service_is_not_asked(trust: tuple[ssl.SSLContext, str], name: str) -> None:
    """No connection leads a check to a cloud's metadata service."""
    base = f"{'https' if name == 'report' else 'http'}://169.254.169.254"
    uri = {"uri": f"{base}/r.xml"} if name == "report" else {}
    extra = {"url": f"{base}/r.git"} if name == "git_repository" else {"region_name": "eu-central-1"}
    found = ConnectionInfo("x", "http", base, None, "AKIAEXAMPLE", SECRET, extra=extra)
    ctx = context({"x": found})
    result = run(check(ctx, name, **{**KINDS[name], **uri, "conn_id": "x"}))
    no_answer(result, "link-local or metadata address", 1)
    assert trust


def test_git_takes_no_secret_elsewhere(trust: tuple[ssl.SSLContext, str]) -> None:
    """Git itself would follow a redirect to any host, with the header that proves who we are."""
    heard: list[str | None] = []

    async def ask() -> CheckResult:
        other = Odd(404).app()

        async def hear(request: Any, _response: Any) -> None:
            heard.append(request.headers.get("Authorization"))

        other.on_response_prepare.append(hear)
        async with serving(other) as elsewhere:
            odd = Odd(302, headers={"Location": f"http://127.0.0.1:{elsewhere}/r.git/info/refs"})
            return await asked_of("git_repository", odd.app(), *trust)

    no_answer(run(ask()), "it redirects", 1)
    assert heard == []


def test_git_leaves_no_program_behind(trust: tuple[ssl.SSLContext, str]) -> None:
    """The program that git starts to speak HTTP ends with it when a server keeps silent."""
    address: list[str] = []

    def running() -> list[str]:
        found = psutil.process_iter(["name", "cmdline"])
        return [one.info["name"] for one in found if address[0] in " ".join(one.info["cmdline"] or [])]

    async def ask() -> CheckResult:
        async with serving(Odd(slow=True).app()) as port:
            address.append(f"localhost:{port}/repo.git")
            found = connection("git_repository", port, "http", trust[1])
            asking = asyncio.ensure_future(asked("git_repository", found, timeout="2s"))
            await asyncio.to_thread(wait_for, lambda: "git-remote-http" in " ".join(running()), "git to ask")
            return await asking

    no_answer(run(ask()), "no answer", 3)
    wait_for(lambda: not running(), "the end of what git started")


SOCKETS: dict[str, tuple[str, dict[str, Any]]] = {
    "tls_certificate": ("tls_certificate", {}),
    "postgres_query": ("postgres_query", {"sql": "SELECT 1"}),
    "redis_info": ("redis_info", {}),
}
SAID: dict[str, bytes | None] = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "hangs up": b"",
    "silence": None,
}


@pytest.mark.parametrize(("said"), SAID.values(), ids=SAID.keys())
@pytest.mark.parametrize(("name", "params"), SOCKETS.values(), ids=SOCKETS.keys())
def test_server_of_another_sort(name: str, params: dict[str, Any], said: bytes | None) -> None:
    """Whoever does not speak the protocol, hangs up or keeps silent has not answered."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        if said is None:
            await reader.read()
        writer.write(said or b"")
        writer.close()

    async def ask() -> CheckResult:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            found = ConnectionInfo("x", name.partition("_")[0], "127.0.0.1", port, "me", SECRET, "db")
            target = {"hosts": [f"127.0.0.1:{port}"]} if name == "tls_certificate" else {"conn_id": "x"}
            timeout = "500ms" if said is None else "20s"
            return await check(context({"x": found}), name, **params, **target, timeout=timeout)

    no_answer(run(ask()), "no answer within" if said is None else "127.0.0.1")


@pytest.mark.parametrize("name", ["silence", "garbage", "refused"])
def test_resolver_that_does_not_answer(name: str) -> None:
    """A resolver that keeps silent, talks nonsense or is not there has not said that there is no such name."""

    class Resolver(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, _data: bytes, address: Any) -> None:
            if name == "garbage":
                self.transport.sendto(b"\xff" * 40, address)

    async def ask() -> CheckResult:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Resolver, ("127.0.0.1", 0))
        place = f"127.0.0.1:{transport.get_extra_info('sockname')[1] if name != 'refused' else 1}"
        try:
            return await check(context(), "dns_record", names=["a.test"], resolvers=[place], timeout="1s")
        finally:
            transport.close()

    # On a busy machine the attempt's end may come before the resolver's own.
    no_answer(run(ask()), "answer", 3)


def test_port_that_keeps_silent() -> None:
    """A port that takes no connection and refuses none is filtered: not open, and from where is in the evidence."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):  # nobody accepts them, and there is no place for more
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        target = f"127.0.0.1:{full.getsockname()[1]}"
        asked_for = [("open", F), ("not_open", Verdict.PASSED)]
        for state, verdict in asked_for:
            result = run(check(context(), "tcp_port", targets=[target], state=state, timeout="500ms"))
            assert (result.verdict, result.observed["states"]) == (verdict, {target: "filtered"}), (
                result.headline
            )
            assert result.observed["seen_from"] == socket.gethostname()


METADATA = "169.254.169.254"
DIRECT: dict[str, tuple[str, dict[str, Any]]] = {
    "tcp_port": ("tcp_port", {"targets": [f"{METADATA}:80"]}),
    "tls_certificate": ("tls_certificate", {"hosts": [METADATA]}),
    "dns_record": ("dns_record", {"names": ["a.test"], "resolvers": [METADATA]}),
    "postgres_query": ("postgres_query", {"conn_id": "x", "sql": "SELECT 1"}),
    "redis_info": ("redis_info", {"conn_id": "x"}),
}


@pytest.mark.parametrize(("name", "params"), DIRECT.values(), ids=DIRECT.keys())
def test_metadata_address_is_not_connected_to(name: str, params: dict[str, Any]) -> None:
    """No kind connects to a link-local address by itself."""
    found = ConnectionInfo("x", name.partition("_")[0], METADATA, None, "me", SECRET, "db")
    no_answer(run(check(context({"x": found}), name, **params)), "link-local or metadata address", 1)


def test_environment_may_allow_link_local_addresses() -> None:
    """Who runs checks beside such a service says so in the environment."""
    refuse(context(allow_link_local=True), METADATA)
    run(refuse_named(context(allow_link_local=True), METADATA))
    with pytest.raises(Inconclusive, match="allow_link_local: true"):
        refuse(context(), METADATA)
