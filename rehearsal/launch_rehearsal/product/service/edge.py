"""Serve the product's edge: HTTPS with redirects, security headers, a small cache and a rate limit."""

from __future__ import annotations

import ssl
import time
import warnings
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.product.base.plan import DOMAIN, Part, ProductPlan
from launch_rehearsal.product.service.certificates import Authority, server_context
from launch_rehearsal.product.service.pages import SECURITY_HEADERS
from launch_rehearsal.product.service.services import Limiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.logs import Logs
    from launch_rehearsal.product.service.users import Users

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NAMES = (DOMAIN, f"*.{DOMAIN}", LOOPBACK)
VALID_DAYS = 80
OTHERS = {
    "expired": (NAMES, -1),
    "ends soon": (NAMES, 3),
    "other name": (("other.test",), VALID_DAYS),
    "unknown authority": (NAMES, VALID_DAYS),
}
"""Names and days of other certificates, by what is wrong with them."""
_LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><circle cx="8" cy="8" r="7"/></svg>'


class Edge:
    """Play the load balancer; broken, its certificate is expired and its headers are missing."""

    def __init__(self, plan: ProductPlan, health: Health, logs: Logs, users: Users) -> None:
        self._health, self._logs, self._users = health, logs, users
        self.limiter = Limiter()
        self._cached: dict[str, float] = {}
        self._folder = plan.folder
        self._authority = authority = Authority.make()
        authority.write(plan.authority_file, plan.trust_file)
        self._good = authority.issue(NAMES, plan.folder / "edge.pem", days=VALID_DAYS)
        self._expired = authority.issue(NAMES, plan.folder / "edge-expired.pem", days=-1)
        self.context: ssl.SSLContext = server_context(self._good)
        health.listen(Part.EDGE_TLS, self._changed)

    def present(self, certificate: str) -> None:
        """Present another certificate or older protocols: one of ``OTHERS``, or nothing for our own again."""
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(self._good)
        if certificate == "old protocols":
            self.context.set_ciphers("DEFAULT:@SECLEVEL=0")
            # What is deprecated is what is wanted here.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self.context.minimum_version = ssl.TLSVersion.TLSv1
        elif certificate:
            self.context.load_cert_chain(self._other(certificate))

    def _other(self, certificate: str) -> Path:
        names, days = OTHERS[certificate]
        # Another authority than the one that is trusted, where that is what is wrong.
        authority = Authority.make() if certificate == "unknown authority" else self._authority
        return authority.issue(names, self._folder / "edge-other.pem", days=days)

    async def _changed(self, works: bool) -> None:
        # New handshakes use the new certificate; the listener stays.
        self.context.load_cert_chain(self._good if works else self._expired)

    def app(self) -> web.Application:
        """Build the HTTPS application."""
        app = web.Application(middlewares=[self._secured()])
        app.add_routes(
            [
                web.get("/", self._home),
                web.get("/static/logo.svg", self._logo),
                web.route("*", "/health", self._users.served),
                web.route("*", "/api/{path:.*}", self._users.served),
            ]
        )
        return app

    def plain_app(self) -> web.Application:
        """Build the HTTP application, which only redirects to HTTPS."""

        async def moved(request: web.Request) -> web.Response:
            return web.Response(status=301, headers={"Location": f"https://{DOMAIN}{request.rel_url}"})

        app = web.Application()
        app.router.add_get("/{path:.*}", moved)
        return app

    def _secured(self) -> Any:
        @web.middleware
        async def secured(request: web.Request, handler: Handler) -> web.StreamResponse:
            answer = await self._users.counted(request, handler)
            labels = {"namespace": "ingress-nginx", "app": "ingress-nginx"}
            self._logs.write(labels, level="info", path=request.path_qs, status=answer.status)
            if self._health.works(Part.EDGE_TLS):
                answer.headers.update(SECURITY_HEADERS)
            return answer

        return secured

    async def _home(self, request: web.Request) -> web.Response:
        if not self.limiter.admits(request.remote or ""):
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response(text="<!doctype html><title>Azora</title>", content_type="text/html")

    async def _logo(self, request: web.Request) -> web.Response:
        hit, now = request.path in self._cached, time.monotonic()
        age = now - self._cached.setdefault(request.path, now)
        headers = {"X-Cache": "HIT" if hit else "MISS", "Age": str(int(age))}
        return web.Response(text=_LOGO, content_type="image/svg+xml", headers=headers)
