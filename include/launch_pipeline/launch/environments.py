"""Find the environment files of this deployment, and the environment of a launch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checks.engine.context import Environment, load_environment
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from launch_pipeline.launch.context import LaunchContext

ENVIRONMENTS_VARIABLE = "LAUNCH_ENVIRONMENTS"


def environment_of(launch: LaunchContext) -> Environment:
    """Return the environment of a launch, as its file is now.

    Raises ConfigurationError if the file is missing or wrong, or if it is for rehearsals and the launch is
    not one: its side effects and its compressed time must never reach a real launch.
    """
    environment = environment_named(launch.environment)
    if environment.rehearsal and not launch.rehearsal:
        problem = f"is for rehearsals, but the launch {launch.launch_id!r} is not one."
        fix = "remove 'rehearsal: true' from the file, or launch in another environment."
        raise ConfigurationError(f"the environment {launch.environment!r}", "rehearsal", problem, fix)
    return environment


def environment_named(name: str) -> Environment:
    """Return the environment of that name; without a name, one that sets nothing.

    Raises ConfigurationError if the file is missing or wrong.
    """
    if not name:
        return Environment(name="none")
    known = environment_files()
    if name not in known:
        there = ", ".join(known) or "none yet"
        fix = f"choose one of these: {there}; or add include/environments/{name}.yaml."
        raise ConfigurationError(f"the environment {name!r}", "", "does not exist.", fix)
    return load_environment(known[name])


def environment_variables(name: str) -> dict[str, Any]:
    """Return the variables of an environment for texts that people read; none if its file is wrong.

    The item's checks tell of the mistake; a request must reach its person all the same.
    """
    try:
        return environment_named(name).variables
    except ConfigurationError:
        return {}


def environment_files() -> dict[str, Path]:
    """Return the environment files of this deployment by name, without the examples.

    Files in the folder that ``LAUNCH_ENVIRONMENTS`` names override those of ``include/environments``.
    """
    folders = [include_folder() / "environments", Path(os.environ.get(ENVIRONMENTS_VARIABLE, ""))]
    files = [file for folder in folders if folder.name for file in sorted(folder.glob("*.yaml"))]
    return {file.stem: file for file in files if not file.stem.endswith(".example")}
