"""The launch pipeline's Airflow plugin: the guard over answers, reports, launches, the bridge's routes."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from launch_pipeline.orchestration import launch_routes, report_routes, slack_routes
from launch_pipeline.orchestration.guard import Guard
from launch_pipeline.orchestration.host_door import HostDoor


class LaunchPlugin(AirflowPlugin):
    """Registers what the launch pipeline adds to the api-server."""

    name = "launch_pipeline"
    fastapi_apps = [  # noqa: RUF012  # Airflow reads a plain class attribute
        # The longer prefix first: Airflow mounts them in this order, and the first that fits answers.
        {
            "app": report_routes.report_routes(),
            "url_prefix": report_routes.PREFIX,
            "name": "launch reports",
        },
        {"app": launch_routes.launch_routes(), "url_prefix": launch_routes.PREFIX, "name": "launches"},
        {"app": slack_routes.slack_routes(), "url_prefix": slack_routes.PREFIX, "name": "launch bridge"},
    ]
    fastapi_root_middlewares = [  # noqa: RUF012  # likewise
        {"middleware": Guard, "args": [], "kwargs": {}, "name": "launch guard"},
        {"middleware": HostDoor, "args": [], "kwargs": {}, "name": "launch hosts"},
    ]
    external_views = [report_routes.VIEW]  # noqa: RUF012  # likewise
