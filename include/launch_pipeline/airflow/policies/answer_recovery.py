"""Recover answers whose worker was lost before the task could end: they count, without asking again.

Item and time identify an answer: Airflow sets the time under a lock, and takes one answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.ledger import ledger
from launch_pipeline.airflow.hooks.task_api import airflow_api
from launch_pipeline.airflow.policies.responders import with_user_name
from launch_pipeline.airflow.policies.retries import RECHECKS
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.launch.item_records import GivenAnswer
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.ledger.schema import Record


def lost_answer(ti: Any) -> GivenAnswer | None:
    """Return the answer to an earlier try of the task that had no effect, or None.

    In Airflow 3.3 the request holds the answer until this try asks anew. Its history may not: a try whose
    answer never reached a worker is counted there, but neither ended nor stored. From 3.4 on each try keeps
    its own request, so the answer is found with the try that it was given to.

    The earlier try was lost if Airflow began this one by itself, and not for a *Re-check*. A cleared task is
    asked anew: a clear raises ``max_tries`` to the tries so far plus the retries (Airflow 3.3,
    ``clear_task_instances``). Raises OperationError if Airflow does not answer.
    """
    cleared = cleared_at(ti.max_tries)
    if ti.try_number - 1 <= cleared:
        return None
    api = airflow_api()
    answer = _answer(api, ti, range(ti.try_number, cleared, -1))
    if answer is None or answer.option == Answer.RECHECK:
        return None
    # Until the task asks anew, its request holds the answer from before the clear.
    before = _answer(api, ti, range(cleared, 0, -1))
    return None if before and before.at == answer.at else answer


def _answer(api: AirflowApi, ti: Any, tries: range) -> GivenAnswer | None:
    """Return the answer to the last request among these tries. A try that never began has no request."""
    for number in tries:
        if request := api.hitl_of_try(ti.dag_id, ti.run_id, ti.task_id, number):
            return GivenAnswer.of_event(with_user_name(request)) if request.get("chosen_options") else None
    return None


def recorded_decision(launch_id: str, item_ref: str, answer: GivenAnswer) -> Record | None:
    """Return the ledger's record of this answer, appended by any try, or None. Raises LedgerUnavailable."""
    kept = (entry.record for entry in ledger().entries(launch_id, EntryKind.DECISION))
    return next((r for r in kept if r and (r.item_ref, r.decided_at) == (item_ref, answer.at)), None)


def carried(record: Record, ti: Any) -> Record:
    """Return the decision as a record of this try: changed only if another try appended it."""
    if record.task_instance_id == str(ti.id):
        return record
    first = record.carried_from or record.task_instance_id
    here = {"task_instance_id": str(ti.id), "try_number": ti.try_number, "carried_from": first}
    return record.model_copy(update=here)


def cleared_at(max_tries: int) -> int:
    """Return the number of the last try before the task was cleared; 0 if it never was."""
    return int(max_tries) - RECHECKS
