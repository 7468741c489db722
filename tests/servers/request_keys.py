"""Requests of the shipped checklists for tests of the guard: whose they are, and rows in which they wait."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.api_server.answers.request_key import RequestKey
from launch_pipeline.launch.deployed_checklists import deployed_dags

if TYPE_CHECKING:
    from servers.airflow_database import GateRows

ANSWERER = "omar.operations"
"""The account that answers the requests of :func:`a_key`."""


def an_item() -> tuple[str, str]:
    """Give Dag and task of some approval without checks that the operations lead answers."""
    for dag_id, dag in deployed_dags().items():
        for task_id, spec in dag.specs.items():
            item = spec.item
            if item.mode == "approval" and item.gate == "approval" and item.owner == "operations_lead":
                return dag_id, task_id
    raise LookupError("no approval of the operations lead is shipped")


def a_key() -> RequestKey:
    """Name that approval in a run of its own."""
    dag_id, task_id = an_item()
    return RequestKey(dag_id, f"run-{uuid.uuid4().hex}", task_id, -1)


def place(rows: GateRows, key: RequestKey, **fields: Any) -> str:
    """Let a request wait, as ``rows.waiting`` writes it, and return its task instance's id."""
    return rows.waiting(key.dag_id, key.run_id, key.task_id, **fields)
