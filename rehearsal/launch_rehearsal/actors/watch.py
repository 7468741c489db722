"""Read the state of every Dag and its items from Airflow's REST API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.rest_client import WAITING_STATES
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.plan import PlannedItem, plan_dags
from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.checks.engine.registry import parameter_models

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi, Json
    from launch_pipeline.checklist.plan import DagPlan

DONE = frozenset({"success", "skipped", "failed", "upstream_failed", "removed"})
ENDED = frozenset({"success", "failed"})
Place = tuple[str, str]
"""Dag id and task id."""


def load_plans() -> dict[str, DagPlan]:
    """Plan every Dag of the checklist, in the document's order. Raises InvalidChecklist."""
    return plan_dags(load_phases(parameter_models()))


def items_of(plans: dict[str, DagPlan]) -> dict[Place, PlannedItem]:
    """Return every item by its place."""
    return {(dag_id, item.task_id): item for dag_id, plan in plans.items() for item in plan.items}


@dataclass(frozen=True)
class DagView:
    """The state of one Dag at one moment."""

    dag_id: str
    title: str
    total: int
    state: str = "none"
    """State of its run; ``none`` before it begins."""
    done: int = 0
    failed: int = 0
    asked: tuple[str, ...] = ()
    """Task ids of the items that wait for a person."""


@dataclass(frozen=True)
class View:
    """The state of the launch at one moment."""

    dags: tuple[DagView, ...]
    steps: dict[str, str]
    """States of the conductor's tasks by id; read only while a run has failed: each read costs 0.1 s."""
    state: str
    """State of the conductor's run."""
    places: dict[str, Place] = field(repr=False, default_factory=dict)

    def state_of(self, dag_id: str) -> str:
        """Return the state of a Dag's run."""
        return next((dag.state for dag in self.dags if dag.dag_id == dag_id), "none")

    def place_of(self, ref: str) -> Place | None:
        """Return the place of an item."""
        return self.places.get(ref)

    def conductor_step(self, dag_id: str) -> str:
        """Return the state of the conductor's step for a Dag."""
        return self.steps.get(dag_id, "none")

    @property
    def over(self) -> bool:
        """Return whether the conductor's run has ended."""
        return self.state in ENDED


class Watch:
    """Poll one launch; read only the runs that may have changed.

    Unless ``closely``, items are counted only when their run begins, ends or fails: reading them costs the
    api-server 0.1 s each time, in all a tenth of the computing time of a rehearsal.
    """

    def __init__(
        self, api: AirflowApi, run_id: str, plans: dict[str, DagPlan], *, closely: bool = True
    ) -> None:
        self._api, self._run_id, self._plans, self._closely = api, run_id, plans, closely
        self._places = {item.ref: place for place, item in items_of(plans).items()}
        self._last: dict[str, DagView] = {
            dag_id: DagView(dag_id, plan.title, len(plan.items)) for dag_id, plan in plans.items()
        }

    def look(self) -> View:
        """Read the present state. Raises ApiError if Airflow does not answer."""
        runs = self._api.runs_of_launch(self._run_id)
        for dag_id in self._plans:
            run = runs.get(dag_id)
            if run and self._may_have_changed(run):
                self._last[dag_id] = self._dag(dag_id, run)
        conductor = runs.get(CONDUCTOR)
        return View(
            dags=tuple(self._last.values()),
            steps=self._steps() if any(run["state"] == "failed" for run in runs.values()) else {},
            state=str(conductor["state"]) if conductor else "none",
            places=self._places,
        )

    def _may_have_changed(self, run: Json) -> bool:
        same = self._last[run["dag_id"]].state == run["state"]
        return not same or (self._closely and run["state"] not in ENDED)

    def _steps(self) -> dict[str, str]:
        found = self._api.task_instances(CONDUCTOR, self._run_id)
        return {step["task_id"]: str(step["state"]) for step in found}

    def _dag(self, dag_id: str, run: Json) -> DagView:
        plan = self._plans[dag_id]
        names = {item.task_id for item in plan.items}
        states = {
            each["task_id"]: str(each["state"])
            for each in self._api.task_instances(dag_id, self._run_id)
            if each["task_id"] in names
        }
        return DagView(
            dag_id=dag_id,
            title=plan.title,
            total=len(names),
            state=str(run["state"]),
            done=sum(state in DONE for state in states.values()),
            failed=sum(state in {"failed", "upstream_failed"} for state in states.values()),
            asked=tuple(name for name, state in states.items() if state in WAITING_STATES),
        )
