"""An ASGI application that is made at its first request: plugins are loaded by every component."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.airflow.api_server.asgi import App, Receive, Scope, Send


class LateApp:
    """Makes the application in a thread, once: Airflow's ORM is heavy, and not ready while plugins load."""

    def __init__(self, make: Callable[[], App]) -> None:
        self._make = make
        self._app: App | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
        await self._app(scope, receive, send)
