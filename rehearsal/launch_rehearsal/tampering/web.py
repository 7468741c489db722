"""Alter what an aiohttp application answers, and remember what it was asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_plus

from aiohttp import web

from launch_rehearsal.tampering.breaks import Act, Break, place_of
from launch_rehearsal.tampering.documents import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ENDS = ("Content-Length", "Content-Encoding", "Transfer-Encoding")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, before it was altered."""

    where: str
    asked: str
    """The query and the body of the request."""
    status: int
    headers: Mapping[str, str]
    body: bytes


class Attention(Protocol):
    """What decides whether an answer is altered."""

    visitor: str

    @property
    def attentive(self) -> bool:
        """Return whether anything is altered or listened to now."""

    def hear(self, exchange: Exchange) -> None:
        """Keep a request and its answer."""

    def due(self, where: str, asked: str) -> Iterator[Break]:
        """Yield the breaks of an answer that is given now."""


def altering(tampering: Attention, name: str) -> Any:
    """Return the outermost middleware of the application of this name."""

    @web.middleware
    async def altered(request: web.Request, handler: Any) -> web.StreamResponse:
        if not tampering.attentive or request.headers.get("Authorization") == tampering.visitor:
            answer: web.StreamResponse = await handler(request)
            return answer
        where = place_of(f"{request.method} {name} {request.path}")
        said = await request.read()
        asked = unquote_plus(f"{request.query_string}\n{said.decode('utf-8', 'replace')}")
        answer = await _answered(request, handler)
        if not isinstance(answer, web.Response):
            return answer
        body = answer.body if isinstance(answer.body, bytes) else b""
        tampering.hear(Exchange(where, asked, answer.status, dict(answer.headers), body))
        for change in tampering.due(where, asked):
            answer = await _with(answer, change)
        return answer

    return altered


async def _answered(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        return web.Response(status=error.status, text=error.text, headers=error.headers)
    return answer


async def _with(answer: web.Response, change: Break) -> web.Response:
    """Return the answer with one fact altered; a header stays as it is unless it is the fact."""
    what, _, name = change.at.partition(" ")
    if what == "delay":
        await asyncio.sleep(float(change.put))
        return answer
    headers = answer.headers.copy()
    status, body = answer.status, answer.body if isinstance(answer.body, bytes) else b""
    if what == "status":
        status = int(change.put) if name in {"", str(status)} else status
    elif what == "header":
        headers.popall(name, None)
        if change.act is not Act.DROP:
            headers[name] = str(change.put)
    elif what == "body":
        body = str(change.put).encode()
    else:
        body = Document(body).altered(change)
    for known in _ENDS:
        headers.popall(known, None)
    return web.Response(status=status, body=body, headers=headers)
