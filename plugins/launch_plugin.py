"""The launch pipeline's Airflow plugin: the guard over every answer, the bridge's routes, and the reports."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from launch_pipeline.orchestration import report_routes
from launch_pipeline.orchestration.guard import Guard
from launch_pipeline.orchestration.slack_routes import PREFIX, SlackRoutes


class LaunchPlugin(AirflowPlugin):
    """Registers what the launch pipeline adds to the api-server."""

    name = "launch_pipeline"
    fastapi_apps = [  # noqa: RUF012  # Airflow reads a plain class attribute
        # The longer prefix first: Airflow mounts them in this order, and the first that fits answers.
        {"app": report_routes.ReportRoutes(), "url_prefix": report_routes.PREFIX, "name": "launch reports"},
        {"app": SlackRoutes(), "url_prefix": PREFIX, "name": "launch bridge"},
    ]
    fastapi_root_middlewares = [  # noqa: RUF012  # likewise
        {"middleware": Guard, "args": [], "kwargs": {}, "name": "launch guard"}
    ]
    external_views = [report_routes.VIEW]  # noqa: RUF012  # likewise
