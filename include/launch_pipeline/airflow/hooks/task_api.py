"""Ids and states of a run's tasks, through Airflow's public REST API.

The Task SDK gives states, but neither ids nor tries, and a record counts only for the task instance that it
names. The connection ``launch_airflow`` names the api-server and an account that may read.
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
"""Events of Airflow's audit log that give tasks a state: one task, those of a section, all of a run.

Airflow 3.3 keeps no event of the route that marks many tasks at once, and of the one for many runs none that
names the run.
"""


@dataclass(frozen=True)
class Instance:
    """A task instance as Airflow shows it now."""

    id: str
    state: str | None
    try_number: int


@dataclass(frozen=True)
class DagRun:
    """A run as Airflow shows it now."""

    run_type: str
    conf: Any


def airflow_api() -> AirflowApi:
    """Airflow's REST API with the pipeline's own account.

    Raises OperationError where the connection is missing.
    """
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi  # noqa: PLC0415 - loads requests

    try:
        connection = BaseHook.get_connection(CONN_ID)
    except Exception as error:  # AirflowNotFoundException, or whatever a secrets backend raises
        message = (
            f"The Airflow connection '{CONN_ID}' is missing. Create it with the address of the api-server "
            "and an account that may read runs; without it no phase can be sealed."
        )
        raise OperationError(message) from error
    scheme = connection.schema or connection.conn_type or "http"
    url = f"{scheme}://{connection.host}" + (f":{connection.port}" if connection.port else "")
    return AirflowApi(url, connection.login or "", connection.password or "")


def dag_run(dag_id: str, run_id: str) -> DagRun | None:
    """One run, None where there is none. Raises OperationError where Airflow does not answer."""
    row = airflow_api().dag_run(dag_id, run_id)
    return DagRun(row["run_type"], row["conf"]) if row else None


def marked_by(dag_id: str, run_id: str, task_id: str) -> str | None:
    """Who asked last to give a task a state, as Airflow's audit log has it; None where it has nobody.

    A note is an event of the same name, and gives no state. Raises OperationError where Airflow does not
    answer.
    """
    events = airflow_api().events(dag_id, run_id)
    mine = (e for e in events if e["event"] in _MARKS and e["task_id"] in {task_id, None} and _gives_state(e))
    return next((e["owner"] for e in mine), None)


def _gives_state(event: dict[str, Any]) -> bool:
    try:
        sent = json.loads(event.get("extra") or "{}")
    except ValueError:
        return False
    return isinstance(sent, dict) and not {"new_state", "state"}.isdisjoint(sent)


def task_instance(dag_id: str, run_id: str, task_id: str) -> Instance | None:
    """One task of a run, None where there is none. Raises OperationError where Airflow does not answer."""
    row = airflow_api().task_instance(dag_id, run_id, task_id)
    return Instance(row["id"], row["state"], row["try_number"]) if row else None


def task_instances(dag_id: str, run_id: str) -> dict[str, Instance]:
    """Every task of a run by task id. Raises OperationError where Airflow does not answer."""
    rows = airflow_api().task_instances(dag_id, run_id)
    return {row["task_id"]: Instance(row["id"], row["state"], row["try_number"]) for row in rows}
