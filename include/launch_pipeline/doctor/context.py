"""Give checks at a terminal what a task would have: environment, connections and people.

Environment variables of this terminal win. Those of the stack found by ``--home`` come second, so the checks
of a rehearsal can be tried from a second terminal.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from launch_pipeline.errors import ConfigurationError, NotConnected, OperationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from launch_pipeline.airflow.hooks.terminal_connections import OutsideConnections
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.checks.engine.context import CheckContext, Environment, Holder
    from launch_pipeline.stack.target import Target

HERE, STACK = "this terminal", "the running stack"


@dataclass(frozen=True)
class CheckSetup:
    """Everything that is known before a server is asked."""

    environment: Environment
    connections: OutsideConnections
    contacts_file: Path | None
    environment_file: str = "include/environments/<name>.yaml"
    """Where the environment is written."""

    def context(self, variables: Mapping[str, Any] | None = None) -> CheckContext:
        """Build the context of checks; ``variables`` override those of the environment."""
        from launch_pipeline.checks.engine.context import CheckContext  # noqa: PLC0415

        merged = {**self.environment.variables, **(variables or {})}
        environment = self.environment.model_copy(update={"variables": merged})
        return CheckContext(environment, self.connections.get, self._holders)

    async def _holders(self, role: Role) -> Sequence[Holder]:
        from launch_pipeline.approvals.contacts import load_contacts  # noqa: PLC0415
        from launch_pipeline.checks.engine.context import Holder  # noqa: PLC0415

        if self.contacts_file is None:
            raise NotConnected(f"not connected: the contacts, which name the {role.label}")
        try:
            people = load_contacts(self.contacts_file).holders(role)
        except ConfigurationError as error:
            raise NotConnected(str(error)) from error
        return [Holder(person.name, person.slack_id) for person in people]


def find_setup(target: Target, environment: str | None, contacts: Path | None = None) -> CheckSetup:
    """Find environment, connections and contacts.

    Raises BadParameter for an unknown environment, ConfigurationError for an invalid one.
    """
    from launch_pipeline.airflow.hooks.terminal_connections import OutsideConnections  # noqa: PLC0415

    stack = stack_variables(target)
    places: dict[str, Mapping[str, str]] = {HERE: os.environ, STACK: stack}
    try:
        api = target.api()
    except OperationError:
        # No stack runs, or no user is given: use the variables of this terminal.
        api = None
    return CheckSetup(
        environment=environment_named(environment, stack),
        connections=OutsideConnections(places, api),
        contacts_file=contacts or contacts_of(stack),
        environment_file=_environment_file(environment, stack),
    )


def stack_variables(target: Target) -> dict[str, str]:
    """Return the environment variables of the stack's components; empty if no local stack is meant."""
    import psutil  # noqa: PLC0415

    from launch_pipeline.stack.settings import STACK_VARIABLE  # noqa: PLC0415

    info = None if target.url else target.info()
    if info is None:
        return {}
    try:
        for process in psutil.Process(info.pid).children():
            found: dict[str, str] = process.environ()
            if "AIRFLOW_HOME" in found and STACK_VARIABLE in found:
                return found
    except psutil.Error:
        # The process belongs to another user, or has ended.
        return {}
    return {}


def environment_named(name: str | None, stack: Mapping[str, str]) -> Environment:
    """Return the environment of that name; without a name, one in which nothing is set."""
    from launch_pipeline.checks.engine.context import Environment, load_environment  # noqa: PLC0415

    if name is None:
        return Environment(name="none")
    files = dict(_environment_files(stack))
    if name not in files:
        near = difflib.get_close_matches(name, files, 1) or sorted(files)
        message = f"there is no environment {name!r}. Known: {', '.join(near) or 'none yet'}."
        raise typer.BadParameter(message)
    return load_environment(files[name])


def _environment_file(name: str | None, stack: Mapping[str, str]) -> str:
    """Return the file of the environment of that name; without a name, a pattern of where to write one."""
    if name is None:
        return CheckSetup.environment_file
    file = dict(_environment_files(stack))[name]
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _environment_files(stack: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Yield environment files by name, those of the stack's own folder last, so that they win."""
    from launch_pipeline.launch.environments import ENVIRONMENTS_VARIABLE, environment_files  # noqa: PLC0415

    yield from environment_files().items()
    folder = "" if os.environ.get(ENVIRONMENTS_VARIABLE) else stack.get(ENVIRONMENTS_VARIABLE, "")
    if folder:
        yield from ((file.stem, file) for file in sorted(Path(folder).glob("*.yaml")))


def contacts_of(stack: Mapping[str, str]) -> Path | None:
    """Return the contacts file of this terminal, else that of the running stack, else None."""
    from launch_pipeline.approvals.deployed import CONTACTS_VARIABLE  # noqa: PLC0415
    from launch_pipeline.checklist.files import include_folder  # noqa: PLC0415
    from launch_pipeline.stack.settings import contacts_file  # noqa: PLC0415

    if not os.environ.get(CONTACTS_VARIABLE) and stack.get(CONTACTS_VARIABLE):
        return Path(stack[CONTACTS_VARIABLE])
    return contacts_file(include_folder().parent)
