"""Airflow's metadata database on a real PostgreSQL: its schema, and rows of gates that wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

_RUN = """
    INSERT INTO dag_run (dag_id, run_id, run_type, run_after, state, conf, triggering_user_name,
                         log_template_id)
    VALUES (%s, %s, 'manual', now(), 'running', %s, %s, 1) ON CONFLICT DO NOTHING
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
_EVIDENCE = """
    INSERT INTO xcom (dag_run_id, dag_id, run_id, task_id, map_index, key, value, timestamp)
    SELECT id, dag_id, run_id, %s, -1, 'evidence', %s, now() FROM dag_run WHERE dag_id = %s AND run_id = %s
"""
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
    """Rows of runs, task instances, requests and evidence, written as Airflow writes them."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

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
    ) -> str:
        """Write a gate that has been in its state for ``age`` seconds; gives its task instance's id."""
        instance = str(uuid.uuid4())
        self.execute(_RUN, dag_id, run_id, json.dumps(conf or {}), triggered_by)
        self.execute(_INSTANCE, instance, dag_id, run_id, task_id, state, age)
        if request:
            self.execute(_REQUEST, instance)
        return instance

    def evidence(self, dag_id: str, run_id: str, task_id: str, value: Any) -> None:
        """Leave the XCom ``evidence``."""
        self.execute(_EVIDENCE, task_id, json.dumps(value), dag_id, run_id)

    def answered(self, instance: str) -> bool:
        """Answer as Airflow does: once, and the task is scheduled."""
        rows = self.execute(_ANSWER, instance)
        self.execute(_SCHEDULED, instance)
        return bool(rows)
