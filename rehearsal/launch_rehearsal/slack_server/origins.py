"""Admit programs and the page of this machine, and refuse pages of other sites.

The tokens are public, so a page of another site must not reach the server: not by a name that resolves to
this machine (Host), not from another origin (Origin, Sec-Fetch-Site), not in a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OWN = frozenset({"same-origin", "none"})
_TO_LOOK_AT = ("/archives/", "/static/", "/favicon.ico")


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle the request, or refuse it with 403 and the reason."""
    if problem := _problem(request):
        return web.json_response({"ok": False, "error": problem}, status=403)
    return await handler(request)


async def in_no_frame(_request: web.Request, response: web.StreamResponse) -> None:
    """Forbid other pages to frame this one."""
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"


def _problem(request: web.Request) -> str:
    """Return why a request is refused; empty if it is not."""
    host = request.headers.get("Host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() not in HERE:
        return f"this machine's fake Slack does not answer to the host {host[:100]!r}"
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if (origin is None or origin == f"http://{host}") and site in _OWN:
        return ""
    followed = request.path == "/" or request.path.startswith(_TO_LOOK_AT)
    upgrade = "Upgrade" in request.headers
    if followed and request.method == "GET" and not upgrade:
        return ""
    return "a page of another site sent this request; only this machine's own page may"
