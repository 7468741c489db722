"""Find the environment files of this deployment."""

from __future__ import annotations

import os
from pathlib import Path

from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checks.engine.context import Environment, load_environment
from launch_pipeline.errors import ConfigurationError

ENVIRONMENTS_VARIABLE = "LAUNCH_ENVIRONMENTS"


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


def environment_files() -> dict[str, Path]:
    """Return the environment files of this deployment by name, without the examples.

    Files in the folder that ``LAUNCH_ENVIRONMENTS`` names override those of ``include/environments``.
    """
    folders = [include_folder() / "environments", Path(os.environ.get(ENVIRONMENTS_VARIABLE, ""))]
    files = [file for folder in folders if folder.name for file in sorted(folder.glob("*.yaml"))]
    return {file.stem: file for file in files if not file.stem.endswith(".example")}
