"""A product's staging system; each part that release managers ask about can be otherwise."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN, PROBE, SESSION, FORM_TOKEN = "right-token", "probe-token", "session=ours", "form-token"
ORIGIN = "https://staging.shop.test"
HEADERS = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'",
    "Referrer-Policy": "no-referrer",
}


@dataclass
class Staging:
    """What staging does; every default is well."""

    limit: int = 50
    """Requests of one client after which ``over`` is answered."""
    over: int = 429
    allow_origin: str = "ours"
    """``ours``, ``echo``, ``any``, ``prefix`` (whatever begins like ours), or nobody's."""
    foreign: int = 204
    """What a preflight from an origin that is not allowed is answered."""
    release: str = "1.0.0"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    """Headers of the first page that are otherwise; None leaves one out."""
    refusal: int = 401
    challenge: str = ""
    open_paths: tuple[str, ...] = ()
    sessions: bool = True
    """Whether the session is still valid."""
    csrf: str = "origin"
    """How forms are protected: by ``origin``, by a ``token``, or not at all; ``all`` refuses every form."""
    form_status: int = 200
    seen: dict[str, int] = field(default_factory=dict)

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._front),
                web.get("/ping", self._ping),
                web.get("/health", self._health),
                web.options("/ping", self._preflight),
                web.get("/me", self._protected),
                web.get("/orders", self._protected),
                web.post("/profile", self._profile),
                web.get("/docs", self._docs),
            ]
        )
        return app

    async def _front(self, _request: web.Request) -> web.Response:
        given = {**HEADERS, **self.headers}
        return web.Response(text="shop", headers={name: value for name, value in given.items() if value})

    async def _docs(self, _request: web.Request) -> web.Response:
        return web.Response(text="API")

    async def _ping(self, request: web.Request) -> web.Response:
        client = request.headers.get("Authorization", request.remote or "")
        self.seen[client] = self.seen.get(client, 0) + 1
        await asyncio.sleep(0)
        return web.Response(status=200 if self.seen[client] <= self.limit else self.over)

    async def _preflight(self, request: web.Request) -> web.Response:
        origin = request.headers["Origin"]
        allowed = {
            "ours": ORIGIN if origin == ORIGIN else "",
            "prefix": origin if origin.startswith(ORIGIN) else "",
            "echo": origin,
            "any": "*",
        }
        value = allowed.get(self.allow_origin, "")
        sent = {"Access-Control-Allow-Origin": value} if value else {}
        return web.Response(status=204 if value else self.foreign, headers=sent)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy", "release": self.release})

    async def _protected(self, request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == f"Bearer {TOKEN}" or request.path in self.open_paths
        challenge = {"WWW-Authenticate": self.challenge} if self.challenge else {}
        return web.json_response({}) if known else web.Response(status=self.refusal, headers=challenge)

    async def _profile(self, request: web.Request) -> web.Response:
        if request.headers.get("Cookie") != SESSION or not self.sessions:
            return web.Response(status=401)
        held: Mapping[str, bool] = {
            "origin": request.headers.get("Origin") == ORIGIN,
            "token": request.headers.get("X-CSRF-Token") == FORM_TOKEN,
            "none": True,
        }
        return web.Response(status=self.form_status if held.get(self.csrf, False) else 403)


def headers(**changed: str | None) -> Any:
    """Return headers by their names with underscores."""
    return {name.replace("_", "-"): value for name, value in changed.items()}
