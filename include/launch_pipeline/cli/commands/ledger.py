"""``launch ledger verify`` and ``launch ledger export``."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from launch_pipeline.cli.console import ExitCode, err, out
from launch_pipeline.cli.options import HomeOption, LedgerOption
from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.stack.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.ledger.proof.verify import Verified

HELP = "The record of launches: verify that it is unchanged, or export it."
VERIFY_EXAMPLES = """\
Verify the hash chain of one launch, or of all, and that the table of launches agrees with it. Name the first
row, or the fact, that does not hold.

Rows removed from the end of a launch that still runs are noticed only with --head: give a head that was noted
or announced earlier.

\b
Exit codes: 0 whole, 1 broken, 2 wrong usage, 3 the ledger cannot be reached.

\b
Examples:
  launch ledger verify
  launch ledger verify production-2.4.0 \\
      --head sha256:4a44dc15364204a80fe80e9039455cc1608281820fe2b24f1e5233ade6af1dd5
  launch ledger verify --file production-2.4.0.jsonl
"""
EXPORT_EXAMPLES = """\
Write the rows of a launch as JSON Lines, with the digests that prove them.

verify_launch.py is written beside the file. It verifies the export with Python alone, without this pipeline
(python verify_launch.py FILE). The export contains names. Its file is readable by you alone; an existing file
is never overwritten.

\b
Examples:
  launch ledger export production-2.4.0 --output production-2.4.0.jsonl
  launch ledger export production-2.4.0 | jq -r 'select(.kind == "decision") | .content.text'
"""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@app.command("verify", help=VERIFY_EXAMPLES)
def verify(
    launch_id: Annotated[str | None, typer.Argument(help="The launch [default: all]")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Verify an export instead of the ledger")
    ] = None,
    head: Annotated[
        str | None, typer.Option("--head", metavar="DIGEST", help="Digest that the chain must contain")
    ] = None,
    ledger: LedgerOption = None,
    home: HomeOption = None,
) -> None:
    """Show the result of each launch; exit with 1 if one is broken."""
    if file is not None and launch_id is not None:
        raise typer.BadParameter("give a launch or --file, not both.")
    if head is not None and file is None and launch_id is None:
        raise typer.BadParameter("--head belongs to one launch; name the launch.")
    looked = _in_file(file, head) if file else _in_ledger(Target(home, None, None, ledger), launch_id, head)
    if [verified for verified in _shown(looked) if verified.broken]:
        raise typer.Exit(ExitCode.REFUSED)


def _in_file(file: Path, head: str | None) -> Iterator[Verified]:
    from launch_pipeline.ledger.export import read_export  # noqa: PLC0415
    from launch_pipeline.ledger.proof.verify import verify_links  # noqa: PLC0415

    links = read_export(file)
    yield verify_links(links[0].launch_id, links, head)


def _in_ledger(target: Target, launch_id: str | None, head: str | None) -> Iterator[Verified]:
    from launch_pipeline.ledger.proof import verify as proof  # noqa: PLC0415

    dsn = target.ledger_dsn()
    for name in [launch_id] if launch_id is not None else proof.known_launches(dsn):
        yield proof.verify(dsn, name, head)


def _shown(looked: Iterable[Verified]) -> Iterator[Verified]:
    console, count = out(), 0
    for count, verified in enumerate(looked, start=1):  # noqa: B007 - used after the loop
        good = verified.broken is None
        console.print("[green]✓[/]" if good else "[bold red]✗[/]", end=" ")
        says = f"{verified.rows} rows, {verified.state}, head {verified.head}"
        console.print(f"{verified.launch_id}: {says if good else verified.broken}", markup=False)
        yield verified
    if not count:
        console.print("The ledger is empty.")


@app.command("export", help=EXPORT_EXAMPLES)
def export(
    launch_id: Annotated[str, typer.Argument(help="The launch")],
    output: Annotated[
        Path | None, typer.Option("--output", help="New file [default: standard output]")
    ] = None,
    with_verifier: Annotated[
        bool, typer.Option("--verifier/--no-verifier", help="Write verify_launch.py beside the file")
    ] = True,
    ledger: LedgerOption = None,
    home: HomeOption = None,
) -> None:
    """Write the rows to the file or standard output, and a summary to standard error."""
    from launch_pipeline.ledger.export import export_lines  # noqa: PLC0415
    from launch_pipeline.ledger.proof.verify import read_rows, verify_rows  # noqa: PLC0415

    kept = read_rows(Target(home, None, None, ledger).ledger_dsn(), launch_id)
    text = "".join(f"{line}\n" for line in export_lines(kept.links))
    if output is None:
        typer.echo(text, nl=False)
    else:
        if with_verifier:
            lay_verifier(output.parent)
        write_new(output, text)
    verified = verify_rows(kept)
    says = f"but broken: {verified.broken}" if verified.broken else f"head {verified.head}"
    err().print(f"{launch_id}: {verified.rows} rows exported, {says}", markup=False)


def lay_verifier(folder: Path) -> None:
    """Write the stand-alone verifier into the folder, unless it is there already.

    Raises ConfigurationError if another file has its name, OperationError as :func:`write_new` does.
    """
    from launch_pipeline.ledger.export import VERIFIER, verifier  # noqa: PLC0415

    path, text = folder / VERIFIER, verifier()
    if not path.exists():
        write_new(path, text)
    elif path.read_bytes() != text.encode():
        fix = "move it away and export again, or add --no-verifier."
        raise ConfigurationError(
            str(path), "", "is there already, and differs from this release's verifier.", fix
        )


def write_new(path: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises ConfigurationError if it exists, OperationError if it cannot be written; no partial file remains.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        fix = "name another file: an export is never overwritten."
        raise ConfigurationError(str(path), "", "is there already.", fix) from error
    except OSError as error:
        raise OperationError(f"{path} cannot be written: {error.strerror or error}.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OperationError(f"{path} cannot be written: {error.strerror or error}.") from error
