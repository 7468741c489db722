"""``launch start``, ``launch postpone`` and ``launch abort``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.cli.console import out
from launch_pipeline.cli.options import (
    HomeOption,
    LedgerOption,
    PersonOption,
    ReasonOption,
    TerminalOption,
    UrlOption,
)
from launch_pipeline.cli.stale import show_stale
from launch_pipeline.stack.target import Target, terminal_user

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.ledger.launches import Launches

UNFINISHED = frozenset({"queued", "running"})

START_EXAMPLES = """\
Start a launch: trigger the Dag 'launch' with release, launch time and environment.

\b
Examples:
  launch start --release 2.4.0 --previous-release 2.3.6 --environment production \\
      --release-commit 9f2c1e7d0b3a4c5d6e7f8091a2b3c4d5e6f70819 \\
      --launch-time 2030-06-01T10:00:00+02:00
  launch start --release 2.4.0 --previous-release 2.3.6 --environment staging \\
      --release-commit "$(git rev-parse v2.4.0)" \\
      --launch-time 2030-06-01T10:00:00Z --id staging-2.4.0 --user ada.technical
"""
POSTPONE_EXAMPLES = """\
Move a launch to another time. Windows that have not opened yet move with it. The move is recorded.

\b
Examples:
  launch postpone production-2.4.0 --to 2030-06-03T10:00:00+02:00 \\
      --reason "payment provider is down" --user ada.technical
  launch postpone production-2.4.0 --to 2030-06-03T10:00:00+02:00 \\
      --reason "Airflow is down" --terminal
"""
ABORT_EXAMPLES = """\
End a launch for good. The record says who ended it and why; its unfinished runs are set to failed.

\b
Examples:
  launch abort production-2.4.0 --reason "release withdrawn" --user ada.technical
  launch abort production-2.4.0 --reason "release withdrawn" --yes --terminal
"""


def moment(text: str) -> datetime:
    """Parse a date and time with a time zone. Raises BadParameter."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not a date and time; write for example 2030-06-01T10:00:00+02:00."
        raise typer.BadParameter(message) from None
    if parsed.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no time zone; write {text}+00:00, or your own offset.")
    return parsed


MomentArgument = Annotated[
    datetime, typer.Option(parser=moment, metavar="DATE-TIME", help="The new launch time, with time zone")
]


def start(
    release: Annotated[str, typer.Option(help="Version to launch")],
    release_commit: Annotated[str, typer.Option(help="Its commit, all 40 characters")],
    launch_time: Annotated[
        datetime, typer.Option(parser=moment, metavar="DATE-TIME", help="When T-0 begins, with time zone")
    ],
    environment: Annotated[str, typer.Option(help="A file of include/environments, without .yaml")],
    previous_release: Annotated[
        str | None, typer.Option(help="Version to roll back to [default: none, as for a first launch]")
    ] = None,
    launch_id: Annotated[
        str | None, typer.Option("--id", help="Name of the launch [default: from environment and release]")
    ] = None,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Mark everything REHEARSAL")] = False,
    home: HomeOption = None,
    url: UrlOption = None,
    user: PersonOption = None,
) -> None:
    """Trigger the conductor as the person who signs in, and print how to follow the launch."""
    api = Target(home, url, user).person()
    conf = {
        "release": release,
        "release_sha": release_commit,
        "previous_release": previous_release,
        "launch_at": launch_time.isoformat(),
        "environment": environment,
        "rehearsal": rehearsal,
    }
    run = api.trigger(CONDUCTOR, conf, launch_id or name_launch(environment, release, datetime.now(UTC)))
    console = out()
    console.print(f"[green]✓[/] launch [bold]{run['dag_run_id']}[/] started")
    console.print(f"{api.base_url}/dags/{CONDUCTOR}/runs/{run['dag_run_id']}", markup=False)
    console.print(f"launch status {run['dag_run_id']} --watch", markup=False)


def name_launch(environment: str, release: str, now: datetime) -> str:
    """Return a readable run id for Airflow, different each second."""
    name = re.sub(r"[^A-Za-z0-9_.~:+-]+", "-", f"{environment}-{release}")
    return f"{name}-{now:%Y%m%dT%H%M%S}"


def postpone(
    launch_id: Annotated[str, typer.Argument(help="The launch")],
    to: MomentArgument,
    reason: ReasonOption,
    terminal: TerminalOption = False,
    ledger: LedgerOption = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: PersonOption = None,
) -> None:
    """Record the new launch time; waiting windows read it from there."""
    target = Target(home, url, user, ledger)
    moved = (
        _postponed(target, launch_id, to, reason)
        if terminal
        else target.person().postpone_launch(launch_id, to, reason)
    )
    out().print(f"[green]✓[/] {launch_id} launches at [bold]{moved['launch_at']}[/]")
    show_stale(moved)


def _postponed(target: Target, launch_id: str, to: datetime, reason: str) -> dict[str, Any]:
    from launch_pipeline.launch.stale_after import stale_by  # noqa: PLC0415 - reads checklists

    launches = _launches(target)
    before = launches.get(launch_id)
    after = launches.postpone(launch_id, to, terminal_user(), reason)
    return {"launch_at": after.launch_at.isoformat(), **stale_by(target.ledger_dsn(), before, after)}


def abort(
    launch_id: Annotated[str, typer.Argument(help="The launch")],
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation")] = False,
    terminal: TerminalOption = False,
    ledger: LedgerOption = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: PersonOption = None,
) -> None:
    """Record the end, then end all runs.

    A crash in between leaves a launch that opens no further gate. Running the command again ends the rest.
    """
    target = Target(home, url, user, ledger)
    api = None if terminal else target.person()
    if not yes:
        typer.confirm(f"End the launch {launch_id} for good?", abort=True)
    if api is None:
        _launches(target).abort(launch_id, terminal_user(), reason)
        ended = "its runs open no further gate; repeat without --terminal to end them"
    else:
        api.abort_launch(launch_id, reason)
        ended = f"{len(end_runs(api, launch_id))} Dag runs ended"
    out().print(f"[green]✓[/] {launch_id} aborted; {ended}")


def _launches(target: Target) -> Launches:
    from launch_pipeline.ledger.launches import Launches  # noqa: PLC0415 - opens the database driver

    return Launches(target.ledger_dsn())


def end_runs(api: AirflowApi, launch_id: str) -> list[str]:
    """Set every unfinished run of the launch to failed, the conductor first so that it starts no other."""
    runs = api.runs_of_launch(launch_id)
    unfinished = [dag_id for dag_id, run in runs.items() if run["state"] in UNFINISHED]
    ordered = sorted(unfinished, key=lambda dag_id: dag_id != CONDUCTOR)
    for dag_id in ordered:
        api.set_run_state(dag_id, launch_id, "failed")
    return ordered
