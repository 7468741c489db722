"""HTTP for all kinds: bounded responses, guarded addresses, credentials from the connection."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import os
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from launch_pipeline.checks.engine.address_guard import _refused, refused_address
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo

BODY_LIMIT = 1024 * 1024
"""Bytes of a response that are read."""
TEXT_LIMIT = 64 * 1024
"""Characters of a response that ``expect`` may search; a longer one has no ``text``."""
_OFF_LOOP = 32 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_TOO_MANY = 429
_UNAVAILABLE = 503
_SAFE = {"GET", "HEAD", "OPTIONS"}

Header = Mapping[str, str]


def refuse(ctx: CheckContext, *hosts: str) -> None:
    """Raise Inconclusive for a link-local or metadata address, unless the environment allows it."""
    refused = [host for host in hosts if refused_address(host)]
    if refused and not ctx.environment.allow_link_local:
        raise _refused(refused[0])


async def refuse_named(ctx: CheckContext, host: str) -> None:
    """Raise Inconclusive also for a name that resolves to such an address; an unknown name passes."""
    refuse(ctx, host)
    if ctx.environment.allow_link_local or _is_address(host):
        return
    with suppress(OSError, UnicodeError):
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        refuse(ctx, *(str(address[4][0]) for address in found))


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False


def spoken(error: BaseException) -> str:
    """Return why a connection failed, in words; aiohttp's text shows Python objects."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        cause = cause.certificate_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return f"the TLS handshake failed: {cause.reason.replace('_', ' ').lower()}"
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno)
    said = (cause.strerror if isinstance(cause, OSError) else "") or str(cause)
    return " ".join(said.split()) or type(cause).__name__


@dataclass(frozen=True)
class Staying:
    """Session for another library that follows no redirect, so that credentials stay with their host."""

    session: aiohttp.ClientSession

    async def request(self, *arguments: Any, **options: Any) -> aiohttp.ClientResponse:
        """Send a request without following redirects."""
        return await self.session.request(*arguments, **{**options, "allow_redirects": False})

    async def close(self) -> None:
        """Close the session."""
        await self.session.close()


@dataclass(frozen=True)
class Answer:
    """A bounded HTTP response."""

    url: str
    status: int
    headers: dict[str, str]
    """Headers, with names in lower case."""
    body: bytes
    complete: bool
    """Whether the whole body was read."""
    elapsed_ms: float
    final: str = ""
    """The URL that answered in the end, without its query."""
    cookies: tuple[str, ...] = ()
    """The values of ``Set-Cookie``, which cannot be joined as those of other headers (RFC 9110, 5.3)."""

    @property
    def text(self) -> str | None:
        """Return the body as text; None if it is too long to search."""
        text = self.body.decode("utf-8", "replace")
        return text if self.complete and len(text) <= TEXT_LIMIT else None

    async def json(self) -> Any:
        """Parse the body as JSON, a large one in a thread; None if it is not JSON."""
        if len(self.body) > _OFF_LOOP:
            return await asyncio.to_thread(self._parsed)
        return self._parsed()

    def _parsed(self) -> Any:
        try:
            return json.loads(self.body) if self.complete else None
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class Request:
    """An HTTP request."""

    url: URL
    method: str = "GET"
    headers: Header = field(default_factory=dict)
    query: Sequence[tuple[str, str]] = ()
    data: bytes | None = None
    credentials: Header = field(default_factory=dict)
    """Headers that are sent only to the origin of ``url``."""
    follow_redirects: bool = False


