"""Find the items of launches as the launches have them, for the api-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags
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
    today = deployed_dags().get(dag_id)
    if today is None:
        return None
    launch = Launches(dsn := ledger_dsn()).find(run_id)
    if launch is None:
        return today.specs.get(task_id)
    return spec_in_force(dsn, LaunchContext.of_launch(launch), dag_id, task_id)


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
