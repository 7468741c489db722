"""``launch status``: show where a launch is, what blocks it, and who must answer what."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.cli.commands.launches import UNFINISHED
from launch_pipeline.cli.console import ExitCode, out
from launch_pipeline.cli.options import HomeOption, LedgerOption, UrlOption, UserOption
from launch_pipeline.errors import LaunchError, LaunchRefused
from launch_pipeline.stack.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.checklist.plan import DagPlan
    from launch_pipeline.cli.commands.status.read import AgainItem, Hold, LaunchStatus, Sources
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import LedgerEntry

EXAMPLES = """\
Show a launch: time to T-0, the next window, its phases with items by outcome, what blocks it, and who must
answer what.

Without an id, the running launch is shown, or the last one. --json prints one JSON object. --watch into a
pipe or a file prints the status again whenever it changes. Exits with 1 if there is no such launch.

\b
Examples:
  launch status
  launch status production-2.4.0 --watch
  launch status production-2.4.0 --json
"""
WATCH_EVERY = 3.0


def status(
    launch_id: Annotated[str | None, typer.Argument(help="The launch [default: the running one]")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep showing it until the launch has ended")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
    home: HomeOption = None,
    url: UrlOption = None,
    user: UserOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Read the status and show it, once or until the launch has ended."""
    target = Target(home, url, user, ledger)
    api, dsn = target.api(), target.find_ledger()
    chosen = launch_id or current_launch(api)
    plans, contacts, notes = load_documents()

    def read() -> LaunchStatus:
        from launch_pipeline.cli.commands.status.read import read_status  # noqa: PLC0415

        return read_status(gather(api, chosen, plans, dsn, notes, target, contacts), plans, contacts)

    if as_json:
        out().print_json(read().model_dump_json())
    elif watch:
        _watch(read)
    else:
        from launch_pipeline.cli.commands.status.render import render  # noqa: PLC0415

        out().print(render(read()))


def _watch(read: Any) -> None:
    from rich.live import Live  # noqa: PLC0415

    from launch_pipeline.cli.commands.status.render import render  # noqa: PLC0415

    current, console = read(), out()
    if not console.is_terminal:
        _watch_plainly(read, current, console)
    with Live(render(current), console=console, auto_refresh=False, vertical_overflow="visible") as live:
        while not current.over:
            time.sleep(WATCH_EVERY)
            current = read()
            live.update(render(current), refresh=True)
    raise typer.Exit(ExitCode.OK)


def _watch_plainly(read: Any, current: LaunchStatus, console: Console) -> NoReturn:
    """Print the status again whenever it has changed; a pipe or file cannot show a live display."""
    from launch_pipeline.cli.commands.status.render import render  # noqa: PLC0415

    console.print(render(current))
    while not current.over:
        time.sleep(WATCH_EVERY)
        before, current = current, read()
        if current != before:
            console.print(render(current))
    raise typer.Exit(ExitCode.OK)


def current_launch(api: AirflowApi) -> str:
    """Return the id of the running launch, else of the last one.

    Raises :class:`LaunchRefused` if there is none, or if several are running.
    """
    runs = api.dag_runs(CONDUCTOR)
    running = [run["dag_run_id"] for run in runs if run["state"] in UNFINISHED]
    if len(running) > 1:
        raise LaunchRefused(f"several launches are running; name one of: {', '.join(running)}.")
    if not runs:
        raise LaunchRefused("there is no launch yet. Start one with 'launch start'.")
    return str(running[0] if running else runs[0]["dag_run_id"])


def load_documents() -> tuple[dict[str, DagPlan], Contacts | None, tuple[str, ...]]:
    """Return the plans of the Dags, the contacts if there are any, and notes on what could not be read."""
    from launch_pipeline.approvals.contacts import load_contacts  # noqa: PLC0415
    from launch_pipeline.checklist.files import include_folder  # noqa: PLC0415
    from launch_pipeline.checklist.load import load_phases  # noqa: PLC0415
    from launch_pipeline.checklist.plan import plan_dags  # noqa: PLC0415
    from launch_pipeline.checks.engine.registry import parameter_models  # noqa: PLC0415
    from launch_pipeline.stack.settings import contacts_file  # noqa: PLC0415

    plans = plan_dags(load_phases(parameter_models()))
    path = contacts_file(include_folder().parent)
    try:
        return plans, load_contacts(path) if path else None, ()
    except LaunchError as error:
        return plans, None, (f"the contacts could not be read, so no names are shown: {error}",)


