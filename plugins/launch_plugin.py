"""The launch pipeline's Airflow plugin: the guard over answers, reports, launches, the bridge's routes."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from launch_pipeline.airflow.api_server.answers.guard import Guard
from launch_pipeline.airflow.api_server.host_check import HostDoor
from launch_pipeline.airflow.api_server.routes import bridge, launches, reports


class LaunchPlugin(AirflowPlugin):
    """Registers what the launch pipeline adds to the api-server."""

    name = "launch_pipeline"
    fastapi_apps = [  # noqa: RUF012  # Airflow reads a plain class attribute
        # The longer prefix first: Airflow mounts them in this order, and the first that fits answers.
        {
            "app": reports.report_routes(),
            "url_prefix": reports.PREFIX,
            "name": "launch reports",
        },
        {"app": launches.launch_routes(), "url_prefix": launches.PREFIX, "name": "launches"},
        {"app": bridge.slack_routes(), "url_prefix": bridge.PREFIX, "name": "launch bridge"},
    ]
    fastapi_root_middlewares = [  # noqa: RUF012  # likewise
        {"middleware": Guard, "args": [], "kwargs": {}, "name": "launch guard"},
        {"middleware": HostDoor, "args": [], "kwargs": {}, "name": "launch hosts"},
    ]
    external_views = [reports.VIEW]  # noqa: RUF012  # likewise
