"""The checklists of this deployment: the plan and the item specs of each Dag, and the plan of a launch.

Files are parsed once for each digest, so an edited file is read again by every process that asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checklist.load import checklist_files, load_phase
from launch_pipeline.checklist.overrides import checklist_digest
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checklist.sequence import GO_NO_GO, ROLLBACK, STEPS
from launch_pipeline.checklist.vocabulary import Role, Severity
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.errors import ChecklistError, InvalidChecklist
from launch_pipeline.launch.basis import definition_digest, rests_on
from launch_pipeline.launch.item_records import ItemSpec
from launch_pipeline.ledger.plan import LaunchPlan, PlannedItem, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.model import Phase
    from launch_pipeline.checklist.plan import DagPlan


@dataclass(frozen=True)
class DeployedDag:
    """A Dag's plan, the file it comes from, and the specs of its items by task id."""

    plan: DagPlan
    checklist: str
    digest: str
    """The digest of its definition, which says what its items mean."""
    specs: dict[str, ItemSpec]
    file_digest: str = ""
    """The digest of the file's bytes, by which launches of older packages know it."""

    @property
    def definition(self) -> dict[str, Any]:
        """The document that its digest is of."""
        return definition_of(self.plan.phase)


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


def readable_dag(dag_id: str) -> DeployedDag | None:
    """Return one Dag of today's checklist files; None where no file that can be read has it."""
    for path in checklist_files():
        try:
            found = _dags_of(path, checklist_digest(path))
        except InvalidChecklist:
            continue
        if dag_id in found:
            return found[dag_id]
    return None


def deployed_plans() -> dict[str, DagPlan]:
    """Return the plan of every Dag, in the document's order. Raises InvalidChecklist."""
    return {dag_id: dag.plan for dag_id, dag in deployed_dags().items()}


def definition_of(phase: Phase) -> dict[str, Any]:
    """Return a checklist as launches store it: as the model reads it, without comments and layout."""
    document: dict[str, Any] = phase.model_dump(mode="json", exclude_defaults=True)
    # A phase of the default version, in a document of its own.
    return {**document, "schema_version": phase.schema_version}


def dags_of(phase: Phase, digest: str, checklist: str = "", file_digest: str = "") -> dict[str, DeployedDag]:
    """Return the Dags of a checklist, whose items name ``digest`` as the version that they are of."""
    return {
        dag_id: DeployedDag(plan, checklist, digest, _specs(plan, phase, digest), file_digest)
        for dag_id, plan in plan_dags([phase]).items()
    }


def launch_plan(
    dags: Mapping[str, DeployedDag], policy: Policy, variables: Mapping[str, Any] | None = None
) -> LaunchPlan:
    """Plan a launch that starts now: its Dags in the conductor's order, their items, and the rules in force.

    ``variables`` are those of ``Settings.lasting``, as for records. Raises KeyError if a Dag that
    the conductor runs is missing.
    """
    phases = [*(dag_id for step in STEPS for dag_id in step), ROLLBACK]
    return LaunchPlan(
        steps=STEPS,
        decision=GO_NO_GO,
        rollback=ROLLBACK,
        items={
            dag_id: tuple(_planned(spec, variables or {}) for spec in dags[dag_id].specs.values())
            for dag_id in phases
        },
        rules=Rules(
            self_approval=policy.self_approval,
            two_roles_one_person=policy.two_roles_one_person,
            waive_blocking_items=policy.waive_blocking_items,
            may_waive={role: policy.waiver_roles(role, Severity.ADVISORY) for role in Role},
        ),
    )


def _planned(spec: ItemSpec, variables: Mapping[str, Any]) -> PlannedItem:
    item = spec.item
    return PlannedItem(
        ref=spec.ref,
        owner=item.owner,
        severity=item.severity,
        mode=item.mode,
        gate=item.gate,
        rounds=item.repeat.times if item.repeat else 1,
        definition=definition_digest(rests_on(item, variables)),
    )


def _specs(plan: DagPlan, phase: Phase, digest: str) -> dict[str, ItemSpec]:
    return {
        planned.task_id: ItemSpec(
            ref=planned.ref,
            phase_id=phase.id,
            checklist_digest=digest,
            item=planned.item,
            moments=plan.moments_before(planned.task_id),
        )
        for planned in plan.items
    }


@lru_cache(maxsize=32)
def _dags_of(path: Path, file_digest: str) -> dict[str, DeployedDag]:
    phase = load_phase(path, parameter_models())
    return dags_of(phase, digest(definition_of(phase)), path.name, file_digest)
