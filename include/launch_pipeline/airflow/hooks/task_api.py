"""Ids and states of a run's tasks, through Airflow's public REST API.

The Task SDK gives states, but no ids and tries, and a record counts only for the task instance that it names.
The connection ``launch_airflow`` names the api-server and an account that may read runs.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.hook import BaseHook

from launch_pipeline.airflow.connection_ids import AIRFLOW_CONNECTION
from launch_pipeline.errors import OperationError
from launch_pipeline.launch.reopening import Now

if TYPE_CHECKING:
    from airflow.sdk import Connection

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
    try:
        connection = BaseHook.get_connection(CONN_ID)
    except Exception as error:  # AirflowNotFoundException, or any error of a secrets backend
        message = (
            f"The Airflow connection '{CONN_ID}' is missing. Create it with the address of the api-server "
            "and an account that may read runs. Without it, no phase can be sealed."
        )
        raise OperationError(message) from error
    return api_of(connection)


def api_of(connection: Connection) -> AirflowApi:
    """Return a client of the api-server that a connection names."""
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi  # noqa: PLC0415 - loads requests

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


async def ainstances_of_launch(launch_id: str, dag_ids: list[str]) -> dict[str, dict[str, Now]]:
    """Return the tasks of a launch's runs by Dag and task id; a Dag without a run is missing. For triggers.

    Raises OperationError where Airflow does not answer.
    """
    return await asyncio.to_thread(_instances_of_launch, await aairflow_api(), launch_id, dag_ids)


def _instances_of_launch(api: AirflowApi, launch_id: str, dag_ids: list[str]) -> dict[str, dict[str, Now]]:
    found: dict[str, dict[str, Now]] = {}
    for dag_id in api.runs_of_launch(launch_id):
        if dag_id in dag_ids:
            rows = api.task_instances(dag_id, launch_id)
            found[dag_id] = {row["task_id"]: Now(row["id"], row["state"]) for row in rows}
    return found


async def aairflow_api() -> AirflowApi:
    """Return a client of Airflow's REST API with the pipeline's own account, in a trigger.

    Raises OperationError where the connection is missing.
    """
    try:
        connection = await BaseHook.aget_connection(CONN_ID)
    except Exception as error:  # AirflowNotFoundException, or any error of a secrets backend
        message = f"The Airflow connection '{CONN_ID}' is missing, so nothing can be verified again."
        raise OperationError(message) from error
    return api_of(connection)
