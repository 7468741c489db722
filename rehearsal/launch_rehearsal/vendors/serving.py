"""Serve an aiohttp application on a port of loopback."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from launch_pipeline.stack.ports import LOOPBACK

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator


@asynccontextmanager
async def serving(
    app: web.Application, tls: ssl.SSLContext | None = None, *, port: int = 0, patience: float = 0.1
) -> AsyncIterator[int]:
    """Serve the application and yield its port; port 0 takes a free one.

    ``patience`` is how many seconds open requests have to finish at the end.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=patience)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
