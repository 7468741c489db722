"""A home of its own for Airflow in tests. Import this before anything of Airflow."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings


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
        import airflow.api_fastapi.app
        import airflow.sdk.execution_time.task_runner

        import launch_pipeline.orchestration.conductor
        import launch_pipeline.orchestration.gates  # noqa: F401
