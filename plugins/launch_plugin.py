"""The launch pipeline's Airflow plugin: the guard over every answer, and the routes of the Slack bridge."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from launch_pipeline.orchestration.guard import Guard
from launch_pipeline.orchestration.slack_routes import PREFIX, SlackRoutes


class LaunchPlugin(AirflowPlugin):
    """Registers what the launch pipeline adds to the api-server."""

    name = "launch_pipeline"
    fastapi_apps = [  # noqa: RUF012  # Airflow reads a plain class attribute
        {"app": SlackRoutes(), "url_prefix": PREFIX, "name": "launch bridge"}
    ]
    fastapi_root_middlewares = [  # noqa: RUF012  # likewise
        {"middleware": Guard, "args": [], "kwargs": {}, "name": "launch guard"}
    ]
