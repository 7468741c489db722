"""The checklists of this deployment: the plan and the item specs of each Dag, and the plan of a launch.

Files are parsed once for each digest, so an edited file is read again by every process that asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checklist.load import checklist_files, load_phase
from launch_pipeline.checklist.overrides import checklist_digest
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checklist.sequence import GO_NO_GO, ROLLBACK, STEPS
from launch_pipeline.checklist.vocabulary import Role, Severity
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.errors import ChecklistError, InvalidChecklist
from launch_pipeline.launch.item_records import ItemSpec
from launch_pipeline.ledger.plan import LaunchPlan, PlannedItem, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.plan import DagPlan


@dataclass(frozen=True)
class DeployedDag:
    """A Dag's plan, the file it comes from, and the specs of its items by task id."""

    plan: DagPlan
    checklist: str
    digest: str
    specs: dict[str, ItemSpec]


def deployed_dag(checklist: str, dag_id: str) -> DeployedDag:
    """Return one Dag of one checklist file.

    Raises InvalidChecklist, which Airflow shows as an import error with file, item, value and fix.
    """
    path = checklist_folder() / checklist
    dags = _dags_of(path, checklist_digest(path)) if path.exists() else {}
    if dag_id not in dags:
        problem = f"has no Dag {dag_id!r}."
        raise InvalidChecklist((ChecklistError(checklist, "", problem, "Restore the file, or its 'dag:'."),))
    return dags[dag_id]


def deployed_dags() -> dict[str, DeployedDag]:
    """Return every Dag of every checklist file, in the document's order. Raises InvalidChecklist."""
    found: dict[str, DeployedDag] = {}
    for path in checklist_files():
        found |= _dags_of(path, checklist_digest(path))
    return found


def deployed_plans() -> dict[str, DagPlan]:
    """Return the plan of every Dag, in the document's order. Raises InvalidChecklist."""
    return {dag_id: dag.plan for dag_id, dag in deployed_dags().items()}


def launch_plan(dags: Mapping[str, DeployedDag], policy: Policy) -> LaunchPlan:
    """Plan a launch that starts now: its Dags in the conductor's order, their items, and the rules in force.

    Raises KeyError if a Dag that the conductor runs is missing.
    """
    phases = [*(dag_id for step in STEPS for dag_id in step), ROLLBACK]
    return LaunchPlan(
        steps=STEPS,
        decision=GO_NO_GO,
        rollback=ROLLBACK,
        items={dag_id: tuple(map(_planned, dags[dag_id].specs.values())) for dag_id in phases},
        rules=Rules(
            self_approval=policy.self_approval,
            two_roles_one_person=policy.two_roles_one_person,
            waive_blocking_items=policy.waive_blocking_items,
            may_waive={role: policy.waiver_roles(role, Severity.ADVISORY) for role in Role},
        ),
    )


def _planned(spec: ItemSpec) -> PlannedItem:
    item = spec.item
    return PlannedItem(
        ref=spec.ref,
        owner=item.owner,
        severity=item.severity,
        mode=item.mode,
        gate=item.gate,
        rounds=item.repeat.times if item.repeat else 1,
    )


@lru_cache(maxsize=32)
def _dags_of(path: Path, digest: str) -> dict[str, DeployedDag]:
    phase = load_phase(path, parameter_models())
    return {
        dag_id: DeployedDag(
            plan=plan,
            checklist=path.name,
            digest=digest,
            specs={
                planned.task_id: ItemSpec(
                    ref=planned.ref,
                    phase_id=phase.id,
                    checklist_digest=digest,
                    item=planned.item,
                    moments=plan.moments_before(planned.task_id),
                )
                for planned in plan.items
            },
        )
        for dag_id, plan in plan_dags([phase]).items()
    }
