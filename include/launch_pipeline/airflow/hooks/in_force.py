"""Read what a launch runs by, for workers and triggers; see ``launch/in_force.py``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.ledger import aledger_dsn, ledger_dsn
from launch_pipeline.launch.in_force import dag_in_force, dags_in_force, settings_in_force, spec_in_force

if TYPE_CHECKING:
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.launch.in_force import Settings
    from launch_pipeline.launch.item_records import ItemSpec


def settings_of(launch: LaunchContext) -> Settings:
    """Return the environment that a launch runs by, in a worker. Raises as ``settings_in_force`` does."""
    return settings_in_force(ledger_dsn(), launch)


async def asettings_of(launch: LaunchContext) -> Settings:
    """Do the same in a trigger."""
    return await asyncio.to_thread(settings_in_force, await aledger_dsn(), launch)


def dag_of(launch: LaunchContext, dag_id: str) -> DeployedDag:
    """Return a Dag with the items that a launch runs, in a worker. Raises as ``dag_in_force`` does."""
    return dag_in_force(ledger_dsn(), launch, dag_id)


def dags_of_launch(launch: LaunchContext) -> dict[str, DeployedDag]:
    """Return every Dag of a launch, in a worker. Raises as ``dag_in_force`` does."""
    return dags_in_force(ledger_dsn(), launch)


async def adags_of(launch: LaunchContext) -> dict[str, DeployedDag]:
    """Do the same in a trigger."""
    return await asyncio.to_thread(dags_in_force, await aledger_dsn(), launch)


def spec_of(launch: LaunchContext, dag_id: str, task_id: str) -> ItemSpec | None:
    """Return an item of a launch, in a worker; None if the launch does not have it."""
    return spec_in_force(ledger_dsn(), launch, dag_id, task_id)


async def aspec_of(launch: LaunchContext, dag_id: str, task_id: str) -> ItemSpec | None:
    """Do the same in a trigger."""
    return await asyncio.to_thread(spec_in_force, await aledger_dsn(), launch, dag_id, task_id)
