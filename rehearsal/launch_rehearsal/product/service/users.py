"""Count what users ask at the edge, as ingress-nginx does, and serve it through the gateway.

Labels as in kubernetes.github.io/ingress-nginx/user-guide/monitoring: one counter by host, status and more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from launch_rehearsal.product.base.plan import DOMAIN, NAMESPACE, Part

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_rehearsal.product.base.plan import ProductPlan
    from launch_rehearsal.product.base.series import Store

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API = f"api.{DOMAIN}"
HOSTS = (DOMAIN, API)
_METRIC = "nginx_ingress_controller_requests"
_KEPT = ("Authorization", "Content-Type", "Cookie", "Origin", "X-Request-ID")
_BAD_GATEWAY = 502


class Users:
    """Hold the counter of the edge, and its connections to the gateway."""

    def __init__(self, plan: ProductPlan, store: Store) -> None:
        self._plan, self._store = plan, store
        self._http: aiohttp.ClientSession | None = None
        for host in HOSTS:
            self._count(host, 200, 0)

    async def close(self) -> None:
        """Close the connections."""
        if self._http:
            await self._http.close()

    async def counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer and count; a request for no known host is not counted, as without an Ingress for it."""
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            answer = web.Response(status=error.status)
        host = request.host.partition(":")[0]
        if host in HOSTS:
            self._count(host, answer.status)
        return answer

    async def served(self, request: web.Request) -> web.StreamResponse:
        """Answer as the gateway does; without it the edge answers itself."""
        http = self._http = self._http or aiohttp.ClientSession(self._plan.url(Part.GATEWAY))
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        try:
            async with http.request(
                request.method, str(request.rel_url), headers=headers, data=await request.read()
            ) as answer:
                given = {name: answer.headers[name] for name in _passed(answer)}
                return web.Response(status=answer.status, body=await answer.read(), headers=given)
        except (aiohttp.ClientError, TimeoutError):
            return web.Response(status=_BAD_GATEWAY)

    def _count(self, host: str, status: int, amount: float = 1) -> None:
        labels = {"host": host, "status": str(status), "ingress": "azora", "exported_namespace": NAMESPACE}
        self._store.count(_METRIC, amount, namespace="ingress-nginx", **labels)


def _passed(answer: aiohttp.ClientResponse) -> list[str]:
    """Name the headers of an answer that are about the answer, not about the connection."""
    own = {"content-length", "transfer-encoding", "connection", "date", "server"}
    return [name for name in answer.headers if name.lower() not in own]
