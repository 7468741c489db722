"""The place in the api-server where people postpone and abort launches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.orchestration.late_app import LateApp

if TYPE_CHECKING:
    from launch_pipeline.orchestration.guard import App

PREFIX = "/launch/launches"
"""Where the plugin lets people postpone and abort launches."""


def launch_routes() -> LateApp:
    """ASGI application below ``/launch/launches``, mounted before the bridge's routes."""
    return LateApp(_make)


def _make() -> App:
    from launch_pipeline.orchestration.launch_app import make_app  # noqa: PLC0415

    return make_app()
