"""Task instances with their requests, in Airflow's tables: the one place that knows these tables.

The guard, the board and the delegated answers read them here. The tables are internal to Airflow: check this
module with each release of Airflow (adr/0008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import select

from launch_pipeline.airflow.hooks.rest_client import WAITING_STATES
from launch_pipeline.airflow.policies.responders import user_name
from launch_pipeline.slack.messages.button_values import RequestPin

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from launch_pipeline.airflow.api_server.answers.request_key import RequestKey

_WORKING_SET: Any = getattr(TaskInstance, "working_set", None)
_CURRENT = () if _WORKING_SET is None else (_WORKING_SET.is_(True),)
"""From Airflow 3.4 on, earlier tries of a task are rows of the same table, out of its working set."""
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""States of a task instance that has ended."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A task instance as it is now, with its request if it has one."""

    dag_id: str
    run_id: str
    task_id: str
    task_instance_id: str
    try_number: int
    max_tries: int
    state: str | None
    updated_at: datetime | None
    requested: bool
    """It has a request, answered or not."""
    responded: bool
    answered_by: str
    """Airflow user whose answer Airflow took."""
    answer: str

    @property
    def waits(self) -> bool:
        """Whether an answer would reach the task."""
        return self.requested and not self.responded and self.state in WAITING_STATES

    @property
    def taken(self) -> bool:
        """Whether an answer was taken and the task has not ended yet."""
        return self.responded and self.state not in ENDED

    @property
    def pin(self) -> RequestPin:
        """The try, whatever its evidence."""
        return RequestPin(task_instance_id=self.task_instance_id, try_number=self.try_number)


@dataclass(frozen=True, slots=True)
class RunRow:
    """The run that a task instance is in."""

    dag_id: str
    run_id: str
    run_type: str
    conf: dict[str, Any]
    scheduled_at: datetime | None
    """When the scheduler last looked at the run."""


def read_request(connection: Connection, key: RequestKey) -> RequestRow | None:
    """Return the row of one item in one run, None where there is none."""
    row = connection.execute(_select().where(*_is(key))).first()
    return _request(row) if row else None


def read_request_and_run(connection: Connection, key: RequestKey) -> tuple[RequestRow, RunRow] | None:
    """Return the row of one item with its run, None where there is none."""
    query = _select(DagRun.run_type, DagRun.conf, DagRun.last_scheduling_decision)
    row = connection.execute(query.where(*_is(key))).first()
    if row is None:
        return None
    conf = row.conf or {}
    return _request(row), RunRow(
        key.dag_id, key.run_id, str(row.run_type), conf, row.last_scheduling_decision
    )


def read_requests(
    connection: Connection, dag_ids: Collection[str], run_ids: Collection[str]
) -> list[RequestRow]:
    """Return the rows of all tasks of some Dags in some runs."""
    query = _select().where(
        TaskInstance.dag_id.in_(dag_ids), TaskInstance.run_id.in_(run_ids), TaskInstance.map_index == -1
    )
    return [_request(row) for row in connection.execute(query)]


def _select(*more: Any) -> Any:
    return (
        select(
            TaskInstance.id,
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.try_number,
            TaskInstance.max_tries,
            TaskInstance.state,
            TaskInstance.updated_at,
            HITLDetail.ti_id.label("requested"),
            HITLDetail.responded_at,
            HITLDetail.responded_by,
            HITLDetail.chosen_options,
            HITLDetail.params_input,
            *more,
        )
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .outerjoin(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(*_CURRENT)
    )


def _is(key: RequestKey) -> tuple[Any, ...]:
    return (
        TaskInstance.dag_id == key.dag_id,
        TaskInstance.run_id == key.run_id,
        TaskInstance.task_id == key.task_id,
        TaskInstance.map_index == key.map_index,
    )


def _request(row: Any) -> RequestRow:
    responded = row.responded_at is not None
    return RequestRow(
        dag_id=row.dag_id,
        run_id=row.run_id,
        task_id=row.task_id,
        task_instance_id=str(row.id),
        try_number=row.try_number,
        max_tries=row.max_tries or 0,
        state=row.state,
        updated_at=row.updated_at,
        requested=row.requested is not None,
        responded=responded,
        answered_by=user_name(row.responded_by, row.params_input),
        answer=", ".join(map(str, row.chosen_options or ())) if responded else "",
    )
