"""Find the items of launches as the launches have them, for the api-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.checklist.sequence import ALL_PHASES
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags, readable_dag
from launch_pipeline.launch.in_force import dags_in_force, spec_in_force
from launch_pipeline.ledger.launches import Launches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.launch import Launch


def spec_asked_about(dag_id: str, run_id: str, task_id: str) -> ItemSpec | None:
    """Return the item of a task as its launch has it; without a launch, as today's checklist has it.

    None where the task is not an item. The ledger is asked only about Dags of a checklist. Raises
    LedgerUnavailable, LaunchRefused, InvalidChecklist.
    """
    if not of_checklists(dag_id):
        return None
    launch = Launches(dsn := ledger_dsn()).find(run_id)
    if launch is None:
        today = deployed_dags().get(dag_id)
        return today.specs.get(task_id) if today else None
    return spec_in_force(dsn, LaunchContext.of_launch(launch), dag_id, task_id)


def of_checklists(dag_id: str) -> bool:
    """Return whether a Dag may have items: today's checklists have it, or a launch may have begun with it.

    A checklist that is edited or removed under a running launch takes no request out of the guard.
    """
    return dag_id in ALL_PHASES or readable_dag(dag_id) is not None


def dags_shown(launch: Launch | None, today: Mapping[str, DeployedDag]) -> Mapping[str, DeployedDag]:
    """Return the Dags of a launch for display; today's where it has none, or cannot go on by its own.

    Raises LedgerUnavailable.
    """
    if launch is None:
        return today
    try:
        return dags_in_force(ledger_dsn(), LaunchContext.of_launch(launch))
    except LaunchRefused:
        return today
