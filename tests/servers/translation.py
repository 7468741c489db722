"""A product with other names: a proxy before the fake product that translates every request and answer.

It knows the new names only: an old one in a request means nothing to it.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from yarl import URL

from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.vendors.serving import serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable, Mapping

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"}
_BINARY = re.compile(r"vnd\.(?:oci|docker)|octet-stream|gzip|x-tar")
"""Contents whose digest is compared, so that they stay as they are."""
NOBODY = "a-name-of-no-product"


@dataclass(frozen=True)
class Dictionary:
    """Names of the fake product by the names of the second product."""

    words: Mapping[str, str]

    def asked(self, text: str) -> str:
        """Translate what a client asks; an old name becomes one that nothing has."""
        stale = dict.fromkeys(set(self.words.values()) - self.words.keys(), NOBODY)
        return _replaced(text, {**stale, **self.words})

    def answered(self, text: str) -> str:
        """Translate what the fake product answers."""
        return _replaced(text, {old: new for new, old in self.words.items()})


def _replaced(text: str, words: Mapping[str, str]) -> str:
    """Replace whole words; a path only where it begins."""
    before = {True: "(?<![A-Za-z0-9/._-])", False: "(?<![A-Za-z0-9])"}
    longest = sorted(words, key=len, reverse=True)
    found = "|".join(f"{before[word.startswith('/')]}{re.escape(word)}(?![A-Za-z0-9])" for word in longest)
    return re.sub(found, lambda match: words[match[0]], text) if words else text


@asynccontextmanager
async def translating(
    ports: Iterable[int], dictionary: Dictionary, tls: Mapping[int, ssl.SSLContext]
) -> AsyncIterator[dict[int, int]]:
    """Serve a proxy before each port; yield its port by the port behind it."""
    async with AsyncExitStack() as open_:
        http = await open_.enter_async_context(
            aiohttp.ClientSession(auto_decompress=True, connector=aiohttp.TCPConnector(ssl=False, limit=0))
        )
        found = {}
        for port in ports:
            app = web.Application(client_max_size=16 * 2**20)
            behind = URL.build(scheme="https" if port in tls else "http", host=LOOPBACK, port=port)
            app.router.add_route("*", "/{path:.*}", _Passage(http, behind, dictionary).answer)
            found[port] = await open_.enter_async_context(serving(app, tls.get(port)))
        yield found


class _Passage:
    """Pass one request on, translated."""

    def __init__(self, http: aiohttp.ClientSession, behind: URL, dictionary: Dictionary) -> None:
        self._http, self._behind, self._words = http, behind, dictionary

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Ask the fake product in its own words."""
        asked = self._words.asked
        query = [(name, asked(value)) for name, value in request.query.items()]
        url = self._behind.with_path(asked(request.path)).with_query(query)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        body = await request.read()
        if request.content_type == "application/x-www-form-urlencoded":
            body = urlencode([(name, asked(value)) for name, value in parse_qsl(body.decode())]).encode()
        elif not _BINARY.search(request.content_type):
            body = asked(body.decode()).encode()
        sent = {**headers, "Host": request.host}
        async with self._http.request(
            request.method, url, data=body, headers=sent, allow_redirects=False
        ) as answer:
            return await self._answered(answer)

    async def _answered(self, answer: aiohttp.ClientResponse) -> web.Response:
        """Give the answer in the second product's words; contents that are addressed by digest stay."""
        told = self._words.answered
        body = await answer.read()
        if body and not _BINARY.search(answer.headers.get("Content-Type", "")):
            body = told(body.decode()).encode()
        back = web.Response(status=answer.status, body=body or None)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                back.headers.add(name, told(value)) if name.lower() != "content-type" else None
        back.headers["Content-Type"] = answer.headers.get("Content-Type", "application/octet-stream")
        return back
