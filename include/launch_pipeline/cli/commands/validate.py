"""``launch validate``: read all configuration as strictly as the pipeline does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from launch_pipeline.cli.console import ExitCode, complain, out
from launch_pipeline.cli.options import ContactsOption
from launch_pipeline.errors import InvalidChecklist, LaunchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EXAMPLES = """\
Check all checklists, environments, contacts and the policy, and list every problem with its fix.

\b
Examples:
  launch validate
  launch validate --contacts contacts.yaml
"""


def validate(
    contacts: ContactsOption = None,
) -> None:
    """Read everything; exit with 1 if anything is wrong."""
    console = out()
    found = 0
    for name, summary, errors in results(contacts):
        for error in errors:
            complain(error)
        found += sum(len(e.problems) if isinstance(e, InvalidChecklist) else 1 for e in errors)
        if not errors:
            console.print(f"[green]✓[/] {name}: {summary}")
    if found:
        console.print(f"\n{found} problem{'s' if found > 1 else ''}.")
        raise typer.Exit(ExitCode.REFUSED)


def results(contacts: Path | None) -> Iterator[tuple[str, str, list[LaunchError]]]:
    """Yield the name, a summary and the problems of each kind of file."""
    from launch_pipeline.approvals.contacts import load_contacts  # noqa: PLC0415
    from launch_pipeline.approvals.policy import load_policy  # noqa: PLC0415
    from launch_pipeline.checklist.files import include_folder  # noqa: PLC0415

    include = include_folder()
    yield ("checklists", *_read(_checklists))
    if (include / "checklists" / "overrides.yaml").exists():
        yield ("overrides", *_overrides())
    yield ("policy", *_read(lambda: _said(load_policy(include / "checklists" / "policy.yaml"), "readable")))
    path = contacts or _contacts(include)
    yield (f"contacts ({path.name})", *_read(lambda: f"{len(load_contacts(path).people)} people"))
    for each in sorted((include / "environments").glob("*.yaml")):
        yield (f"environment ({each.name})", *_read(partial(_environment, each)))


def _read(load: Callable[[], str]) -> tuple[str, list[LaunchError]]:
    try:
        return load(), []
    except LaunchError as error:
        return "", [error]


def _said(_loaded: Any, words: str) -> str:
    return words


def _environment(path: Path) -> str:
    from launch_pipeline.checks.engine.environment import load_environment  # noqa: PLC0415

    return f"{len(load_environment(path).variables)} variables"


def _checklists() -> str:
    from launch_pipeline.checklist.load import load_phases  # noqa: PLC0415
    from launch_pipeline.checks.engine.registry import parameter_models  # noqa: PLC0415

    phases = load_phases(parameter_models())
    return f"{sum(len(phase.items()) for phase in phases)} items in {len(phases)} files"


def _overrides() -> tuple[str, list[LaunchError]]:
    """Say what the overlay changes; a variable that nothing uses is a mistake."""
    from launch_pipeline.checklist.load import load_phases  # noqa: PLC0415
    from launch_pipeline.checks.docs.variables import told, unused  # noqa: PLC0415
    from launch_pipeline.checks.engine.registry import parameter_models  # noqa: PLC0415

    try:
        return told() or "changes nothing", list(unused(load_phases(parameter_models())))
    except InvalidChecklist:
        # Listed with the checklists, whose row comes first.
        return "see the checklists", []
    except LaunchError as error:
        return "", [error]


def _contacts(include: Path) -> Path:
    """Return the file that the stack would use, else the example, which must be valid as well."""
    from launch_pipeline.stack.settings import contacts_file  # noqa: PLC0415

    return contacts_file(include.parent) or include / "contacts.example.yaml"