def credentials(connection: ConnectionInfo) -> dict[str, str]:
    """Return the headers that authenticate a connection.

    ``extra.headers`` as they are; a login with its password as Basic, a password alone as Bearer.
    """
    given = connection.extra.get("headers")
    headers = {str(k): str(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
    if connection.password and not any(name.lower() == "authorization" for name in headers):
        pair = f"{connection.login}:{connection.password}".encode()
        basic = f"Basic {base64.b64encode(pair).decode()}"
        headers["Authorization"] = basic if connection.login else f"Bearer {connection.password}"
    return headers


def authority(url: URL) -> str:
    """Return scheme, host and port of a URL, without credentials and path."""
    return str(url.origin())


def shown_authority(ctx: CheckContext, url: URL) -> str:
    """Return the authority as evidence shows it, with the address that the environment maps it to."""
    target, named = _placed(ctx, url)
    return f"{authority(url)} (at {target.host}:{target.port})" if named else authority(url)


async def send(
    ctx: CheckContext, connection: ConnectionInfo, request: Request, most: int = BODY_LIMIT
) -> Answer:
    """Send one request and read at most 1 MiB (or ``most`` bytes) of the response.

    Raises Unreachable (retryable if nothing was sent, or a retry is safe), and Inconclusive for a refused
    address.
    """
    url = request.url
    context = await ctx.clients.tls_context(str(connection.extra.get("ca_file") or ""))
    for _ in range(_MOST_REDIRECTS + 1):
        answer = await _exchange(ctx, request, url, context, most)
        target = _redirect(request, url, answer)
        if target is None:
            return answer
        url = target
    message = f"{authority(url)} redirects more than {_MOST_REDIRECTS} times"
    raise Inconclusive(message)


def _redirect(request: Request, url: URL, answer: Answer) -> URL | None:
    """Return the redirect target if it is on the same host and does not go from https to http."""
    location = answer.headers.get("location", "")
    if not (request.follow_redirects and answer.status in _REDIRECTS and location):
        return None
    target = url.join(URL(location))
    downgraded = url.scheme == "https" and target.scheme != "https"
    return None if target.host != url.host or downgraded else target


async def _exchange(
    ctx: CheckContext, request: Request, url: URL, context: ssl.SSLContext, most: int
) -> Answer:
    refuse(ctx, url.host or "")
    session = await ctx.clients.session(guarded=not ctx.environment.allow_link_local)
    target, named = _placed(ctx, url)
    own = request.credentials if url.origin() == request.url.origin() else {}
    first = url == request.url
    began = time.perf_counter()
    try:
        async with session.request(
            request.method,
            target,
            params=list(request.query) if first and request.query else None,
            headers={**request.headers, **own, **({"Host": named} if named else {})},
            data=request.data,
            ssl=context,
            server_hostname=url.host if named and url.scheme == "https" else None,
            allow_redirects=False,
        ) as response:
            body, complete = await _bounded(response, most)
    except (aiohttp.ClientError, OSError) as error:
        raise _unreachable(request, url, error) from error
    elapsed = (time.perf_counter() - began) * 1000
    headers = _lowered(response)
    cookies = tuple(response.headers.getall("Set-Cookie", ()))
    final = str(url.with_query(None).with_fragment(None))
    return Answer(authority(url), response.status, headers, body, complete, elapsed, final, cookies)


def _placed(ctx: CheckContext, url: URL) -> tuple[URL, str]:
    """Return the address to connect to, and the server name if the environment maps it elsewhere."""
    host, port = url.host or "", url.port or 0
    address = ctx.environment.address_of(host, port)
    if address == (host, port):
        return url, ""
    refuse(ctx, address[0])
    return url.with_host(address[0]).with_port(address[1]), url.host_port_subcomponent or host


async def _bounded(response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for piece in response.content.iter_chunked(_OFF_LOOP):
        body += piece
        if len(body) > most:
            return bytes(body[:most]), False
    return bytes(body), True


def _lowered(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Join the values of each header; one that is said twice alike is said once."""
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.items():
        headers.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(dict.fromkeys(values)) for name, values in headers.items()}


def _unreachable(request: Request, url: URL, error: Exception) -> Inconclusive:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Inconclusive(f"{authority(url)} has a certificate that is not trusted: {spoken(error)}"[:300])
    if isinstance(error, aiohttp.ClientSSLError):
        return Inconclusive(f"{authority(url)} did not answer: {spoken(error)}"[:300])
    nothing_sent = isinstance(error, aiohttp.ClientConnectorError)
    return Unreachable(
        f"{authority(url)} did not answer: {spoken(error)}"[:300],
        retryable=nothing_sent or request.method in _SAFE,
    )


def refused_credentials(answer: Answer, conn_id: str) -> Inconclusive:
    """Return the error for refused credentials, which say nothing about the service itself."""
    reason = f"credentials: {answer.url} answered {answer.status} to connection '{conn_id}'"
    return Inconclusive(reason)


def busy(answer: Answer) -> Unreachable | None:
    """Return the error for an authority that asks to wait (429, 503, GitHub's 403), else None."""
    asked = answer.headers.get("retry-after", "")
    exhausted = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status not in {_TOO_MANY, _UNAVAILABLE, 403} or not (asked or exhausted):
        return None
    reason = f"{answer.url} is busy: it answered {answer.status} and asks to wait {asked or 'for a while'}"
    return Unreachable(reason, retryable=True, retry_after=_seconds(asked))


def _seconds(asked: str) -> float | None:
    if asked.isdecimal():
        return float(asked[:9])
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        # Without a time, wait beyond any time-out, so that checks do not hammer a busy authority.
        return float("inf")
