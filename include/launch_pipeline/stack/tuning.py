"""What every Airflow of this project is told, wherever it runs: the embedded stack and production share it.

Option names and defaults are those of Airflow 3.3.2's configuration reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXECUTOR = "launch_pipeline.airflow.deployment.executor.FailFastLocalExecutor"
PARALLELISM = 8
"""Workers of the local executor; 8 suits two cores, Airflow's own 32 do not."""


def tuned(*, rehearsal: bool = False) -> dict[str, object]:
    """Options by ``section.name`` that do not depend on places, ports and secrets."""
    return {
        "core.executor": EXECUTOR,
        "core.max_active_tasks_per_dag": 64,
        "core.load_examples": False,
        "core.dags_are_paused_at_creation": False,
        "core.default_timezone": "utc",
        # The name of this machine may not resolve; nothing here looks it up.
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
        # A launch is read by people: half a second between looks of an idle scheduler is felt.
        "scheduler.scheduler_idle_sleep_time": 0.5,
        "scheduler.enable_health_check": False,
        # What a killed scheduler had queued or under way is taken over by the next one; by default
        # that looks only every five minutes, and an answer that was given waits for so long.
        "scheduler.orphaned_tasks_check_interval": 30,
        # A worker that has ended is often noticed only at the next heartbeat, 5 s by default:
        # until then it holds its slot, and an answer to what it parked would be taken for a crash.
        "workers.min_heartbeat_interval": 1,
        "triggerer.capacity": 1000,
        # Nobody edits Dags during a rehearsal; parsing them is a quarter of its work.
        "dag_processor.refresh_interval": 300 if rehearsal else 30,
        "dag_processor.min_file_process_interval": 3600 if rehearsal else 60,
        "dag_processor.parsing_processes": 2,
    }


def as_variables(options: Mapping[str, object]) -> dict[str, str]:
    """Write options as the environment variables that Airflow reads."""
    return {f"AIRFLOW__{name.replace('.', '__').upper()}": str(value) for name, value in options.items()}
