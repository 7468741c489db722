"""A product's HTTP server, and one that answers as Prometheus does."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web
from anyio.from_thread import start_blocking_portal

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_rehearsal.vendors.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Product", "http_connection", "prometheus", "served", "serving"]


@contextmanager
def served(app: web.Application) -> Iterator[int]:
    """Serve an application in a thread, for what runs an event loop of its own; gives the port."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(app)) as port:
        yield port


def http_connection(port: int, conn_id: str = "api", **fields: Any) -> ConnectionInfo:
    """Connect to a served application."""
    return ConnectionInfo(conn_id=conn_id, scheme="http", host="127.0.0.1", port=port, **fields)


class Product:
    """A small API: health, a protected route, a rate limit, echoes, redirects, large bodies."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.burst_limit = 5
        self.busy_answers = 0
        self.app = web.Application(middlewares=[self._keep])
        self.app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/me", self._me),
                web.get("/ping", self._ping),
                web.post("/echo", self._echo),
                web.get("/busy", self._busy),
                web.get("/large", self._large),
                web.get("/away", self._away),
                web.get("/old", self._old),
            ]
        )

    @web.middleware
    async def _keep(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"}, headers={"X-Frame-Options": "DENY"})

    async def _me(self, request: web.Request) -> web.Response:
        allowed = request.headers.get("Authorization") == "Bearer right-token-1"
        return web.json_response({"me": 1}) if allowed else web.Response(status=401)

    async def _ping(self, _request: web.Request) -> web.Response:
        pinged = sum(request.path == "/ping" for request in self.requests)
        return web.Response(status=200 if pinged <= self.burst_limit else 429)

    async def _echo(self, request: web.Request) -> web.Response:
        return web.json_response({"sent": await request.json(), "query": list(request.query.items())})

    async def _busy(self, _request: web.Request) -> web.Response:
        self.busy_answers += 1
        if self.busy_answers < 3:
            return web.Response(status=503, headers={"Retry-After": "1"})
        return web.json_response({"status": "ok"})

    async def _large(self, _request: web.Request) -> web.Response:
        return web.json_response(["x" * 1000] * 2000)

    async def _away(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"http://localhost:{request.url.port}/health"})

    async def _old(self, _request: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": "/health"})


def prometheus(documents: dict[str, Any]) -> web.Application:
    """Answer queries as Prometheus' HTTP API does; a query maps to its ``data`` or an error text."""

    async def answer(request: web.Request) -> web.Response:
        data = documents.get((await request.post()).get("query"))  # type: ignore[arg-type]
        if isinstance(data, dict):
            data = data | {"result": [_of_now(one) for one in data["result"]]}
            said = {name: data[name] for name in ("warnings", "isPartial") if name in data}
            return web.json_response({"status": "success", "data": data, **said})
        return web.json_response({"status": "error", "errorType": "bad_data", "error": data}, status=400)

    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    app.router.add_post("/api/v1/query_range", answer)
    return app


def _of_now(one: Any) -> Any:
    """Stamp a value of an instant query with the time of the query, as Prometheus does."""
    if isinstance(one, dict) and "value" in one:
        return one | {"value": [time.time(), one["value"][1]]}
    return one
