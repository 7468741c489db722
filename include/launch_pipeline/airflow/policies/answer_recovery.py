"""Answers whose worker was lost before the task could end: they still count, and nobody is asked again.

An answer is known by its item and its moment: Airflow gives the moment under a lock, and takes one answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.ledger import ledger
from launch_pipeline.airflow.hooks.task_api import airflow_api
from launch_pipeline.airflow.policies.retries import RECHECKS
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.launch.item_records import GivenAnswer
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.ledger.schema import Record


def lost_answer(ti: Any) -> GivenAnswer | None:
    """Return what a person answered in a try before this one, where nothing came of it.

    The request holds it until this try asks anew. Airflow's history need not: a try whose answer could not
    be brought to a worker is counted, but neither ended nor kept there.

    The try before ended by accident if Airflow began this one by itself and not by *Re-check*. A task that
    somebody cleared is asked anew: a clear raises ``max_tries`` to the tries so far and the retries (Airflow
    3.3, ``clear_task_instances``). Raises OperationError where Airflow does not answer.
    """
    cleared = cleared_at(ti.max_tries)
    if ti.try_number - 1 <= cleared:
        return None
    api = airflow_api()
    answer = _answer(api, ti, range(ti.try_number, cleared, -1))
    if answer is None or answer.option == Answer.RECHECK:
        return None
    # Until a task has asked anew its request holds what was answered before somebody cleared it.
    before = _answer(api, ti, range(cleared, 0, -1))
    return None if before and before.at == answer.at else answer


def _answer(api: AirflowApi, ti: Any, tries: range) -> GivenAnswer | None:
    """The answer to the last request among these tries; of one that never began Airflow keeps none."""
    for number in tries:
        if request := api.hitl_of_try(ti.dag_id, ti.run_id, ti.task_id, number):
            return GivenAnswer.of_event(request) if request.get("chosen_options") else None
    return None


def kept_decision(launch_id: str, item_ref: str, answer: GivenAnswer) -> Record | None:
    """Return what the ledger holds of this very answer, by whichever try. Raises LedgerUnavailable."""
    kept = (entry.record for entry in ledger().entries(launch_id, EntryKind.DECISION))
    return next((r for r in kept if r and (r.item_ref, r.decided_at) == (item_ref, answer.at)), None)


def carried(record: Record, ti: Any) -> Record:
    """The decision as the record of this try: the same, unless another try has kept it."""
    if record.task_instance_id == str(ti.id):
        return record
    first = record.carried_from or record.task_instance_id
    here = {"task_instance_id": str(ti.id), "try_number": ti.try_number, "carried_from": first}
    return record.model_copy(update=here)


def cleared_at(max_tries: int) -> int:
    """Number of the last try before somebody cleared the task; 0 where nobody has."""
    return int(max_tries) - RECHECKS
