"""Answers whose worker was lost before the task could end: they still count, and nobody is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.words import Answer
from launch_pipeline.orchestration.records import GivenAnswer
from launch_pipeline.orchestration.retrying import RECHECKS
from launch_pipeline.orchestration.task_instances import airflow_api

if TYPE_CHECKING:
    from airflow.sdk import Context

ROUNDS_KEY = "rounds"
"""State of a repeating item: the rounds that were acknowledged, with the life they belong to."""


def lost_answer(ti: Any) -> GivenAnswer | None:
    """Return what a person answered in the try before this one, where nothing came of it.

    The try before ended by accident if Airflow began this one by itself and not by *Re-check*. A task that
    somebody cleared is asked anew: a clear raises ``max_tries`` to the tries so far and the retries (Airflow
    3.3, ``clear_task_instances``). Raises OperationError where Airflow does not answer.
    """
    before = ti.try_number - 1
    if before <= _cleared_at(ti):
        return None
    request = airflow_api().hitl_of_try(ti.dag_id, ti.run_id, ti.task_id, before)
    if not request or not request.get("chosen_options"):
        return None
    answer = GivenAnswer.of_event(request)
    return None if answer.option == Answer.RECHECK else answer


def keep_rounds(context: Context, rounds: list[dict[str, Any]]) -> None:
    """Keep the rounds of a repeating item where a lost worker cannot take them along."""
    kept: Any = {"life": _cleared_at(context["ti"]), "rounds": rounds}
    context["task_state_store"].set(ROUNDS_KEY, kept)


def kept_rounds(context: Context) -> list[dict[str, Any]]:
    """Return the rounds that were acknowledged since the task began or was cleared."""
    ti = context["ti"]
    if ti.try_number - 1 <= _cleared_at(ti):
        return []
    kept: Any = context["task_state_store"].get(ROUNDS_KEY) or {}
    return list(kept["rounds"]) if kept.get("life") == _cleared_at(ti) else []


def _cleared_at(ti: Any) -> int:
    """Number of the last try before somebody cleared the task; 0 where nobody has."""
    return int(ti.max_tries) - RECHECKS
