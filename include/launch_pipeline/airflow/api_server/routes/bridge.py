"""The place of the bridge's routes in the api-server. Every component loads plugins, so it is built late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.api_server.routes.lazy_app import LateApp

if TYPE_CHECKING:
    from launch_pipeline.airflow.api_server.asgi import App


def slack_routes() -> LateApp:
    """ASGI application below ``/launch``."""
    return LateApp(_make)


def _make() -> App:
    from launch_pipeline.airflow.api_server.routes.bridge_api import make_app  # noqa: PLC0415

    return make_app()
