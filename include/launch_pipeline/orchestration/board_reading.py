"""The board: all launches that are under way, read from Airflow's database with a few queries.

A bridge looks every three seconds. States are read each time; XComs, which are large, only where they are
new: what they say is kept by task instance, key and the XCom's own time. The time of the task instance would
not do: checks that repeat beside an open request write new evidence without touching it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from pydantic import ValidationError
from sqlalchemy import or_, select, tuple_

from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.orchestration.evidence import EVIDENCE_KEY, REFUSAL_KEY, Evidence, read_refusal
from launch_pipeline.orchestration.gates import WAITING, evidence_in
from launch_pipeline.orchestration.launch_context import LaunchContext
from launch_pipeline.orchestration.refusals import unknown_item
from launch_pipeline.orchestration.shipped import shipped_dags
from launch_pipeline.record.reconcile import STATE_OF
from launch_pipeline.record.schema import Record, read_record
from launch_pipeline.slack.board import Board, BoardItem, BoardLaunch, BoardRun, ItemEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from launch_pipeline.orchestration.api_database import ApiDatabase
    from launch_pipeline.orchestration.shipped import ShippedDag
    from launch_pipeline.slack.board import EvidenceRequest

log = logging.getLogger(__name__)

RECENT = timedelta(minutes=10)
"""How long a launch stays on the board after its last run has ended: cards catch up meanwhile."""

RECORD_KEY = "return_value"
"""XCom of an item that has ended with a record."""

UNDER_WAY = ("queued", "running")
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_EVIDENCE_KEYS = (EVIDENCE_KEY, RECORD_KEY)
_KEYS = (*_EVIDENCE_KEYS, REFUSAL_KEY)
_AT_A_TIME = 1000
"""XComs per query: a database takes 65535 parameters."""


class Stamp(NamedTuple):
    """One XCom as it was written at one moment, for one task instance."""

    task_instance_id: str
    key: str
    written_at: datetime


class Place(NamedTuple):
    """Where an XCom lies."""

    run: int
    task_id: str
    key: str


class BoardReading:
    """The launches that are under way; keeps what it has read of XComs that are still on the board."""

    def __init__(self, database: ApiDatabase) -> None:
        self._database = database
        self._kept: dict[Stamp, dict[str, Any]] = {}

    async def board(self) -> Board:
        """Every launch that is under way or ended a moment ago. Raises InvalidChecklist, SQLAlchemyError."""
        return await self._database.read(self._look)

    async def evidence(self, request: EvidenceRequest) -> tuple[ItemEvidence, ...]:
        """What the checks of some items saw last. Raises NotTaken for a Dag that is none of ours."""
        return await self._database.read(_evidence, request)

    def _look(self, connection: Connection) -> Board:
        dags = shipped_dags()
        runs = connection.execute(_runs([*dags, CONDUCTOR], datetime.now(UTC) - RECENT)).all()
        instances: dict[tuple[str, str], dict[str, Any]] = {}
        for row in connection.execute(_instances([*dags], {run.run_id for run in runs})) if runs else ():
            instances.setdefault((row.dag_id, row.run_id), {})[row.task_id] = row
        said = self._said(connection, runs, instances)
        launches: dict[str, list[Any]] = {}
        for run in sorted(runs, key=_turn):
            launches.setdefault(run.run_id, []).append(run)
        shown = (
            _launch(launch_id, found, instances, said, dags)
            for launch_id, found in sorted(launches.items(), key=lambda one: min(run.id for run in one[1]))
        )
        return Board(launches=tuple(launch for launch in shown if launch))

    def _said(
        self,
        connection: Connection,
        runs: Sequence[Any],
        instances: Mapping[tuple[str, str], Mapping[str, Any]],
    ) -> dict[str, dict[str, Any]]:
        """What the XComs of each task instance say, by its id: from memory where they are not new."""
        by_number = {run.id: instances.get((run.dag_id, run.run_id), {}) for run in runs}
        stamps: dict[Place, Stamp] = {}
        for row in connection.execute(_stamps([*by_number])) if runs else ():
            if instance := by_number[row.dag_run_id].get(row.task_id):
                place = Place(row.dag_run_id, row.task_id, row.key)
                stamps[place] = Stamp(str(instance.id), row.key, row.timestamp)
        kept = {stamp: self._kept[stamp] for stamp in stamps.values() if stamp in self._kept}
        new = {place: stamp for place, stamp in stamps.items() if stamp not in kept}
        for place, written_at, value in _values(connection, list(new)):
            stamp = new[place]._replace(written_at=written_at)
            kept[stamp] = _fields(stamp, value)
        self._kept = kept
        said: dict[str, dict[str, Any]] = {}
        # The record comes last: it holds the evidence that was decided on.
        for stamp in sorted(kept):
            said.setdefault(stamp.task_instance_id, {}).update(kept[stamp])
        return said


# ---- from rows to the board ------------------------------------------------------------------------


def _launch(
    launch_id: str,
    runs: Sequence[Any],
    instances: Mapping[tuple[str, str], Mapping[str, Any]],
    said: Mapping[str, Mapping[str, Any]],
    dags: Mapping[str, ShippedDag],
) -> BoardLaunch | None:
    # The conductor comes first where there is one: the form was its own.
    form = _form(launch_id, runs[0].conf)
    try:
        return BoardLaunch(
            launch_id=launch_id,
            environment=form.environment,
            release=form.release,
            rehearsal=form.rehearsal,
            triggered_by=form.started_by or runs[0].triggering_user_name or "",
            launch_at=form.launch_at,
            runs=tuple(
                _run(run, dags.get(run.dag_id), instances.get((run.dag_id, launch_id), {}), said)
                for run in runs
            ),
        )
    except ValidationError as error:
        _say_once(launch_id, str(error))
        return None


@lru_cache(maxsize=100)
def _say_once(launch_id: str, error: str) -> None:
    """One launch that Airflow was told to accept under an odd name must not hide the others."""
    log.warning("The launch %r cannot be shown in Slack: %s", launch_id, error)


def _form(launch_id: str, conf: Any) -> LaunchContext:
    try:
        return LaunchContext.of_run(launch_id, conf)
    except ConfigurationError:
        # Anybody may trigger a phase with anything; its first task says what is wrong.
        return LaunchContext(launch_id=launch_id)


def _run(
    run: Any, dag: ShippedDag | None, instances: Mapping[str, Any], said: Mapping[str, Mapping[str, Any]]
) -> BoardRun:
    rows = [instances[one.task_id] for one in dag.plan.items if one.task_id in instances] if dag else []
    return BoardRun(
        dag_id=run.dag_id,
        state=run.state,
        started_at=run.start_date,
        ended_at=run.end_date,
        items=tuple(_item(row, said.get(str(row.id), {})) for row in rows),
    )


def _item(row: Any, said: Mapping[str, Any]) -> BoardItem:
    """One item; a record that does not say what the grid shows is no outcome."""
    if (outcome := said.get("outcome")) and row.state in ENDED and STATE_OF.get(outcome) != row.state:
        said = {name: said[name] for name in ("verdict", "headline") if name in said}
    waits = row.requested is not None and row.responded_at is None and row.state in WAITING
    taken = row.responded_at is not None and row.state not in ENDED
    refused = said.get("refused", "") if waits else ""
    return BoardItem(
        task_id=row.task_id,
        task_instance_id=str(row.id),
        try_number=row.try_number,
        state=row.state,
        waits=waits,
        since=row.updated_at if waits else None,
        answered_by=name_in(row.responded_by) if taken else "",
        **{**said, "refused": refused},
    )


def name_in(responded_by: Any) -> str:
    """Airflow user of a request's answer."""
    return str(responded_by.get("name") or "") if isinstance(responded_by, dict) else ""


