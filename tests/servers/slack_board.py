"""An Airflow of values: runs whose items are asked, answered, healed and cleared by name."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import OperationError
from launch_pipeline.launch.deployed_checklists import deployed_plans
from launch_pipeline.launch.reconcile import STATE_OF
from launch_pipeline.ledger.schema import Outcome, RecordedBy, SealedRecord
from launch_pipeline.slack.bridge.projection.deployment import Deployment
from launch_pipeline.slack.protocol import Board, BoardItem, BoardLaunch, BoardRun
from servers.slack import CONTACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LAUNCH = "shop-2.4.0"
WEEK_1 = "week_1_pre_launch_requirements"
PUBLIC = "https://airflow.example.org"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_NUMBERS = itertools.count(1)


def deployment(**policy: Any) -> Deployment:
    """Build a deployment of the real checklists with the example's people, and any rule changed."""
    return Deployment(deployed_plans(), load_contacts(CONTACTS), Policy(**policy), PUBLIC)


@dataclass
class Clock:
    """A time that passes when it is told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Airflow:
    """What is under way; ``board`` gives it as the plugin would."""

    clock: Clock = field(default_factory=Clock)
    runs: dict[tuple[str, str], BoardRun] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of a launch, fields other than its runs."""
    away: bool = False
    looks: int = 0

    async def board(self) -> Board:
        self.looks += 1
        if self.away:
            message = "Airflow does not answer."
            raise OperationError(message)
        return self.now()

    def now(self) -> Board:
        launches = dict.fromkeys(launch for launch, _ in self.runs)
        return Board(launches=tuple(self.launch(launch) for launch in launches))

    def launch(self, launch_id: str = LAUNCH) -> BoardLaunch:
        given = {"environment": "production", "release": "2.4.0", "triggered_by": "noor.network"}
        mine = tuple(run for (launch, _), run in self.runs.items() if launch == launch_id)
        return BoardLaunch(launch_id=launch_id, runs=mine, **given | self.facts.get(launch_id, {}))

    # ---- runs --------------------------------------------------------------------------------------

    def begin(self, *dag_ids: str, launch: str = LAUNCH) -> None:
        """Begin runs, with all their items."""
        for dag_id in dag_ids:
            plan = deployed_plans().get(dag_id)
            items = tuple(_new(planned.task_id) for planned in (plan.items if plan else ()))
            run = BoardRun(dag_id=dag_id, state="running", started_at=self.clock.now, items=items)
            self.runs[launch, dag_id] = run

    def begin_launch(self, *dag_ids: str, launch: str = LAUNCH) -> None:
        """Begin the conductor and some phases."""
        self.begin(CONDUCTOR, *dag_ids, launch=launch)

    def end(self, dag_id: str, state: str = "success", launch: str = LAUNCH) -> None:
        run = self.runs[launch, dag_id]
        self.runs[launch, dag_id] = run.model_copy(update={"state": state, "ended_at": self.clock.now})

    def counted(self, dag_id: str, launch: str = LAUNCH) -> tuple[SealedRecord, ...]:
        """Return what a seal of a run lists: its items as they are."""
        return tuple(
            SealedRecord(
                item_ref=item.task_id, outcome=item.outcome or Outcome.PASSED, digest="sha256:" + "a" * 64,
                task_instance_id=item.task_instance_id,
            )
            for item in self.runs[launch, dag_id].items
        )  # fmt: skip

    def leave(self, launch: str = LAUNCH) -> None:
        """Take a launch from the board, as some time after its end."""
        self.runs = {place: run for place, run in self.runs.items() if place[0] != launch}

    # ---- items -------------------------------------------------------------------------------------

    def item(self, task_id: str, dag_id: str = WEEK_1, launch: str = LAUNCH) -> BoardItem:
        return next(item for item in self.runs[launch, dag_id].items if item.task_id == task_id)

    def change(self, task_id: str, dag_id: str = WEEK_1, launch: str = LAUNCH, **fields: Any) -> None:
        run = self.runs[launch, dag_id]
        items = tuple(i.model_copy(update=fields) if i.task_id == task_id else i for i in run.items)
        self.runs[launch, dag_id] = run.model_copy(update={"items": items})

    def ask(self, *task_ids: str, dag_id: str = WEEK_1, launch: str = LAUNCH, **fields: Any) -> None:
        """Open requests."""
        for task_id in task_ids:
            asked = {"state": "awaiting_input", "waits": True, "since": self.clock.now}
            self.change(task_id, dag_id, launch, **asked | fields)

    def ask_for_failure(self, task_id: str, headline: str = "78 %, wanted 80 %", **place: Any) -> None:
        """Open the request of a check that failed and keeps running."""
        self.ask(task_id, **place, state="deferred", verdict=Verdict.FAILED, headline=headline)

    def take(self, task_id: str, user: str = "ada.technical", **place: Any) -> None:
        """Take an answer; the task has not ended yet."""
        self.change(task_id, **place, waits=False, since=None, answered_by=user, state="scheduled")

    def decide(
        self,
        task_id: str,
        outcome: Outcome = Outcome.APPROVED,
        by: str = "Ada Lindqvist",
        *,
        reason: str = "",
        via: RecordedBy = RecordedBy.AIRFLOW_UI,
        **place: Any,
    ) -> None:
        """End an item with a person's record."""
        self.change(
            task_id, **place, waits=False, since=None, answered_by="", state=STATE_OF[outcome],
            outcome=outcome, decided_by=by, recorded_by=via, decided_at=self.clock.now, reason=reason,
        )  # fmt: skip

    def heal(self, task_id: str, **place: Any) -> None:
        """End an item by its checks."""
        self.change(
            task_id, **place, waits=False, since=None, state="success", verdict=Verdict.PASSED,
            outcome=Outcome.PASSED, recorded_by=RecordedBy.MACHINE,
        )  # fmt: skip

    def clear(self, *task_ids: str, dag_id: str = WEEK_1, launch: str = LAUNCH) -> None:
        """Clear items: new task instances, a new try each, nothing of them known."""
        run = self.runs[launch, dag_id]
        items = tuple(
            _new(item.task_id, item.try_number + 1) if item.task_id in task_ids else item
            for item in run.items
        )
        self.runs[launch, dag_id] = run.model_copy(
            update={"items": items, "state": "running", "ended_at": None, "started_at": self.clock.now}
        )


def _new(task_id: str, try_number: int = 1) -> BoardItem:
    number = next(_NUMBERS)
    instance = f"0195f0c1-0000-7000-8000-{number:012d}"
    return BoardItem(task_id=task_id, task_instance_id=instance, try_number=try_number, state=None)


def tasks_of(section: str, dag_id: str = WEEK_1) -> list[str]:
    """Task ids of a section, in order."""
    plan = deployed_plans()[dag_id]
    return [one.task_id for found, items in plan.sections for one in items if found.id == section]


def all_tasks(dag_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Dag and task of every item of some Dags."""
    return ((dag_id, one.task_id) for dag_id in dag_ids for one in deployed_plans()[dag_id].items)


def voices() -> list[str]:
    """Tasks of go/no-go."""
    return tasks_of("go_no_go", GO_NO_GO)
