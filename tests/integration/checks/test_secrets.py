"""Planted secrets, told again by servers in every way: no kind keeps, shows or logs anything of them."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.registry import kind_names
from servers.checking import check, context, raw, run
from servers.odd import Odd
from servers.trouble import KINDS, asked_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine
    from pathlib import Path

    from launch_pipeline.checks.verdict import CheckResult

pytestmark = pytest.mark.integration
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789/+=%&'\"\\<>{}$!~:;,.-_"
SECRETS = st.text(alphabet=LETTERS, min_size=6, max_size=40).map("Pl4nt".__add__)
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def spellings(secret: str) -> list[str]:
    """How a secret may be told: plainly, for a URL, in JSON, by Python, as a header."""
    pairs = [secret, f":{secret}", f"AKIAEXAMPLE:{secret}", f"git:{secret}"]
    coded = [base64.b64encode(one.encode()).decode().rstrip("=") for one in pairs]
    return [
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        *coded,
    ]


def within(secret: str) -> list[str]:
    """Encode a secret between other words in base64: the offset shifts its bits."""
    return [base64.b64encode(f"{before}{secret}!!!".encode()).decode() for before in ("a", "ab", "abc")]


def bodies(secret: str) -> dict[str, Odd]:
    """Ways to tell it in an answer, each of the form in which some vendor says what is wrong."""
    every = " and ".join(spellings(secret) + within(secret))
    said = f"bad credentials {every}"
    errors = {
        "message": said,
        "error": said,
        "reason": said,
        "status": "error",
        "errors": [{"message": said}],
    }
    coded = base64.b64encode(secret.encode()).decode()
    xml = f"<Error><Code>{quote(secret)}</Code><Message>{coded}</Message></Error>"
    return {
        "JSON": Odd(200, json.dumps(errors).encode()),
        "data": Odd(200, json.dumps({"status": "success", "data": said, "ok": True, "kind": said}).encode()),
        "a refusal": Odd(403, json.dumps({"kind": "Status", **errors}).encode()),
        "bad request": Odd(400, json.dumps(errors).encode()),
        "plain text": Odd(401, said.encode(), "text/plain"),
        "a page": Odd(500, f"<html>{said}</html>".encode(), "text/html"),
        "XML": Odd(400, xml.encode(), "application/xml"),
        "a redirect": Odd(302, headers={"Location": f"/login?token={quote(secret, safe='')}"}),
        "a type": Odd(200, b"{}", headers={"X-Echo": quote(secret, safe="")}),
    }


FORMS = sorted(bodies("x"))


class Heard(logging.Handler):
    """Keeps what is logged at any level, exceptions included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


def told(result: CheckResult, heard: Heard) -> str:
    """Everything that is kept or shown of a check: evidence, which XCom is too, headline and log."""
    return "\n".join([result.model_dump_json(), str(result), result.headline, *heard.texts])


def nowhere(secret: str, text: str) -> None:
    # Of the last, what holds the secret alone: four characters stand for three bytes.
    for spelling in spellings(secret) + [coded[4:-8] for coded in within(secret)]:
        assert spelling not in text, spelling


def hidden(secret: str, checked: Coroutine[Any, Any, CheckResult]) -> CheckResult:
    """Run a check, and find the secret in nothing that is kept, shown or logged of it."""
    heard, ours = Heard(), logging.getLogger("launch_pipeline")
    ours.addHandler(heard)
    try:
        result = run(checked)
    finally:
        ours.removeHandler(heard)
    nowhere(secret, told(result, heard))
    return result


@QUIET
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(FORMS), SECRETS)
def test_server_that_tells_our_secret(
    trust: tuple[ssl.SSLContext, str], name: str, form: str, secret: str
) -> None:
    """Whatever a server says of our secret, in whatever form, is hidden in all that is kept."""
    result = hidden(secret, asked_of(name, bodies(secret)[form].app(), *trust, secret=secret, timeout="3s"))
    assert "internal error" not in raw(result), result.headline


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_each_kind_hides_each_form(trust: tuple[ssl.SSLContext, str], name: str, form: str) -> None:
    """Every kind in every form at least once, with the characters that are spelt in most ways."""
    secret = "Pl4nted/+=%&'\"\\<>s3cret"
    hidden(secret, asked_of(name, bodies(secret)[form].app(), *trust, secret=secret, timeout="3s"))


@settings(QUIET, max_examples=30)
@given(SECRETS)
def test_redis_that_tells_our_secret(secret: str) -> None:
    """A server that repeats what it was sent is quoted without it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(f"-ERR unknown command with args {secret!r} {secret}\r\n".encode())
        writer.close()

    async def ask() -> CheckResult:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            found = ConnectionInfo("redis", "redis", "127.0.0.1", port, "", secret)
            return await check(context({"redis": found}), "redis_info", timeout="3s")

    hidden(secret, ask())


@settings(QUIET, max_examples=30)
@given(SECRETS)
def test_postgres_that_tells_our_secret(secret: str) -> None:
    """An error of the server is shown in its own words, without our password."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        fields = f"SFATAL\0C28P01\0Mpassword {secret} of {secret!r} is wrong\0\0".encode()
        writer.write(b"N" if not fields else b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        writer.close()

    async def ask() -> CheckResult:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            extra = {"sslmode": "disable", "gssencmode": "disable"}
            found = ConnectionInfo("postgres", "postgres", "127.0.0.1", port, "me", secret, "db", extra)
            return await check(context({"postgres": found}), "postgres_query", sql="SELECT 1", timeout="3s")

    result = hidden(secret, ask())
    assert result.headline.startswith("credentials: "), result.headline


@settings(QUIET, max_examples=15)
@given(SECRETS)
def test_program_that_tells_our_secret(tmp_path: Path, secret: str) -> None:
    """A program that prints the secret it was allowed to see is shown without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "LOAD_TOKEN", secret)
        ctx = context(allow_commands=True)
        params = {"argv": ["env"], "cwd": str(tmp_path), "env": ["LOAD_TOKEN"], "timeout": "20s"}
        hidden(secret, check(ctx, "command", **params))


def test_no_kind_is_forgotten() -> None:
    """What has no secret of its own is named here; every other kind is tried above."""
    without = {"dns_record", "tcp_port", "tls_certificate"}
    assert {*KINDS, "redis_info", "postgres_query", "command"} | without == set(kind_names())