def _fields(stamp: Stamp, value: Any) -> dict[str, Any]:
    """What an XCom adds to its item; nothing where it is of another try."""
    if stamp.key == EVIDENCE_KEY:
        evidence = evidence_in(value, stamp.task_instance_id)
        return _fields_of_evidence(evidence) if evidence else {}
    if stamp.key == REFUSAL_KEY:
        return {"refused": read_refusal(value, stamp.task_instance_id)}
    record = record_of(value, stamp.task_instance_id)
    return _fields_of(record) if record else {}


def _fields_of_evidence(evidence: Evidence) -> dict[str, Any]:
    return {"verdict": evidence.verdict, "headline": evidence.headline, "evidence": evidence.pin}


def record_of(value: Any, task_instance_id: str) -> Record | None:
    """The record of exactly this task instance, or None."""
    record = read_record(value)
    return record if record and record.task_instance_id == task_instance_id else None


def _fields_of(record: Record) -> dict[str, Any]:
    seen = Evidence(
        task_instance_id=record.task_instance_id,
        verdict=Verdict.of([result.verdict for result in record.results]),
        results=record.results,
        observed_at=record.decided_at,
    )
    return {
        **({"verdict": seen.verdict, "headline": seen.headline} if record.results else {}),
        "outcome": record.outcome,
        "decided_by": record.decided_by.name if record.decided_by else "",
        "recorded_by": record.recorded_by,
        "decided_at": record.decided_at,
        "reason": record.reason,
    }


