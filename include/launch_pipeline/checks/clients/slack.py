"""Slack's Web API for checks: bounded responses, and Slack's many errors for missing permissions."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from launch_pipeline.checks.clients.http import BODY_LIMIT, authority, refuse, spoken
from launch_pipeline.checks.engine.address_guard import GuardedResolver
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo

PUBLIC = "https://slack.com/api/"
_PAGES = 20
_OK = 200
_MOVED = 300
_BAD = 400
_TOO_MANY = 429
_PIECE = 32 * 1024
_MOST = 4 * BODY_LIMIT
_CREDENTIALS = {
    "access_denied",
    "account_inactive",
    "invalid_auth",
    "not_allowed_token_type",
    "not_authed",
    "token_expired",
    "token_revoked",
}
_PASSING = {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
"""Temporary errors."""


class SlackResponse(aiohttp.ClientResponse):
    """A bounded response that must be one of Slack's documents."""

    async def read(self) -> bytes:
        """Parse the body; raises Unreachable or Inconclusive if it is not a document of Slack's."""
        if self._body is None:
            self._refused()
            self._body = await self._bounded()
            self._is_document()
        return self._body

    def _refused(self) -> None:
        where = authority(self.url)
        asked = self.headers.get("Retry-After", "")
        if self.status == _TOO_MANY:
            wait = float(asked) if asked.isdecimal() else None
            message = f"Slack limits the rate: it asks to wait {asked or 'some'} seconds"
            raise Unreachable(message, retryable=True, retry_after=wait)
        if self.status in {401, 403}:
            message = f"credentials: {where} answered {self.status}"
            raise Inconclusive(message)
        if self.status != _OK:
            message = f"{where} answered {self.status}"
            raise Unreachable(message, retryable=self.status > _TOO_MANY)

    async def _bounded(self) -> bytes:
        body = bytearray()
        async for piece in self.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > _MOST:
                self.close()
                message = f"{authority(self.url)} answered more than {_MOST // 1024 // 1024} MiB"
                raise Inconclusive(message)
        return bytes(body)

    def _is_document(self) -> None:
        try:
            document = json.loads(self._body or b"")
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or self.content_type != "application/json":
            message = f"{authority(self.url)} answered {self.content_type} that is not a document of Slack's"
            raise Inconclusive(message)


async def stay(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Refuse redirects: Slack sends none, and one could lead anywhere."""
    response = await handler(request)
    if _MOVED <= response.status < _BAD:
        response.close()
        message = f"{authority(request.url)} answered {response.status}; it may want a login"
        raise Inconclusive(message)
    return response


@asynccontextmanager
async def slack(ctx: CheckContext, conn_id: str) -> AsyncIterator[Slack]:
    """Return the Web API of a connection; its password is the token."""
    connection = await ctx.connection(conn_id)
    if not connection.password:
        message = f"connection '{conn_id}' has no token; put a bot token into its password"
        raise Inconclusive(message)
    url = URL(_base_url(connection))
    refuse(ctx, url.host or "")
    context = await ctx.clients.tls_context(str(connection.extra.get("ca_file") or ""))
    guarded = not ctx.environment.allow_link_local
    connector = aiohttp.TCPConnector(resolver=GuardedResolver() if guarded else None)
    async with (
        ctx.clients.limit(authority(url)),
        aiohttp.ClientSession(
            connector=connector, response_class=SlackResponse, middlewares=(stay,), trust_env=False
        ) as session,
    ):
        client = AsyncWebClient(
            connection.password, str(url), session=session, ssl=context, retry_handlers=[]
        )
        client.proxy = None
        yield Slack(client, conn_id, authority(url))


def _base_url(connection: ConnectionInfo) -> str:
    given = str(connection.extra.get("base_url") or "")
    if given or not connection.host:
        return given or PUBLIC
    base = URL(connection.base_url)
    return f"{connection.base_url}{'/api' if base.path in {'', '/'} else ''}/"


@dataclass(frozen=True)
class Slack:
    """Calls Web API methods by name."""

    client: AsyncWebClient
    conn_id: str
    authority: str
    dated: dict[str, str] = field(default_factory=dict)
    """The ``Date`` of the last response."""

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method and return its document, also with ``ok: false`` about the requested object.

        Raises Unreachable if Slack does not answer now, Inconclusive if the token may not call it.
        """
        try:
            answer = await self.client.api_call(method, data=arguments)
        except SlackApiError as error:
            document = dict(error.response.data)
            self._may_not_ask(method, document)
            return document
        except aiohttp.ClientConnectorCertificateError as error:
            message = f"{self.authority} has a certificate that is not trusted: {spoken(error)}"
            raise Inconclusive(message[:300]) from error
        except (aiohttp.ClientError, OSError) as error:
            message = f"{self.authority} did not answer: {spoken(error)}"
            raise Unreachable(message[:300], retryable=True) from error
        self.dated.update(date=answer.headers.get("date", ""))
        return {**answer.data, "scopes": answer.headers.get("x-oauth-scopes", "")}  # type: ignore[dict-item]

    def _may_not_ask(self, method: str, document: dict[str, Any]) -> None:
        error = str(document.get("error") or "nothing")
        if error == "missing_scope":
            needed = document.get("needed") or "a scope"
            message = f"the token of connection '{self.conn_id}' lacks the scope {needed} ({method})"
            raise Inconclusive(message)
        if error in _CREDENTIALS:
            message = f"credentials: Slack answered {error} to connection '{self.conn_id}'"
            raise Inconclusive(message)
        if error in _PASSING or error == "ratelimited":
            message = f"Slack cannot answer {method} now: {error}"
            raise Unreachable(message, retryable=True)

    async def told(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method; raises Inconclusive for any ``ok: false``, else as :meth:`call` does."""
        document = await self.call(method, **arguments)
        if document.get("ok") is not True:
            message = f"Slack answered {document.get('error') or 'nothing'} to {method}"
            raise Inconclusive(message[:300])
        return document

    @staticmethod
    def _refuse_part(method: str, document: dict[str, Any]) -> None:
        """Raise Inconclusive for a last page that says there is more (``is_limited``: on a free plan)."""
        said = next((name for name in ("has_more", "is_limited") if document.get(name) is True), "")
        if said:
            message = f"Slack's answer to {method} is not whole: it says {said} and leads to no further page"
            raise Inconclusive(message)

    async def pages(
        self, method: str, part: str, until: Callable[[list[Any]], bool] = lambda _: False, **arguments: Any
    ) -> list[Any]:
        """Collect a list page by page, until ``until`` returns true for what is there.

        Raises Inconclusive if there are too many pages, or more than Slack gives.
        """
        found: list[Any] = []
        cursor = ""
        for _ in range(_PAGES):
            document = await self.told(method, **arguments, **({"cursor": cursor} if cursor else {}))
            listed = document.get(part)
            if not isinstance(listed, list):
                message = f"Slack's answer to {method} has no {part}"
                raise Inconclusive(message)
            found += listed
            cursor = str((document.get("response_metadata") or {}).get("next_cursor") or "")
            if until(found):
                return found
            if not cursor:
                self._refuse_part(method, document)
                return found
        message = f"Slack's list of {method} is longer than {_PAGES} pages"
        raise Inconclusive(message)
