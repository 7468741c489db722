"""The terminal: consoles for results and errors, and exit codes by kind of error."""

from __future__ import annotations

import os
from enum import IntEnum
from typing import TYPE_CHECKING

from launch_pipeline.errors import InvalidChecklist, LaunchError, LedgerUnavailable, OperationError

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 160
"""Columns if neither a terminal nor ``COLUMNS`` gives a width; rich's 80 breaks wide tables."""


class ExitCode(IntEnum):
    """Exit codes for scripts. 2 is the parser's own, for wrong usage."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    STACK = 3
    INTERRUPTED = 130


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """Return a console without highlighting, wide enough for any table in a pipe."""
    from rich.console import Console  # noqa: PLC0415 - keeps 'launch --help' fast

    made = Console(stderr=stderr, highlight=False, soft_wrap=soft_wrap)
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        made.width = PIPE_WIDTH
    return made


def out() -> Console:
    """Return the console for results."""
    return console(soft_wrap=True)


def err() -> Console:
    """Return the console for errors and progress, on standard error."""
    return console(stderr=True, soft_wrap=True)


def readable(text: str) -> str:
    """Return a text that people wrote without characters that steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def exit_code(error: LaunchError) -> ExitCode:
    """Return 3 if the stack failed, 1 if something was refused or is invalid.

    Airflow's 4xx answers count as refusals. ``status`` is absent or 0 if Airflow was not reached.
    """
    status = getattr(error, "status", 0)
    refused_by_airflow = 400 <= status < 500  # noqa: PLR2004 - the HTTP class of refusals
    if isinstance(error, OperationError | LedgerUnavailable) and not refused_by_airflow:
        return ExitCode.STACK
    return ExitCode.REFUSED


def complain(error: LaunchError) -> ExitCode:
    """Print the error, one line per problem, and return its exit code."""
    trouble = err()
    problems = error.problems if isinstance(error, InvalidChecklist) else (error,)
    for problem in problems:
        trouble.print("[bold red]✗[/]", end=" ")
        trouble.print(str(problem), markup=False)
    return exit_code(error)