def gather(
    api: AirflowApi,
    launch_id: str,
    plans: Mapping[str, DagPlan],
    ledger_dsn: str | None,
    notes: tuple[str, ...] = (),
    target: Target | None = None,
    contacts: Contacts | None = None,
) -> Sources:
    """Read everything about a launch. Raises :class:`LaunchRefused` if there is no such launch."""
    from launch_pipeline.cli.commands.status.read import Sources  # noqa: PLC0415

    runs = api.runs_of_launch(launch_id)
    if not runs:
        raise LaunchRefused(f"there is no launch {launch_id!r}. 'launch status' shows the current one.")
    kept, launch, trouble = from_ledger(ledger_dsn, launch_id, contacts)
    conf = (runs.get(CONDUCTOR) or {}).get("conf") or {}
    pace, unknown = pace_of(launch.environment if launch else conf.get("environment"), target or Target())
    return Sources(
        launch_id=launch_id,
        url=api.base_url,
        runs=runs,
        tasks={
            dag_id: api.task_instances(dag_id, launch_id) for dag_id in runs if dag_id in {*plans, CONDUCTOR}
        },
        requests=[
            r for r in api.hitl_details("~", launch_id) if r["task_instance"]["dag_run_id"] == launch_id
        ],
        outcomes=kept.outcomes if kept else None,
        decided=kept.decided if kept else {},
        t_0_sealed_at=kept.t_0_sealed_at if kept else "",
        pace=pace,
        launch_at=launch.launch_at.isoformat() if launch else "",
        release=launch.release if launch else "",
        release_sha=launch.release_sha if launch else "",
        hold=kept.hold if kept else None,
        again=kept.again if kept else (),
        ended_as=launch.state.value if launch and launch.over else "",
        notes=(*notes, *trouble, *unknown),
    )


def pace_of(environment: str | None, target: Target) -> tuple[float, tuple[str, ...]]:
    """Return the time scale of the launch's environment, and notes on what could not be read."""
    from launch_pipeline.doctor.context import environment_named, stack_variables  # noqa: PLC0415

    try:
        return environment_named(environment, stack_variables(target)).pace, ()
    except (typer.BadParameter, LaunchError) as error:
        return 1.0, (f"the windows are shown in real time, which may be wrong: {error}",)


@dataclass(frozen=True)
class Kept:
    """The items of a launch according to the ledger."""

    outcomes: dict[str, str]
    decided: dict[str, tuple[str, str]]
    t_0_sealed_at: str
    hold: Hold | None = None
    again: tuple[AgainItem, ...] = ()

    @classmethod
    def of(cls, entries: list[LedgerEntry]) -> Kept:
        """Read the ledger's rows; the last record of a task instance wins."""
        from launch_pipeline.checklist.sequence import T_0  # noqa: PLC0415

        records = [record for entry in entries if (record := entry.record)]
        sealed = [
            str(entry.content.get("sealed_at"))
            for entry in entries
            if entry.kind == "seal" and entry.dag_id == T_0 and entry.content.get("complete")
        ]
        return cls(
            outcomes={record.task_instance_id: record.outcome.value for record in records},
            decided={
                record.task_instance_id: (record.decided_by.name if record.decided_by else "", record.reason)
                for record in records
            },
            t_0_sealed_at=sealed[-1] if sealed else "",
        )


def from_ledger(
    dsn: str | None, launch_id: str, contacts: Contacts | None = None
) -> tuple[Kept | None, Launch | None, tuple[str, ...]]:
    """Return the recorded items, the recorded launch, and notes on what could not be read."""
    from launch_pipeline.cli.commands.status.changing import again_of, hold_of  # noqa: PLC0415
    from launch_pipeline.ledger.launches import Launches  # noqa: PLC0415
    from launch_pipeline.ledger.ledger import Ledger  # noqa: PLC0415

    if dsn is None:
        return (
            None,
            None,
            ("the ledger's address is not known here (--ledger), so green items show as 'done'.",),
        )
    try:
        entries = Ledger(dsn).entries(launch_id)
        kept = Kept.of(entries)
    except LaunchError as error:
        return None, None, (f"the ledger could not be read, so green items show as 'done': {error}",)
    try:
        launch = Launches(dsn).get(launch_id)
    except LaunchError:
        # A phase that was triggered by itself belongs to no launch in the ledger.
        return kept, None, ()
    again, trouble = again_of(dsn, launch, entries, contacts)
    return replace(kept, hold=hold_of(launch, entries, contacts), again=again), launch, trouble
