"""The place of the reports in the api-server. Every component loads plugins, so it is built late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.api_server.routes.lazy_app import LateApp
from launch_pipeline.slack.protocol import PREFIX as LAUNCH

if TYPE_CHECKING:
    from launch_pipeline.airflow.api_server.asgi import App

PREFIX = f"{LAUNCH}/report"
"""Mounted before the bridge's routes, which are behind a door of their own."""
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' "
    "stroke='%2362748e' stroke-width='2' stroke-linejoin='round'%3E"
    "%3Cpath d='M5 3h10l4 4v14H5zM8.5 13.5l2.5 2.5 4.5-5'/%3E%3C/svg%3E"
)
VIEW = {
    "name": "Report",
    # Relative: whatever path Airflow is served below stands before it.
    "href": f"{PREFIX.removeprefix('/')}/{{RUN_ID}}",
    "destination": "dag_run",
    "url_route": "report",
    "icon": ICON,
}
"""A tab on the page of each run: a launch's id is the run id in every Dag."""


def report_routes() -> LateApp:
    """ASGI application below ``/launch/report``."""
    return LateApp(_make)


def _make() -> App:
    from launch_pipeline.airflow.api_server.routes.report_api import make_app  # noqa: PLC0415

    return make_app()
