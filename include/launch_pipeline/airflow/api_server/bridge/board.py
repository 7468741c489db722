"""The board: all launches under way. States come from Airflow, their meaning from the ledger.

A bridge looks every three seconds. States are read each time; of the ledger, only what is new
(``board_ledger``). The one XCom that is read says why an answer did not count; it is no record.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from pydantic import ValidationError
from sqlalchemy import or_, select

from launch_pipeline.airflow.api_server.answers.request_rows import ENDED, RequestRow, read_requests
from launch_pipeline.airflow.api_server.answers.request_state import evidence_of
from launch_pipeline.airflow.api_server.bridge.board_ledger import BoardLedger
from launch_pipeline.airflow.api_server.bridge.refusals import unknown_item
from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.airflow.api_server.in_force import dags_shown, of_checklists, spec_asked_about
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.evidence import REFUSAL_KEY, read_refusal
from launch_pipeline.launch.reconcile import STATE_OF
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.slack.protocol import Board, BoardItem, BoardLaunch, BoardRun, ItemEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from launch_pipeline.airflow.api_server.bridge.board_ledger import Said
    from launch_pipeline.airflow.api_server.database import ApiDatabase
    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.slack.protocol import EvidenceRequest

log = logging.getLogger(__name__)

RECENT = timedelta(minutes=10)
"""How long a launch stays on the board after its last run has ended, so that its cards can catch up."""

UNDER_WAY = ("queued", "running")

Instances = dict[tuple[str, str], dict[str, RequestRow]]
"""By Dag and launch: task id to the row of its task instance."""


class BoardReading:
    """Reads the launches under way; caches what it read of the ledger while they are on the board."""

    def __init__(self, database: ApiDatabase) -> None:
        self._database = database
        self._ledger = BoardLedger()

    async def board(self) -> Board:
        """Return every launch that is under way or ended recently.

        Raises InvalidChecklist, LedgerUnavailable, SQLAlchemyError.
        """
        return await self._database.read(self._look)

    async def evidence(self, request: EvidenceRequest) -> tuple[ItemEvidence, ...]:
        """Return what the checks of some items last saw.

        Raises NotTaken for a Dag that is not of a checklist, LedgerUnavailable, SQLAlchemyError.
        """
        return await self._database.read(_evidence, request)

    def _look(self, connection: Connection) -> Board:
        dags = deployed_dags()
        runs = connection.execute(_runs([*dags, CONDUCTOR], datetime.now(UTC) - RECENT)).all()
        if not runs:
            self._ledger.forget()
            return Board()
        instances: Instances = {}
        for row in read_requests(connection, [*dags], {run.run_id for run in runs}):
            instances.setdefault((row.dag_id, row.run_id), {})[row.task_id] = row
        looking = _Look(
            dags=dags,
            instances=instances,
            refused=_refused(connection, [run.id for run in runs]),
            said=self._ledger.look({run.run_id for run in runs}),
        )
        launches: dict[str, list[Any]] = {}
        for run in sorted(runs, key=_turn):
            launches.setdefault(run.run_id, []).append(run)
        in_order = sorted(launches.items(), key=lambda one: min(run.id for run in one[1]))
        shown = (looking.launch(launch_id, found) for launch_id, found in in_order)
        return Board(launches=tuple(launch for launch in shown if launch))


# ---- from rows to the board ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """Everything that was read in one look."""

    dags: Mapping[str, DeployedDag]
    instances: Instances
    refused: Mapping[tuple[int, str], Any]
    """By run and task: the XCom with the reason why the last answer did not count."""
    said: Said

    def launch(self, launch_id: str, runs: Sequence[Any]) -> BoardLaunch | None:
        """Return one launch, None where it cannot be shown."""
        # The conductor comes first where there is one: it has the launch's form.
        known = self.said.launches.get(launch_id)
        launch, dags = _facts(launch_id, runs[0], known), dags_shown(known, self.dags)
        try:
            return BoardLaunch(
                launch_id=launch_id,
                environment=launch.environment,
                release=launch.release,
                rehearsal=launch.rehearsal,
                triggered_by=launch.started_by or "",
                launch_at=launch.launch_at,
                runs=tuple(self._run(run, dags.get(run.dag_id)) for run in runs),
            )
        except ValidationError as error:
            _warn_once(launch_id, str(error))
            return None

    def _run(self, run: Any, dag: DeployedDag | None) -> BoardRun:
        known = self.instances.get((run.dag_id, run.run_id), {})
        rows = [known[one.task_id] for one in dag.plan.items if one.task_id in known] if dag else []
        return BoardRun(
            dag_id=run.dag_id,
            state=run.state,
            started_at=run.start_date,
            ended_at=run.end_date,
            items=tuple(_item(row, self._said(run.id, row)) for row in rows),
        )

    def _said(self, run: int, row: RequestRow) -> dict[str, Any]:
        refused = read_refusal(self.refused.get((run, row.task_id)), row.task_instance_id)
        return {**self.said.of(row.task_instance_id), "refused": refused}


def _facts(launch_id: str, run: Any, launch: Launch | None) -> LaunchContext:
    """Return a launch's context from the ledger, or from its form while it is not admitted."""
    if launch is not None:
        return LaunchContext.of_launch(launch)
    try:
        return LaunchContext.of_form(launch_id, run.conf or {}, run.triggering_user_name or "")
    except ConfigurationError:
        return LaunchContext(launch_id=launch_id)


