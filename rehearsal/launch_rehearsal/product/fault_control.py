"""Control the fake product over HTTP with a token: its state, its parts, its release and the write-up."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from launch_rehearsal.product.base.plan import Part

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import ProductPlan


class Controlled(Protocol):
    """The attributes of the product that the control uses."""

    plan: ProductPlan
    health: Health
    release_sha: str
    schema_fingerprint: str

    async def release_again(self) -> str:
        """Release a new commit, and return it."""

    async def write_up(self) -> str:
        """Commit the write-up of the release, and return the commit."""


def control_app(product: Controlled) -> web.Application:
    """Build the application; requests without the token are refused."""
    expected = f"Bearer {product.plan.tokens['control']}"

    @web.middleware
    async def known(request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), expected.encode()):
            return web.json_response({"error": "the control token is needed"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def state(_request: web.Request) -> web.Response:
        return web.json_response(
            {
                "release_sha": product.release_sha,
                "schema_fingerprint": product.schema_fingerprint,
                "broken": product.health.broken,
            }
        )

    async def turn(request: web.Request) -> web.Response:
        name, verb = request.match_info["part"], request.match_info["verb"]
        if name not in set(Part):
            return web.json_response({"error": f"no part {name!r}; there are {', '.join(Part)}"}, status=404)
        await product.health.turn(Part(name), works=verb == "repair")
        return await state(request)

    async def release(_request: web.Request) -> web.Response:
        return web.json_response({"commit": await product.release_again()})

    async def write_up(_request: web.Request) -> web.Response:
        return web.json_response({"commit": await product.write_up()})

    app = web.Application(middlewares=[known])
    app.add_routes(
        [
            web.get("/state", state),
            web.post("/parts/{part}/{verb:break|repair}", turn),
            web.post("/release", release),
            web.post("/write-up", write_up),
        ]
    )
    return app
