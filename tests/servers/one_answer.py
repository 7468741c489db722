"""One server that plays every HTTP connection of an item; a test writes what it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from servers.checking import run
from servers.deployed_world import asked
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.deployed_world import Found

    Answer = Callable[["Asked"], web.Response]

CONNECTIONS = (
    "api_gateway", "constitutional_ai", "knowledge_ocean", "ai_routing", "rate_limit_probe", "github",
    "statuspage", "status_page_public", "pagerduty",
)  # fmt: skip


class Asked:
    """A request, read whole."""

    def __init__(self, request: web.Request, body: str) -> None:
        self.path, self.query, self.body = request.path, dict(request.query), body
        self.client = request.headers.get("Authorization", "").removeprefix("Bearer ")
        """The connection whose token it carries; another text for an invented token, empty for none."""

    @property
    def json(self) -> dict[str, Any]:
        """Return the body; empty if it is no mapping."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def over_http(item: str, answer: Answer, *kinds: str, **variables: Any) -> Found:
    """Run an item's requests against a server that answers each of them by a function."""

    async def handle(request: web.Request) -> web.Response:
        return answer(Asked(request, await request.text()))

    async def ask() -> Found:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        async with serving(app) as port:
            connections = [http_connection(port, name, password=name) for name in CONNECTIONS]
            return await asked(item, connections, kinds or ("http_request",), **variables)

    return run(ask())
