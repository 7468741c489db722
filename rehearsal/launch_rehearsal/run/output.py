"""Print the beginning and the end of a rehearsal: tables for people, or one JSON document."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from launch_rehearsal.run.display import outcome_table, unexplained_table, waiver_table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from launch_pipeline.approvals.contacts import Contacts
    from launch_rehearsal.run.stage import Stage
    from launch_rehearsal.run.summary import Summary


def explain(console: Console, stage: Stage) -> None:
    """Print the people and what to do, for a user who answers by hand."""
    console.print(f"passwords  {stage.settings.passwords_file}", markup=False)
    for person in stage.contacts.people:
        roles = ", ".join(role.label for role in stage.contacts.roles_of(person.id))
        console.print(f"  {person.airflow_user:<22} {person.name:<18} {roles}", markup=False)
    console.print(
        "\nOn Slack's page, choose who you are and answer on the cards in the launch's thread. Or sign in to"
        "\nAirflow as one of these people. If a phase fails, clear the item with its downstream tasks in"
        "\nAirflow, then clear the failed step of the Dag 'launch' (as rita.release or admin)."
        "\nT-0 waits for you: a window opens half a minute after everything before it is complete."
        "\nWhen the launch is over, everything keeps running. Press Ctrl-C to stop it.\n"
    )


def addresses(console: Console, stage: Stage) -> None:
    """Print the addresses of Slack and Airflow."""
    console.print(f"\n[bold]Slack      {stage.slack_url}[/]  [bold yellow]REHEARSAL[/]")
    console.print(f"Airflow    {stage.settings.url}", markup=False)


def write_report(dsn: str, launch_id: str, contacts: Contacts, home: Path) -> Path:
    """Write the launch's report as a page into the home, where it outlives the processes.

    Raises LedgerError where the ledger cannot be read.
    """
    from launch_pipeline.report import page, source  # noqa: PLC0415 - loads jinja2

    path = home / f"{launch_id}.html"
    path.write_text(page.render(source.make_report(dsn, launch_id, lambda: contacts)), encoding="utf-8")
    return path


def told_again(summary: Summary) -> str:
    """Say in one line how many items were verified again, and why."""
    return ", ".join(
        f"{one.items} {'item' if one.items == 1 else 'items'} ({one.why})" for one in summary.again
    )


def tell_as_json(summary: Summary, seconds: float) -> None:
    """Write the summary to standard output as one JSON object."""
    extra = {
        "total": summary.total,
        "complete": summary.complete,
        "as_planned": summary.as_planned,
        "seconds": round(seconds, 1),
    }
    document = summary.model_dump(mode="json") | extra
    sys.stdout.write(f"{json.dumps(document, indent=1, ensure_ascii=False)}\n")


def tell(console: Console, summary: Summary, seconds: float, stage: Stage) -> None:
    """Print the outcomes of all items, and the folders to look into."""
    console.print(outcome_table(summary))
    console.print(waiver_table(summary))
    if summary.unexplained:
        console.print(unexplained_table(summary))
    for problem in (
        *summary.untold,
        *(f"{ref} is still being verified again." for ref in summary.open_again),
    ):
        console.print(problem, style="red", markup=False)
    for line in summary.lines:
        for problem in line.problems:
            console.print(f"{line.title}: {problem}", style="red", markup=False)
    minutes, rest = divmod(round(seconds), 60)
    end = "[green]complete[/]" if summary.complete else "[red]not complete[/]"
    console.print(f"\n{end}: {summary.total} of the document's items have an outcome,")
    console.print(f"{summary.verified} of them verified by their own checks, in {minutes}:{rest:02} min.")
    if summary.again:
        console.print(f"verified again: {told_again(summary)}", markup=False)
    settings = stage.settings
    console.print(f"home       {settings.home}", markup=False)
    console.print(f"passwords  {settings.passwords_file}", markup=False)
    console.print(f"logs       {settings.log_folder}", markup=False)
