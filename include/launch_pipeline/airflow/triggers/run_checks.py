"""Run one item's checks, in whichever process: the same coroutine for triggerer and worker."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.check_connections import connection_cache
from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checklist.model import Item
from launch_pipeline.checks.engine.clients import close_clients
from launch_pipeline.checks.engine.context import CheckContext, Environment, Holder, load_environment
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.errors import ConfigurationError, NotConnected
from launch_pipeline.launch.evidence import Evidence

if TYPE_CHECKING:
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.launch.context import LaunchContext

ENVIRONMENTS_VARIABLE = "LAUNCH_ENVIRONMENTS"


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


def environment_of(launch: LaunchContext) -> Environment:
    """The environment in which a launch runs, as its file says now.

    Raises ConfigurationError where the file is missing or wrong, and where it is that of a rehearsal and the
    launch is none: however the file got there, its side effects and its compressed time are for rehearsals.
    """
    environment = environment_named(launch.environment)
    if environment.rehearsal and not launch.rehearsal:
        problem = f"is for rehearsals, and the launch {launch.launch_id!r} is none."
        fix = "take 'rehearsal: true' out of the file again, or launch in another environment."
        raise ConfigurationError(f"the environment {launch.environment!r}", "rehearsal", problem, fix)
    return environment


def environment_named(name: str) -> Environment:
    """The environment file of that name; without a name, an environment in which nothing is set.

    Raises ConfigurationError where the file is missing or wrong.
    """
    if not name:
        return Environment(name="none")
    shipped = include_folder() / "environments" / f"{name}.yaml"
    return load_environment(environment_files().get(name, shipped))


def environment_files() -> dict[str, Path]:
    """Environment files of this deployment by name; examples are none.

    Files of the folder that ``LAUNCH_ENVIRONMENTS`` names come before those of ``include/environments``.
    """
    folders = [include_folder() / "environments", Path(os.environ.get(ENVIRONMENTS_VARIABLE, ""))]
    files = [file for folder in folders if folder.name for file in sorted(folder.glob("*.yaml"))]
    return {file.stem: file for file in files if not file.stem.endswith(".example")}
