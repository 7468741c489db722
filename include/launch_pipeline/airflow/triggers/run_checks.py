"""Run one item's checks, in whichever process: the same coroutine for triggerer and worker."""

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
    """Run the checks of an item (a dumped ``Item``) once; everything that goes wrong is in the evidence."""
    model = Item.model_validate(item)
    environment = await asyncio.to_thread(environment_of, launch)
    variables = {**environment.variables, **launch.variables()}
    environment = environment.model_copy(update={"variables": variables})
    context = CheckContext(environment=environment, connect=connection_cache().get, holders=_holders)
    results = await run_checks(model.checks, context, side_effects=model.side_effects)
    return Evidence.of(task_instance_id, results)


async def _holders(role: Role) -> list[Holder]:
    """Who holds a role, for checks that look whether people are there."""
    try:
        people = await asyncio.to_thread(contacts)
    except ConfigurationError as error:
        raise NotConnected(str(error)) from error
    return [Holder(person.name, person.slack_id) for person in people.holders(role)]


async def observe_once(item: dict[str, Any], launch: LaunchContext, task_instance_id: str) -> Evidence:
    """``observe`` in a loop that ends with it, as in a worker: its clients end as well."""
    try:
        return await observe(item, launch, task_instance_id)
    finally:
        await close_clients()
