"""The checklists of this deployment as specs of tasks: what Dag files, guard and conductor build on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from launch_pipeline.checklist.files import checklist_folder, file_digest
from launch_pipeline.checklist.load import checklist_files, load_phase
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.errors import ChecklistError, InvalidChecklist
from launch_pipeline.launch.item_records import ItemSpec

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.checklist.plan import DagPlan


@dataclass(frozen=True)
class DeployedDag:
    """A Dag's plan, the file it comes from, and the specs of its items by task id."""

    plan: DagPlan
    checklist: str
    digest: str
    specs: dict[str, ItemSpec]


def shipped_dag(checklist: str, dag_id: str) -> DeployedDag:
    """One Dag of one checklist file.

    Raises InvalidChecklist: Airflow shows it as an import error, with file, item, value and fix.
    """
    path = checklist_folder() / checklist
    dags = _dags_of(path, file_digest(path)) if path.exists() else {}
    if dag_id not in dags:
        problem = f"has no Dag {dag_id!r}."
        raise InvalidChecklist((ChecklistError(checklist, "", problem, "Restore the file, or its 'dag:'."),))
    return dags[dag_id]


def deployed_dags() -> dict[str, DeployedDag]:
    """Every Dag of every checklist file, in the document's order. Raises InvalidChecklist."""
    found: dict[str, DeployedDag] = {}
    for path in checklist_files():
        found |= _dags_of(path, file_digest(path))
    return found


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
