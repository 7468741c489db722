"""Run an item's checks: the same coroutine for triggerer and worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.check_connections import connection_cache
from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.model import Item
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.context import CheckContext, Holder
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.errors import ConfigurationError, NotConnected
from launch_pipeline.launch.environments import environment_of
from launch_pipeline.launch.evidence import Evidence

if TYPE_CHECKING:
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.launch.context import LaunchContext


async def observe(item: dict[str, Any], launch: LaunchContext, task_instance_id: str) -> Evidence:
    """Run the checks of an item (a dumped ``Item``) once. A check that fails to run is in the evidence."""
    model = Item.model_validate(item)
    environment = await asyncio.to_thread(environment_of, launch)
    variables = {**environment.variables, **launch.variables()}
    environment = environment.model_copy(update={"variables": variables})
    context = CheckContext(environment=environment, connect=connection_cache().get, holders=_holders)
    results = await run_checks(model.checks, context, side_effects=model.side_effects)
    return Evidence.of(task_instance_id, results)


async def _holders(role: Role) -> list[Holder]:
    """Return who holds a role, for checks that look for people."""
    try:
        people = await asyncio.to_thread(contacts)
    except ConfigurationError as error:
        raise NotConnected(str(error)) from error
    return [Holder(person.name, person.slack_id) for person in people.holders(role)]


async def observe_once(item: dict[str, Any], launch: LaunchContext, task_instance_id: str) -> Evidence:
    """Run ``observe`` in a worker's own loop, and close the clients that belong to it."""
    try:
        return await observe(item, launch, task_instance_id)
    finally:
        await close_clients()
