"""Airflow options that the embedded stack and production share.

Names and defaults are those of Airflow 3.3.2's configuration reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXECUTOR = "launch_pipeline.airflow.deployment.executor.FailFastLocalExecutor"
PARALLELISM = 8
"""Workers of the local executor. 8 suits two cores; Airflow's default is 32."""


def tuned(*, rehearsal: bool = False) -> dict[str, object]:
    """Return options by ``section.name`` that do not depend on folders, ports and secrets."""
    return {
        "core.executor": EXECUTOR,
        "core.max_active_tasks_per_dag": 64,
        "core.load_examples": False,
        "core.dags_are_paused_at_creation": False,
        "core.default_timezone": "utc",
        # The host's full name may not resolve, and is not needed.
        "core.hostname_callable": "socket.gethostname",
        "core.simple_auth_manager_all_admins": False,
        "api.workers": 1,
        "api.expose_config": False,
        "api.instance_name": "REHEARSAL" if rehearsal else "Production launch",
        "api_auth.jwt_issuer": "launch-pipeline",
        **_pace(rehearsal=rehearsal),
        "logging.colored_console_log": False,
        "metrics.statsd_on": False,
        "traces.otel_on": False,
    }


def _pace(*, rehearsal: bool) -> dict[str, object]:
    return {
        # People watch a launch, so an idle scheduler must react quickly.
        "scheduler.scheduler_idle_sleep_time": 0.5,
        "scheduler.enable_health_check": False,
        # The next scheduler takes over what a killed one had queued or running. By default it looks every
        # five minutes, and a given answer would wait that long.
        "scheduler.orphaned_tasks_check_interval": 30,
        # The end of a worker is often noticed only at its next heartbeat, by default 5 s later. Until then it
        # holds its slot, and an answer to a task that it deferred would look like a crash.
        "workers.min_heartbeat_interval": 1,
        "triggerer.capacity": 1000,
        # Dags do not change during a rehearsal, and parsing them is a quarter of its work.
        "dag_processor.refresh_interval": 300 if rehearsal else 30,
        "dag_processor.min_file_process_interval": 3600 if rehearsal else 60,
        "dag_processor.parsing_processes": 2,
    }


def as_variables(options: Mapping[str, object]) -> dict[str, str]:
    """Return options as the environment variables that Airflow reads."""
    return {f"AIRFLOW__{name.replace('.', '__').upper()}": str(value) for name, value in options.items()}
