"""``launch status``: where a launch is, what blocks it, and who must answer what."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launch_pipeline.cli.client import HomeOption, LedgerOption, Target, UrlOption, UserOption
from launch_pipeline.cli.console import ExitCode, out
from launch_pipeline.errors import LaunchError, LaunchRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checklist.plan import DagPlan
    from launch_pipeline.cli.reading import LaunchStatus, Sources
    from launch_pipeline.orchestration.airflow_api import AirflowApi
    from launch_pipeline.people.contacts import Contacts
    from launch_pipeline.record.launches import Launch

EXAMPLES = """\
Show a launch: its phases, items by outcome, what blocks, and who must answer what.

Without an id: the launch that runs, or the last one. With --json: one JSON object on standard output.
Exits with 1 if there is no such launch.

\b
Examples:
  launch status
  launch status production-2.4.0 --watch
  launch status production-2.4.0 --json
"""
WATCH_EVERY = 3.0


def status(
    launch_id: Annotated[str | None, typer.Argument(help="The launch [default: the one that runs]")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show again until it has ended")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
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
        from launch_pipeline.cli.reading import read_status  # noqa: PLC0415

        return read_status(gather(api, chosen, plans, dsn, notes), plans, contacts)

    if as_json:
        out().print_json(read().model_dump_json())
    elif watch:
        _watch(read)
    else:
        from launch_pipeline.cli.view import render  # noqa: PLC0415

        out().print(render(read()))


def _watch(read: Any) -> None:
    from rich.live import Live  # noqa: PLC0415

    from launch_pipeline.cli.view import render  # noqa: PLC0415

    current = read()
    with Live(render(current), console=out(), auto_refresh=False, vertical_overflow="visible") as live:
        while not current.over:
            time.sleep(WATCH_EVERY)
            current = read()
            live.update(render(current), refresh=True)
    raise typer.Exit(ExitCode.OK)


def current_launch(api: AirflowApi) -> str:
    """Return the id of the launch that runs, else of the last one.

    Raises :class:`LaunchRefused` if there is none, or if several run.
    """
    from launch_pipeline.cli.reading import CONDUCTOR  # noqa: PLC0415

    runs = api.dag_runs(CONDUCTOR)
    running = [run["dag_run_id"] for run in runs if run["state"] in {"queued", "running"}]
    if len(running) > 1:
        raise LaunchRefused(f"several launches run; name one of: {', '.join(running)}.")
    if not runs:
        raise LaunchRefused("there is no launch yet. Start one with 'launch start'.")
    return str(running[0] if running else runs[0]["dag_run_id"])


def load_documents() -> tuple[dict[str, DagPlan], Contacts | None, tuple[str, ...]]:
    """Return the plans of the Dags, the contacts if there are any, and what could not be read."""
    from launch_pipeline.checklist.files import include_folder  # noqa: PLC0415
    from launch_pipeline.checklist.load import load_phases  # noqa: PLC0415
    from launch_pipeline.checklist.plan import plan_dags  # noqa: PLC0415
    from launch_pipeline.checks.registry import parameter_models  # noqa: PLC0415
    from launch_pipeline.people.contacts import load_contacts  # noqa: PLC0415
    from launch_pipeline.runtime.settings import contacts_file  # noqa: PLC0415

    plans = plan_dags(load_phases(parameter_models()))
    path = contacts_file(include_folder().parent)
    try:
        return plans, load_contacts(path) if path else None, ()
    except LaunchError as error:
        return plans, None, (f"the contacts could not be read, so nobody is named: {error}",)


def gather(
    api: AirflowApi,
    launch_id: str,
    plans: Mapping[str, DagPlan],
    ledger_dsn: str | None,
    notes: tuple[str, ...] = (),
) -> Sources:
    """Read everything there is about a launch. Raises :class:`LaunchRefused` if there is no such launch."""
    from launch_pipeline.cli.reading import CONDUCTOR, Sources  # noqa: PLC0415

    runs = api.runs_of_launch(launch_id)
    if not runs:
        raise LaunchRefused(f"there is no launch {launch_id!r}. 'launch status' shows the current one.")
    outcomes, launch, trouble = from_ledger(ledger_dsn, launch_id)
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
        outcomes=outcomes,
        launch_at=launch.launch_at.isoformat() if launch else "",
        ended_as=launch.state.value if launch and launch.over else "",
        notes=(*notes, *trouble),
    )


def from_ledger(
    dsn: str | None, launch_id: str
) -> tuple[dict[str, str] | None, Launch | None, tuple[str, ...]]:
    """Return outcomes by task instance id, the launch as recorded, and what could not be read."""
    from launch_pipeline.record.launches import Launches  # noqa: PLC0415
    from launch_pipeline.record.ledger import Ledger  # noqa: PLC0415

    if dsn is None:
        return None, None, ("the ledger is not known here (--ledger): green items show as 'done'.",)
    try:
        records = [entry.record for entry in Ledger(dsn).entries(launch_id)]
        outcomes = {record.task_instance_id: record.outcome.value for record in records if record}
    except LaunchError as error:
        return None, None, (f"the ledger could not be read, green items show as 'done': {error}",)
    try:
        return outcomes, Launches(dsn).get(launch_id), ()
    except LaunchError:
        # A phase that was triggered on its own belongs to no launch that the ledger knows.
        return outcomes, None, ()
