"""Build a phase or window as a Dag: sections are task groups, items are tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, TaskGroup

from launch_pipeline.airflow.notifiers.announce import AnnounceOperator
from launch_pipeline.airflow.operators.checklist_item import ChecklistItemOperator
from launch_pipeline.airflow.operators.phase_gate import PhaseGateOperator
from launch_pipeline.airflow.operators.verify_again import VerifyAgainOperator
from launch_pipeline.airflow.policies.launch_run import CONDUCTORS_TYPE
from launch_pipeline.airflow.policies.reopening import VERIFY_AGAIN
from launch_pipeline.airflow.sensors.launch_window import LaunchWindowSensor
from launch_pipeline.checklist.sequence import GO_NO_GO, WINDOWS, title
from launch_pipeline.checks.engine.product import with_readable_product
from launch_pipeline.checks.language.variables import in_prose
from launch_pipeline.launch.deployed_checklists import DeployedDag, deployed_dag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import BaseOperator

    from launch_pipeline.launch.item_records import ItemSpec

TAG = "launch"


def build_phase_dag(checklist: str, dag_id: str) -> DAG:
    """Build the Dag of one phase, window, sign-off or rollback from its checklist file.

    Raises InvalidChecklist, which Airflow shows as an import error.
    """
    deployed = deployed_dag(checklist, dag_id)
    plan = deployed.plan
    with DAG(
        dag_id,
        dag_display_name=title(dag_id),
        schedule=None,
        description=plan.phase.description,
        doc_md=_dag_doc(deployed),
        tags=[TAG, plan.phase.when, plan.phase.kind],
        is_paused_upon_creation=False,
        max_active_runs=64,
        # Airflow requires "manual" without a schedule; the first task and the gate refuse such a run.
        allowed_run_types=["manual", CONDUCTORS_TYPE],  # type: ignore[list-item]  # Airflow takes names
    ) as dag:
        tasks = {**_first(deployed), **_moments(deployed), **_items(deployed)}
        for before, after in plan.edges:
            tasks[before].set_downstream(tasks[after])
        if dag_id == GO_NO_GO:
            tasks[VERIFY_AGAIN].set_downstream([tasks[item.task_id] for item in plan.items])
        _close(deployed, [tasks[item.task_id] for item in plan.items])
    return dag


def _first(deployed: DeployedDag) -> dict[str, BaseOperator]:
    """Return what comes before every item: the go/no-go begins with another look at all that has passed."""
    if deployed.plan.dag_id != GO_NO_GO:
        return {}
    doc = "Looks at every check of the earlier phases once more. What is no longer true is verified again."
    return {
        VERIFY_AGAIN: VerifyAgainOperator(
            task_id=VERIFY_AGAIN, task_display_name="Verify everything again", doc_md=doc
        )
    }


def _moments(deployed: DeployedDag) -> dict[str, BaseOperator]:
    return {
        name: LaunchWindowSensor(
            task_id=name,
            task_display_name=name.replace("_", " ").capitalize(),
            moment=moment.model_dump(mode="json"),
            told=deployed.plan.dag_id in WINDOWS,
            doc_md="Waits for its moment without a worker. `launch postpone` moves it.",
        )
        for name, moment in deployed.plan.moments
    }


def _items(deployed: DeployedDag) -> dict[str, BaseOperator]:
    tasks: dict[str, BaseOperator] = {}
    names = with_readable_product({})
    for section, planned_items in deployed.plan.sections:
        with TaskGroup(section.id, group_display_name=section.title, tooltip=section.title):
            for planned in planned_items:
                tasks[planned.task_id] = _item(planned.item.id, deployed.specs[planned.task_id], names)
    return tasks


def _item(name: str, spec: ItemSpec, names: Mapping[str, Any]) -> ChecklistItemOperator:
    return ChecklistItemOperator(
        task_id=name,
        task_display_name=spec.item.text,
        spec=spec.payload(),
        # A waived item is skipped; the items after it still run.
        trigger_rule="none_failed",
        owner=spec.item.owner.value,
        doc_md=_item_doc(spec, names),
    )


def _close(deployed: DeployedDag, items: list[BaseOperator]) -> None:
    plan = deployed.plan
    gate = PhaseGateOperator(
        task_id="phase_gate",
        task_display_name="Phase gate",
        trigger_rule="all_done",
        doc_md="Compares every item's state with its record, seals the phase, and fails on a bypass.",
    )
    announce = AnnounceOperator(
        task_id="announce",
        task_display_name="Announce",
        title=plan.title,
        doc_md="Announces how the phase ended.",
    )
    gate.set_upstream(items)
    gate.set_downstream(announce.as_teardown())


def _dag_doc(deployed: DeployedDag) -> str:
    plan = deployed.plan
    lines = [f"## {plan.title}", "", plan.phase.description, ""]
    for section, items in plan.sections:
        lines += [f"### {section.title}", ""]
        lines += [
            f"- {planned.item.text} *({planned.item.mode}, {planned.item.owner.label})*" for planned in items
        ]
        lines.append("")
    return "\n".join(lines)


def _item_doc(spec: ItemSpec, names: Mapping[str, Any]) -> str:
    item = spec.item
    parts = [
        f"**{item.text}**",
        f"*{item.mode} · {item.severity} · {item.owner.label}*",
        f"**How it is verified.** {in_prose(item.how, names)}",
        f"**If it fails.** {in_prose(item.on_failure, names)}",
    ]
    if item.question:
        parts.append(f"**Question.** {in_prose(item.question, names)}")
    if item.side_effects:
        parts.append(
            f"**Side effects.** {', '.join(item.side_effects)}: runs only where the environment allows it."
        )
    if item.notes:
        parts.append(in_prose(item.notes, names))
    return "\n\n".join(parts)
