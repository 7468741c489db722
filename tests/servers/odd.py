"""An HTTP authority that goes wrong in one of the ways in which authorities go wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

HUGE = 40 * 1024 * 1024


@dataclass(frozen=True)
class Odd:
    """One way to answer every request."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] | None = None
    slow: bool = False
    huge: bool = False

    def app(self) -> web.Application:
        """Answer every path and method this way."""
        made = web.Application()
        made.router.add_route("*", "/{path:.*}", self._answer)
        return made

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.slow:
            await asyncio.Event().wait()
        headers = {"Content-Type": self.content_type, **(self.headers or {})}
        if not self.huge:
            return web.Response(status=self.status, body=self.body, headers=headers)
        response = web.StreamResponse(status=self.status, headers=headers)
        await response.prepare(request)
        for _ in range(HUGE // 65536):
            await response.write(b" " * 65536)
        return response
