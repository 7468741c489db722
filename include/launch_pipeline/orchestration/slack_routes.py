"""The place of the bridge's routes in the api-server. Every component loads plugins, so it is built late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch_pipeline.orchestration.guard import App, Receive, Scope, Send

PREFIX = "/launch"


class SlackRoutes:
    """ASGI application below ``/launch``, made at the first request."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of the bridge."""
        await (await self._made())(scope, receive, send)

    async def _made(self) -> App:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(_make)
            return self._app


def _make() -> App:
    # Airflow's ORM and settings are heavy, and not ready while plugins are loaded.
    from launch_pipeline.orchestration.slack_app import make_app  # noqa: PLC0415

    return make_app()
