"""``launch catalogue``: all items and kinds of checks on one page."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from launch_pipeline.cli.console import out
from launch_pipeline.errors import ConfigurationError, OperationError

EXAMPLES = """\
Write the catalogue of all items and all kinds of checks, as Markdown.

With --check nothing is written; exits with 1 if the file is out of date.

\b
Examples:
  launch catalogue
  launch catalogue --check
  launch catalogue --output our-catalogue.md
"""


def catalogue(
    check: Annotated[bool, typer.Option("--check", help="Only compare, do not write")] = False,
    output: Annotated[Path | None, typer.Option(help="The file [default: docs/catalogue.md]")] = None,
) -> None:
    """Write the catalogue, or compare it with the file."""
    from launch_pipeline.checks.docs.catalogue import rendered  # noqa: PLC0415
    from launch_pipeline.stack.settings import project_root  # noqa: PLC0415

    path = output or project_root() / "docs" / "catalogue.md"
    text = rendered()
    if check:
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            problem = "does not match the present checklists and kinds."
            raise ConfigurationError(str(path), "", problem, "run 'launch catalogue'.")
        out().print(f"[green]✓[/] {path.name} is up to date")
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperationError(f"{path} cannot be written: {error.strerror or error}.") from error
    out().print(f"{path}: {len(text.splitlines())} lines", markup=False)
