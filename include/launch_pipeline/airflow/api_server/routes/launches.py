"""The place in the api-server where people postpone and abort launches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.api_server.routes.lazy_app import LateApp

if TYPE_CHECKING:
    from launch_pipeline.airflow.api_server.asgi import App

PREFIX = "/launch/launches"
"""Where the plugin lets people postpone and abort launches."""


def launch_routes() -> LateApp:
    """ASGI application below ``/launch/launches``, mounted before the bridge's routes."""
    return LateApp(_make)


def _make() -> App:
    from launch_pipeline.airflow.api_server.routes.launch_api import make_app  # noqa: PLC0415

    return make_app()
