"""The launch pipeline's Airflow plugin: the guard over every answer."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from launch_pipeline.orchestration.guard import Guard


class LaunchPlugin(AirflowPlugin):
    """Registers what the launch pipeline adds to the api-server."""

    name = "launch_pipeline"
    fastapi_root_middlewares = [  # noqa: RUF012  # Airflow reads a plain class attribute
        {"middleware": Guard, "args": [], "kwargs": {}, "name": "launch guard"}
    ]
