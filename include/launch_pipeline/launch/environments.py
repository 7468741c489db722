"""Find the environment files of this deployment, and the environment of a launch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checks.engine.context import Environment, load_environment
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from launch_pipeline.launch.context import LaunchContext

ENVIRONMENTS_VARIABLE = "LAUNCH_ENVIRONMENTS"


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
