"""``launch report``: the checklist document with the outcome of each item."""

from __future__ import annotations

import os
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launch_pipeline.cli.console import err
from launch_pipeline.cli.options import ContactsOption, HomeOption, LedgerOption, UrlOption, UserOption
from launch_pipeline.errors import ConfigurationError, LaunchError, OperationError
from launch_pipeline.stack.target import Target

if TYPE_CHECKING:
    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.report.model import Note, Report

EXAMPLES = """\
Write the report of a launch: the ticked document, with outcome, evidence, name and reason for each item.

It is made from the ledger alone, at any time. The notes of its Dag runs are added if Airflow is reachable.
It contains names; telephone numbers and e-mail addresses only with --addresses. Its file is readable by you
alone.

\b
Exit codes: 0 written, 1 no such launch, 2 wrong usage, 3 the ledger cannot be reached.

\b
Examples:
  launch report production-2.4.0 --format html            writes production-2.4.0.html
  launch report production-2.4.0 > report.md
  launch report production-2.4.0 --format json | jq .counts
  launch report --strip report.md | diff - include/checklists/production-launch-checklist.md
"""


class Format(StrEnum):
    """Format of the report."""

    MD = "md"
    HTML = "html"
    JSON = "json"


def report(
    launch_id: Annotated[str | None, typer.Argument(help="The launch")] = None,
    format_: Annotated[Format, typer.Option("--format", help="Markdown, a web page, or JSON")] = Format.MD,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="File, overwritten [default: standard output; html: LAUNCH_ID.html]"),
    ] = None,
    addresses: Annotated[
        bool,
        typer.Option("--addresses", help="Include telephone numbers and e-mail addresses of the contacts"),
    ] = False,
    strip: Annotated[
        Path | None, typer.Option("--strip", help="Reduce a Markdown report to the document without outcomes")
    ] = None,
    contacts: ContactsOption = None,
    ledger: LedgerOption = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: UserOption = None,
) -> None:
    """Build the report and write it."""
    if (launch_id is None) == (strip is None):
        raise typer.BadParameter("name a launch, or give a report with --strip.")
    if strip is not None:
        _write(_stripped(strip), output)
        return
    from launch_pipeline.report.source import make_report  # noqa: PLC0415

    target = Target(home, url, user, ledger)
    notes, unread = _notes(target, str(launch_id))
    made = make_report(
        target.ledger_dsn(),
        str(launch_id),
        lambda: _contacts(target, contacts),
        notes=notes,
        notes_unread=unread,
        with_addresses=addresses,
    )
    page = Path(f"{str(launch_id).replace('/', '-')}.html")
    _write(_rendered(made, format_), output or (page if format_ is Format.HTML else None))


def _rendered(made: Report, format_: Format) -> str:
    if format_ is Format.JSON:
        return made.model_dump_json(indent=1) + "\n"
    if format_ is Format.HTML:
        from launch_pipeline.report import page  # noqa: PLC0415 - loads jinja2

        return page.render(made)
    from launch_pipeline.report import markdown  # noqa: PLC0415
    from launch_pipeline.report.document import read_document  # noqa: PLC0415

    return markdown.render(made, read_document())


def _stripped(path: Path) -> str:
    from launch_pipeline.report.marks import stripped  # noqa: PLC0415

    try:
        return stripped(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        fix = "name a report that 'launch report' wrote as Markdown."
        raise ConfigurationError(str(path), "", f"cannot be read: {error}.", fix) from error


def _notes(target: Target, launch_id: str) -> tuple[tuple[Note, ...], str]:
    """Return the notes of the launch's Dag runs; without Airflow none, and why they are missing."""
    from launch_pipeline.checklist.sequence import title  # noqa: PLC0415
    from launch_pipeline.report.model import Note  # noqa: PLC0415

    try:
        runs = target.api().runs_of_launch(launch_id)
    except LaunchError as error:
        return (), f"The notes are in Airflow, which was not reached: {error}"
    found = {dag_id: run["note"] for dag_id, run in runs.items() if run.get("note")}
    return tuple(Note(of=title(dag_id), text=found[dag_id]) for dag_id in sorted(found, key=title)), ""


def _contacts(target: Target, named: Path | None) -> Contacts:
    from launch_pipeline.approvals.contacts import load_contacts  # noqa: PLC0415
    from launch_pipeline.doctor.context import contacts_of, stack_variables  # noqa: PLC0415

    path = named or contacts_of(stack_variables(target))
    if path is None:
        fix = "name the file with --contacts (LAUNCH_CONTACTS)."
        raise ConfigurationError("contacts", "", "no file is named, and no stack runs here.", fix)
    # No roles are required here: the report shows the contacts there are.
    return load_contacts(path, ())


def _write(text: str, output: Path | None) -> None:
    if output is None:
        # As bytes, so that line ends are not translated.
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
        return
    _replace(output, text.encode())
    err().print(f"{output}: {len(text.encode()) // 1024} KiB", markup=False)


def _replace(path: Path, content: bytes) -> None:
    """Write a file atomically, readable only by its owner."""
    try:
        # mkstemp creates it with mode 0600.
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(draft).replace(path)
        except OSError:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OperationError(f"{path} cannot be written: {error.strerror or error}.") from error