def _turn(run: Any) -> tuple[int, str]:
    order = (CONDUCTOR, *ALL_PHASES)
    return (order.index(run.dag_id) if run.dag_id in order else len(order), run.dag_id)


# ---- evidence of some items ------------------------------------------------------------------------


def _evidence(connection: Connection, request: EvidenceRequest) -> tuple[ItemEvidence, ...]:
    dag = shipped_dags().get(request.dag_id)
    if dag is None:
        raise unknown_item()
    wanted = set(request.task_ids) & set(dag.specs)
    rows = connection.execute(_instances([request.dag_id], {request.run_id})).all()
    instances = {row.task_id: row for row in rows if row.task_id in wanted}
    runs = {row.dag_run for row in rows}
    places = [Place(run, task_id, key) for run in runs for task_id in instances for key in _EVIDENCE_KEYS]
    values = {place: value for place, _, value in _values(connection, places)}
    return tuple(
        _item_evidence(
            task_id,
            str(row.id),
            record_of(values.get(Place(row.dag_run, task_id, RECORD_KEY)), str(row.id)),
            evidence_in(values.get(Place(row.dag_run, task_id, EVIDENCE_KEY)), str(row.id)),
        )
        for task_id, row in instances.items()
    )


def _item_evidence(task_id: str, instance: str, record: Record | None, seen: Evidence | None) -> ItemEvidence:
    if record and record.results:
        return ItemEvidence(task_id=task_id, task_instance_id=instance, results=record.results)
    pin, results = (seen.pin, seen.results) if seen else ("", ())
    return ItemEvidence(task_id=task_id, task_instance_id=instance, evidence=pin, results=results)


# ---- queries ---------------------------------------------------------------------------------------


def _runs(dag_ids: Sequence[str], since: datetime) -> Any:
    """Runs of our Dags that share a launch id with one that is under way, or changed since then."""
    moved = select(DagRun.run_id).where(
        DagRun.dag_id.in_(dag_ids), or_(DagRun.state.in_(UNDER_WAY), DagRun.updated_at > since)
    )
    return select(
        DagRun.id,
        DagRun.dag_id,
        DagRun.run_id,
        DagRun.state.label("state"),
        DagRun.start_date,
        DagRun.end_date,
        DagRun.conf,
        DagRun.triggering_user_name,
    ).where(DagRun.dag_id.in_(dag_ids), DagRun.run_id.in_(moved))


def _instances(dag_ids: Sequence[str], run_ids: set[str]) -> Any:
    return (
        select(
            TaskInstance.id,
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.try_number,
            TaskInstance.state,
            TaskInstance.updated_at,
            DagRun.id.label("dag_run"),
            HITLDetail.ti_id.label("requested"),
            HITLDetail.responded_at,
            HITLDetail.responded_by,
        )
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .outerjoin(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(
            TaskInstance.dag_id.in_(dag_ids), TaskInstance.run_id.in_(run_ids), TaskInstance.map_index == -1
        )
    )


def _stamps(runs: Sequence[int]) -> Any:
    return select(XComModel.dag_run_id, XComModel.task_id, XComModel.key, XComModel.timestamp).where(
        XComModel.dag_run_id.in_(runs), XComModel.key.in_(_KEYS), XComModel.map_index == -1
    )


def _values(connection: Connection, places: Sequence[Place]) -> Iterable[tuple[Place, datetime, Any]]:
    columns = (XComModel.dag_run_id, XComModel.task_id, XComModel.key)
    for first in range(0, len(places), _AT_A_TIME):
        query = select(*columns, XComModel.timestamp, XComModel.value).where(
            tuple_(*columns).in_(places[first : first + _AT_A_TIME]), XComModel.map_index == -1
        )
        for *place, written_at, value in connection.execute(query):
            yield Place(*place), written_at, value
