"""The terminal: one console for output, one for trouble, and exit codes by kind of error."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from launch_pipeline.errors import InvalidChecklist, LaunchError, LedgerUnavailable, OperationError
from launch_pipeline.stack.terminal import console

if TYPE_CHECKING:
    from rich.console import Console


class ExitCode(IntEnum):
    """What a caller's script learns. 2 is the parser's own, for wrong usage."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    STACK = 3
    INTERRUPTED = 130


def out() -> Console:
    """Return the console for results."""
    return console(soft_wrap=True)


def err() -> Console:
    """Return the console for trouble, on standard error."""
    return console(stderr=True, soft_wrap=True)


def exit_code(error: LaunchError) -> ExitCode:
    """Return 3 where the stack failed, 1 where something was refused or is invalid.

    Airflow's own refusals (4xx) are refusals too; ``status`` is absent or 0 where it was not reached.
    """
    status = getattr(error, "status", 0)
    refused_by_airflow = 400 <= status < 500  # noqa: PLR2004 - the HTTP class of refusals
    if isinstance(error, OperationError | LedgerUnavailable) and not refused_by_airflow:
        return ExitCode.STACK
    return ExitCode.REFUSED


def complain(error: LaunchError) -> ExitCode:
    """Show the error, every problem on a line of its own, and return the exit code for it."""
    trouble = err()
    problems = error.problems if isinstance(error, InvalidChecklist) else (error,)
    for problem in problems:
        trouble.print("[bold red]✗[/]", end=" ")
        trouble.print(str(problem), markup=False)
    return exit_code(error)
