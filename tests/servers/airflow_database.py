"""Airflow's metadata database on a real PostgreSQL: its schema, and rows of gates that wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from datetime import datetime
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches

_RUN = """
    INSERT INTO dag_run (dag_id, run_id, run_type, run_after, state, conf, triggering_user_name,
                         log_template_id)
    VALUES (%s, %s, %s, now(), 'running', %s, %s, 1) ON CONFLICT DO NOTHING
"""
_INSTANCE = """
    INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number, pool, pool_slots,
                               updated_at)
    VALUES (%s, %s, %s, %s, -1, %s, 1, 'default_pool', 1, now() - %s * interval '1 second')
"""
_REQUEST = """
    INSERT INTO hitl_detail (ti_id, options, subject, params, params_input, created_at, multiple)
    VALUES (%s, '["Approve"]', 'Is it?', '{}', '{}', now(), false)
"""
_OF_TASK = "SELECT id FROM task_instance WHERE dag_id = %s AND run_id = %s AND task_id = %s"
_ANSWER = "UPDATE hitl_detail SET responded_at = now() WHERE ti_id = %s AND responded_at IS NULL RETURNING 1"
_SCHEDULED = "UPDATE task_instance SET state = 'scheduled', updated_at = now() WHERE id = %s"


def sqlalchemy_url(dsn: str, driver: str = "postgresql+psycopg") -> str:
    """Write a libpq address as SQLAlchemy reads it."""
    parts: dict[str, Any] = conninfo_to_dict(dsn)
    query = {"host": parts["host"]} if str(parts.get("host", "")).startswith("/") else {}
    host = None if query else parts.get("host")
    port = int(parts["port"]) if parts.get("port") else None
    made = URL.create(
        driver, parts.get("user"), parts.get("password"), host, port, parts.get("dbname"), query
    )
    return made.render_as_string(hide_password=False)


def migrate_airflow(dsn: str) -> None:
    """Create Airflow's tables, with its own command."""
    with tempfile.TemporaryDirectory(prefix="airflow_home_", ignore_cleanup_errors=True) as home:
        settings = {
            "AIRFLOW_HOME": home,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": sqlalchemy_url(dsn),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        command = [sys.executable, "-W", "ignore", "-m", "airflow", "db", "migrate"]
        done = subprocess.run(
            command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]


class GateRows:
    """Rows of runs, task instances, requests and evidence, written as Airflow writes them.

    The ledger is in the same database, unless its own address is given.
    """

    def __init__(self, dsn: str, ledger_dsn: str | None = None) -> None:
        self.dsn = dsn
        self.ledger_dsn = ledger_dsn or dsn

    def execute(self, query: str, *values: Any) -> Any:
        """Run one statement in its own transaction and give its cursor's rows, if any."""
        with psycopg.connect(self.dsn) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else None

    def waiting(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        *,
        state: str | None = "awaiting_input",
        age: float = 60,
        request: bool = True,
        conf: dict[str, Any] | None = None,
        triggered_by: str | None = None,
        run_type: str = "operator_triggered",
    ) -> str:
        """Write a gate that has been in its state for ``age`` seconds; gives its task instance's id.

        Its launch is admitted with that configuration, where there is none of that id; ``triggered_by`` is
        who started it.
        """
        instance = str(uuid.uuid4())
        by = triggered_by or "kim.kubernetes"
        launch = self.launch(run_id, **{"started_by": by, **(conf or {})})
        self.execute(_RUN, dag_id, run_id, run_type, json.dumps(launch.conf), triggered_by)
        self.execute(_INSTANCE, instance, dag_id, run_id, task_id, state, age)
        if request:
            self.execute(_REQUEST, instance)
        return instance

    def launch(self, launch_id: str, **conf: Any) -> Launch:
        """Admit a launch of that configuration and today's checklists, unless there is one of that id."""
        launches, dags = Launches(self.ledger_dsn), deployed_dags()
        known = launches.find(launch_id)
        return known or launches.start(
            Launch(
                launch_id=launch_id,
                environment=str(conf.get("environment") or "test"),
                # Many launches are under way in one test, and only rehearsals may be in one environment.
                rehearsal=conf.get("rehearsal", True),
                release=str(conf.get("release") or ""),
                release_sha=str(conf.get("release_sha") or ""),
                launch_at=datetime.fromisoformat(str(conf.get("launch_at") or "2035-01-01T09:00:00+00:00")),
                started_by=conf.get("started_by") or "kim.kubernetes",
                conf=conf,
                checklist_digests={dag_id: dag.digest for dag_id, dag in dags.items()},
            ),
            definitions=[dag.definition for dag in dags.values()],
        )

    def evidence(self, dag_id: str, run_id: str, task_id: str, value: Any) -> None:
        """Keep what the checks of a gate saw last, as its task does."""
        ((instance,),) = self.execute(_OF_TASK, dag_id, run_id, task_id)
        EvidenceTable(self.ledger_dsn).write(run_id, str(instance), value)

    def answered(self, instance: str) -> bool:
        """Answer as Airflow does: once, and the task is scheduled."""
        rows = self.execute(_ANSWER, instance)
        self.execute(_SCHEDULED, instance)
        return bool(rows)