@lru_cache(maxsize=100)
def _warn_once(launch_id: str, error: str) -> None:
    """Log it once: a launch with an odd id, set through Airflow, must not hide the others."""
    log.warning("The launch %r cannot be shown in Slack: %s", launch_id, error)


def _item(row: RequestRow, said: Mapping[str, Any]) -> BoardItem:
    """Return one item; a record that contradicts the grid's state is left out."""
    if (outcome := said.get("outcome")) and row.state in ENDED and STATE_OF.get(outcome) != row.state:
        said = {name: said[name] for name in ("verdict", "headline") if name in said}
    refused = said.get("refused", "") if row.waits else ""
    return BoardItem(
        task_id=row.task_id,
        task_instance_id=row.task_instance_id,
        try_number=row.try_number,
        state=row.state,
        waits=row.waits,
        since=row.updated_at if row.waits else None,
        answered_by=row.answered_by if row.taken else "",
        **{**said, "refused": refused},
    )


def _turn(run: Any) -> tuple[int, str]:
    order = (CONDUCTOR, *ALL_PHASES)
    return (order.index(run.dag_id) if run.dag_id in order else len(order), run.dag_id)


# ---- evidence of some items ------------------------------------------------------------------------


def _evidence(connection: Connection, request: EvidenceRequest) -> tuple[ItemEvidence, ...]:
    if not of_checklists(request.dag_id):
        raise unknown_item()
    rows = read_requests(connection, [request.dag_id], {request.run_id})
    return tuple(
        _item_evidence(row.task_id, request.run_id, row.task_instance_id)
        for row in rows
        if row.task_id in request.task_ids and spec_asked_about(request.dag_id, request.run_id, row.task_id)
    )


def _item_evidence(task_id: str, launch_id: str, instance: str) -> ItemEvidence:
    """Return the evidence of a task instance's record; before there is one, what its checks last saw."""
    dsn = ledger_dsn()
    kept = Ledger(dsn).record_of(launch_id, instance)
    if kept and kept.results:
        return ItemEvidence(task_id=task_id, task_instance_id=instance, results=kept.results)
    seen = evidence_of(dsn, instance)
    pin, results = (seen.pin, seen.results) if seen else ("", ())
    return ItemEvidence(task_id=task_id, task_instance_id=instance, evidence=pin, results=results)


# ---- queries ---------------------------------------------------------------------------------------


def _runs(dag_ids: Sequence[str], since: datetime) -> Any:
    """Select the runs of our Dags whose launch has a run that is under way or changed after ``since``."""
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


def _refused(connection: Connection, runs: Sequence[int]) -> dict[tuple[int, str], Any]:
    query = select(XComModel.dag_run_id, XComModel.task_id, XComModel.value).where(
        XComModel.dag_run_id.in_(runs), XComModel.key == REFUSAL_KEY, XComModel.map_index == -1
    )
    return {(run, task_id): value for run, task_id, value in connection.execute(query)}
