"""Ids and states of a run's tasks, through Airflow's public REST API.

The Task SDK gives states, but no ids and tries, and a record counts only for the task instance that it names.
The connection ``launch_airflow`` names the api-server and an account that may read runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.hook import BaseHook

from launch_pipeline.airflow.connection_ids import AIRFLOW_CONNECTION
from launch_pipeline.errors import OperationError

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi

CONN_ID = AIRFLOW_CONNECTION
_MARKS = frozenset({"patch_task_instance", "patch_task_group_instances", "patch_dag_run"})
"""Events of Airflow's audit log that set the state of a task, of a section's tasks, or of all tasks of a run.

Airflow 3.3 logs no event for the route that sets many tasks at once; its event for many runs does not name
them.
"""


@dataclass(frozen=True)
class Instance:
    """The current state of a task instance."""

    id: str
    state: str | None
    try_number: int


@dataclass(frozen=True)
class DagRun:
    """The current state of a run."""

    run_type: str
    conf: Any


def airflow_api() -> AirflowApi:
    """Return a client of Airflow's REST API with the pipeline's own account.

    Raises OperationError where the connection is missing.
    """
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi  # noqa: PLC0415 - loads requests

    try:
        connection = BaseHook.get_connection(CONN_ID)
    except Exception as error:  # AirflowNotFoundException, or any error of a secrets backend
        message = (
            f"The Airflow connection '{CONN_ID}' is missing. Create it with the address of the api-server "
            "and an account that may read runs. Without it, no phase can be sealed."
        )
        raise OperationError(message) from error
    scheme = connection.schema or connection.conn_type or "http"
    url = f"{scheme}://{connection.host}" + (f":{connection.port}" if connection.port else "")
    return AirflowApi(url, connection.login or "", connection.password or "")


def dag_run(dag_id: str, run_id: str) -> DagRun | None:
    """Return a run, None where there is none. Raises OperationError where Airflow does not answer."""
    row = airflow_api().dag_run(dag_id, run_id)
    return DagRun(row["run_type"], row["conf"]) if row else None


def marked_by(dag_id: str, run_id: str, task_id: str) -> str | None:
    """Return who last set the state of a task by hand, as in Airflow's audit log; None where no entry says.

    Notes are events of the same name, and are ignored. Raises OperationError where Airflow does not answer.
    """
    events = airflow_api().events(dag_id, run_id)
    mine = (e for e in events if e["event"] in _MARKS and e["task_id"] in {task_id, None} and _sets_state(e))
    return next((e["owner"] for e in mine), None)


def _sets_state(event: dict[str, Any]) -> bool:
    try:
        sent = json.loads(event.get("extra") or "{}")
    except ValueError:
        return False
    return isinstance(sent, dict) and not {"new_state", "state"}.isdisjoint(sent)


def task_instance(dag_id: str, run_id: str, task_id: str) -> Instance | None:
    """Return a task of a run, None where there is none. Raises OperationError if Airflow does not answer."""
    row = airflow_api().task_instance(dag_id, run_id, task_id)
    return Instance(row["id"], row["state"], row["try_number"]) if row else None


def task_instances(dag_id: str, run_id: str) -> dict[str, Instance]:
    """Return every task of a run by task id. Raises OperationError where Airflow does not answer."""
    rows = airflow_api().task_instances(dag_id, run_id)
    return {row["task_id"]: Instance(row["id"], row["state"], row["try_number"]) for row in rows}
