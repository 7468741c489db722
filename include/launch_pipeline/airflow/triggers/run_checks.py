"""Run an item's checks: the same coroutine for triggerer and worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.check_connections import connection_cache
from launch_pipeline.approvals.deployed import contacts, known_contacts
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.context import CheckContext, Holder
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.errors import ConfigurationError, NotConnected
from launch_pipeline.launch.basis import rests_on
from launch_pipeline.launch.evidence import Evidence

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.in_force import Settings


async def observe(item: Item, launch: LaunchContext, settings: Settings, task_instance_id: str) -> Evidence:
    """Run the checks of an item once. A check that fails to run is in the evidence.

    The evidence names what the look rests on: the launch and the settings that it was made with.
    """
    given = launch.variables()
    context = CheckContext(environment=settings.of(given), connect=connection_cache().get, holders=holders_of)
    results = await run_checks(item.checks, context, side_effects=item.side_effects)
    names = rests_on(item, settings.lasting(given), await asyncio.to_thread(known_contacts))
    return Evidence.of(task_instance_id, results, names)


async def holders_of(role: Role) -> list[Holder]:
    """Return who holds a role, for checks that look for people."""
    try:
        known = await asyncio.to_thread(contacts)
    except ConfigurationError as error:
        raise NotConnected(str(error)) from error
    return [Holder(person.name, person.slack_id) for person in known.holders(role)]


async def observe_once(
    item: Item, launch: LaunchContext, settings: Settings, task_instance_id: str
) -> Evidence:
    """Run ``observe`` in a worker's own loop, and close the clients that belong to it."""
    try:
        return await observe(item, launch, settings, task_instance_id)
    finally:
        await close_clients()
