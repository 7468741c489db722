"""Serve the pages that a browser loads, with the headers that protect it."""

from __future__ import annotations

from aiohttp import web

from launch_rehearsal.product.base.plan import DOMAIN

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
ORIGINS = frozenset({f"https://{DOMAIN}", f"https://staging.{DOMAIN}"})
"""Where our own pages come from, in production and on staging."""


async def front_page(_request: web.Request) -> web.Response:
    """Answer with the first page."""
    return web.Response(
        text="<!doctype html><title>Azora</title>", content_type="text/html", headers=SECURITY_HEADERS
    )


async def api_page(_request: web.Request) -> web.Response:
    """Answer with the documentation of the API."""
    return web.Response(text="<!doctype html><title>API</title><h1>Azora API</h1>", content_type="text/html")


async def preflight(request: web.Request) -> web.Response:
    """Allow requests from our own pages, and say nothing of others."""
    origin, headers = request.headers.get("Origin", ""), {}
    if origin in ORIGINS:
        headers = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": "GET, POST"}
    return web.Response(status=204, headers=headers)
