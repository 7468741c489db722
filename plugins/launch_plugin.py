"""Register what the launch pipeline adds to the api-server: routes, the guard over answers, a tab."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from launch_pipeline.airflow.api_server.answers.answer_guard import AnswerGuard
from launch_pipeline.airflow.api_server.answers.request_words import RequestWords
from launch_pipeline.airflow.api_server.host_check import HostCheck
from launch_pipeline.airflow.api_server.mounts import REPORT_VIEW, mounts


class LaunchPlugin(AirflowPlugin):
    """Registers what the launch pipeline adds to the api-server."""

    name = "launch_pipeline"
    fastapi_apps = mounts()
    fastapi_root_middlewares = [  # noqa: RUF012  # Airflow reads a plain class attribute
        {"middleware": AnswerGuard, "args": [], "kwargs": {}, "name": "launch guard"},
        {"middleware": RequestWords, "args": [], "kwargs": {}, "name": "launch words"},
        {"middleware": HostCheck, "args": [], "kwargs": {}, "name": "launch hosts"},
    ]
    external_views = [REPORT_VIEW]  # noqa: RUF012  # likewise
