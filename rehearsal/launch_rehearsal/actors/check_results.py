"""Read the results of an item's checks from the XCom of its task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from launch_pipeline.checks.verdict import CheckResult

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi, Json

EVIDENCE_KEY = "evidence"
_RESULTS = TypeAdapter(tuple[CheckResult, ...])


def results_of(api: AirflowApi, instance: Json) -> tuple[CheckResult, ...]:
    """Return the newest results of this task instance, or none if they cannot be read."""
    value = api.xcom(instance["dag_id"], instance["dag_run_id"], instance["task_id"], EVIDENCE_KEY)
    try:
        # An XCom that a trigger sent is JSON text within JSON text.
        for _ in range(2):
            value = json.loads(value) if isinstance(value, str) else value
        if not isinstance(value, dict) or value.get("task_instance_id") != instance["id"]:
            return ()
        return _RESULTS.validate_python(value["results"])
    except (ValidationError, ValueError, KeyError):
        return ()
