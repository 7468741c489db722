"""JSON API of a connection: separates responses from requests that could not be made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from yarl import URL

from launch_pipeline.checks.clients.clock_skew import refuse_skew
from launch_pipeline.checks.clients.http import (
    Answer,
    Header,
    Request,
    authority,
    busy,
    credentials,
    refused_credentials,
    send,
    shown_authority,
)
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo

MOST = 8 * 1024 * 1024
"""Bytes of a response that are read; lists of alerts, rules and panels are long."""
_SAID = 300
_OK = 200
_MOVED = 300
_BAD = 400
_TOO_MANY = 429
_BROKEN = 500


@dataclass(frozen=True)
class Reply:
    """A response that counts."""

    status: int
    document: Any
    """The parsed JSON; None if a response of an allowed status is not JSON."""
    text: str
    elapsed_ms: float


@dataclass(frozen=True)
class Api:
    """Client for one authority; failed requests are Inconclusive, with the server's message."""

    ctx: CheckContext
    connection: ConnectionInfo
    headers: Header
    timed: bool = False
    """Whether the check compares our time with the server's."""

    @classmethod
    async def connect(
        cls,
        ctx: CheckContext,
        conn_id: str,
        headers: Mapping[str, str] | None = None,
        *,
        timed: bool = False,
    ) -> Self:
        """Look up the connection; raises NotConnected if it is missing, Inconclusive without a host."""
        connection = await ctx.connection(conn_id)
        if not URL(connection.base_url).host:
            message = f"connection '{conn_id}' has no host"
            raise Inconclusive(message)
        return cls(ctx, connection, headers or {}, timed)

    @property
    def authority(self) -> str:
        """Return the authority as evidence shows it."""
        return shown_authority(self.ctx, URL(self.connection.base_url))

    async def get(
        self, path: str, query: Sequence[tuple[str, str]] = (), *, allowed: Collection[int] = ()
    ) -> Reply:
        """Request JSON. A status other than 2xx counts as a response only if it is ``allowed``.

        Raises Unreachable (retryable) and Inconclusive.
        """
        return await self._asked(self._request(path, query), allowed, as_json=True)

    async def text(self, path: str) -> str:
        """Request text; raises as :meth:`get` does."""
        return (await self._asked(self._request(path), (), as_json=False)).text

    async def post(
        self, path: str, document: Any, *, repeatable: bool = True, allowed: Collection[int] = ()
    ) -> Reply:
        """Send JSON and read JSON, or nothing. ``repeatable``: the request only reads, so a retry is safe."""
        request = self._request(path, data=json.dumps(document).encode())
        try:
            return await self._asked(request, allowed, as_json=repeatable)
        except Unreachable as error:
            again = repeatable or error.retryable
            raise Unreachable(error.reason, retryable=again, retry_after=error.retry_after) from error

    def _request(
        self, path: str, query: Sequence[tuple[str, str]] = (), data: bytes | None = None
    ) -> Request:
        suffix = f"?{urlencode(list(query))}" if query else ""
        return Request(
            # Encoded here, so that names such as 'schedule_ids[]' and braces arrive unchanged.
            url=URL(f"{self.connection.base_url}{path}{suffix}", encoded=True),
            method="GET" if data is None else "POST",
            headers={**self.headers, **({"Content-Type": "application/json"} if data else {})},
            data=data,
            credentials=credentials(self.connection),
        )

    async def _asked(self, request: Request, allowed: Collection[int], *, as_json: bool) -> Reply:
        async with self.ctx.clients.limit(authority(request.url)):
            answer = await send(self.ctx, self.connection, request, MOST)
        document = await answer.json()
        if answer.status not in allowed:
            self._check(request, answer, document)
        if not answer.complete:
            message = f"{_where(request)} answered more than {MOST // 1024 // 1024} MiB; narrow the query"
            raise Inconclusive(message)
        if as_json and document is None and answer.status not in allowed:
            kind = answer.headers.get("content-type", "nothing").partition(";")[0]
            message = f"{_where(request)} answered {answer.status} with {kind} that is not JSON"
            raise Inconclusive(message)
        if self.timed:
            refuse_skew(self.ctx, authority(request.url), answer.headers)
        text = answer.body.decode("utf-8", "replace")
        return Reply(answer.status, document, text, answer.elapsed_ms)

    def _check(self, request: Request, answer: Answer, document: Any) -> None:
        """Return the error for a response that does not count, else None."""
        if _OK <= answer.status < _MOVED:
            return
        wait = busy(answer)
        if wait is not None:
            raise wait
        if answer.status in {401, 403}:
            raise refused_credentials(answer, self.connection.conn_id)
        said = said_by(document) or _plain(answer)
        message = f"{_where(request)} answered {answer.status}{f': {said}' if said else ''}"
        if _MOVED <= answer.status < _BAD:
            message += f" (to {answer.headers.get('location', 'nowhere')[:100]}); it may want a login"
        if answer.status >= _BROKEN or answer.status == _TOO_MANY:
            # The server may have processed the request, so only reads are retried.
            raise Unreachable(message, retryable=request.method == "GET" or answer.status == _TOO_MANY)
        raise Inconclusive(message)


def _where(request: Request) -> str:
    return f"{authority(request.url)}{request.url.path}"


def said_by(document: Any) -> str:
    """Return the server's error message, wherever vendors put it."""
    if isinstance(document, str):
        return document[:_SAID]
    if not isinstance(document, dict):
        return ""
    for name in ("message", "error", "reason", "error_description"):
        said = document.get(name)
        if said:
            return said[:_SAID] if isinstance(said, str) else said_by(said)
    return ""


def _plain(answer: Answer) -> str:
    """Return an error in plain text, as Loki sends it, but not an HTML page."""
    if not answer.headers.get("content-type", "text/plain").startswith("text/plain"):
        return ""
    return " ".join((answer.text or "")[:_SAID].split())


def records(value: Any, what: str) -> list[dict[str, Any]]:
    """Check a list of mappings; raises Inconclusive if the document has another form."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        message = f"the answer has no list of {what}"
        raise Inconclusive(message)
    return value


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Check a mapping; raises Inconclusive if the document has another form."""
    if not isinstance(value, dict):
        message = f"the answer has no {what}"
        raise Inconclusive(message)
    return value
