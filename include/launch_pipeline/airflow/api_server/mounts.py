"""Mount the plugin's routes in the api-server.

Every component of Airflow loads plugins, so each application is made at its first request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launch_pipeline.routes import LAUNCHES, REPORTS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.airflow.api_server.asgi import App, Receive, Scope, Send

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' "
    "stroke='%2362748e' stroke-width='2' stroke-linejoin='round'%3E"
    "%3Cpath d='M5 3h10l4 4v14H5zM8.5 13.5l2.5 2.5 4.5-5'/%3E%3C/svg%3E"
)
REPORT_VIEW = {
    "name": "Report",
    # Relative, for an Airflow that is served below a path of its own.
    "href": f"{REPORTS.removeprefix('/')}/{{RUN_ID}}",
    "destination": "dag_run",
    "url_route": "report",
    "icon": ICON,
}
"""A tab on the page of each run; the run id is the launch's id in every Dag."""


class LazyApp:
    """Makes an application at its first request: Airflow's ORM is heavy, and not ready while plugins load."""

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


def mounts() -> list[dict[str, object]]:
    """Return the applications in mounting order: the first matching prefix of a path wins."""
    return [
        {"app": LazyApp(_reports), "url_prefix": REPORTS, "name": "launch reports"},
        {"app": LazyApp(_launches), "url_prefix": LAUNCHES, "name": "launches"},
        {"app": LazyApp(_bridge), "url_prefix": ROOT, "name": "launch bridge"},
    ]


def _reports() -> App:
    from launch_pipeline.airflow.api_server.reports import make_app  # noqa: PLC0415

    return make_app()


def _launches() -> App:
    from launch_pipeline.airflow.api_server.launches import make_app  # noqa: PLC0415

    return make_app()


def _bridge() -> App:
    from launch_pipeline.airflow.api_server.bridge.app import make_app  # noqa: PLC0415

    return make_app()
