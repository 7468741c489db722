"""Consoles for people: as wide as the terminal, and wide enough for any table where there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 160
"""Columns where neither a terminal nor ``COLUMNS`` says how wide it is: in a pipe, a file, a log."""


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """Return a console that leaves numbers and addresses as they are.

    rich takes 80 columns where nothing says how wide it is, in which a table of ten is unreadable.
    """
    from rich.console import Console  # noqa: PLC0415 - 'launch --help' stays quick

    made = Console(stderr=stderr, highlight=False, soft_wrap=soft_wrap)
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        made.width = PLAIN_WIDTH
    return made
