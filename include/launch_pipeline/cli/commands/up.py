"""``launch up`` and ``launch down``: run the whole stack in the foreground, and stop it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launch_pipeline.cli.console import err, out
from launch_pipeline.cli.options import ContactsOption, HomeOption
from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.stack.target import Target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from launch_pipeline.stack.home import StackInfo
    from launch_pipeline.stack.progress import Progress, Step
    from launch_pipeline.stack.settings import StackSettings, User
    from launch_pipeline.stack.stack import Stack

UP_EXAMPLES = """\
Start PostgreSQL, Airflow and the ledger, and keep them running until Ctrl-C.

\b
Examples:
  launch up
  launch up --port 8090 --home ~/launch-staging
  launch up --contacts contacts.yaml --launchers ada.technical
"""
DOWN_EXAMPLES = """\
Stop a stack that 'launch up' started in another terminal.

\b
Examples:
  launch down
  launch down --home ~/launch-staging
"""
DOWN_TIMEOUT = 60.0
LaunchersOption = Annotated[
    str,
    typer.Option(
        "--launchers",
        envvar="LAUNCH_LAUNCHERS",
        help="Airflow users who may start launches, separated by commas [default: only 'admin']",
    ),
]


def up(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web interface")] = 8080,
    host: Annotated[str, typer.Option(help="Address on which the web interface listens")] = "127.0.0.1",
    contacts: ContactsOption = None,
    launchers: LaunchersOption = "",
    parallelism: Annotated[
        int, typer.Option(min=1, help="Maximum number of tasks that run at the same time")
    ] = 8,
) -> None:
    """Start the stack and run until Ctrl-C."""
    from launch_pipeline.stack.deploying import names_in  # noqa: PLC0415
    from launch_pipeline.stack.settings import StackSettings  # noqa: PLC0415
    from launch_pipeline.stack.stack import Stack  # noqa: PLC0415

    given: dict[str, Any] = {"port": port, "host": host, "parallelism": parallelism}
    if contacts:
        given["contacts"] = contacts.resolve()
    settings = StackSettings.resolve(home=home, **given)
    settings = settings.model_copy(update={"users": users_of(settings, names_in(launchers))})
    run_until_interrupted(Stack(settings), settings)


def down(home: HomeOption = None) -> None:
    """Stop the stack of another terminal, and wait until it has stopped."""
    info = Target(home=home).info()
    if info is None:
        out().print("No stack runs here.")
        return
    with suppress(ProcessLookupError):
        os.kill(info.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT
    while _alive(info.pid):
        if time.monotonic() > deadline:
            problem = f"the stack (pid {info.pid}) did not stop within {DOWN_TIMEOUT:.0f} s."
            raise OperationError(f"{problem} Read its logs in {info.log_folder}.")
        time.sleep(0.2)
    out().print("[green]✓[/] stopped")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def users_of(settings: StackSettings, launchers: Collection[str] = ()) -> tuple[User, ...]:
    """Return Airflow's users: an administrator, and all people in the contacts with an Airflow user.

    All of them may answer; those in ``launchers`` may also start, postpone and abort launches. Raises
    :class:`ConfigurationError` for contacts that cannot be read, or a name that Airflow does not allow.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from launch_pipeline.airflow.deployment.fab_roles import FabRole  # noqa: PLC0415
    from launch_pipeline.approvals.contacts import load_contacts  # noqa: PLC0415
    from launch_pipeline.stack.settings import ADMIN_USER, User  # noqa: PLC0415

    admin = User(name=ADMIN_USER, roles=frozenset({FabRole.ADMIN}))
    people = load_contacts(settings.contacts).people if settings.contacts else ()
    names = [person.airflow_user for person in people if person.active and person.airflow_user]
    if strangers := [name for name in launchers if name not in names]:
        problem = f"{', '.join(strangers)} is not the 'airflow_user' of an active person in the contacts."
        raise ConfigurationError("--launchers", "", problem, "add the person there, or correct the name.")
    may_start = {FabRole.APPROVER, FabRole.LAUNCHER}
    try:
        users = [
            User(name=name, roles=may_start if name in launchers else {FabRole.APPROVER}) for name in names
        ]
        return (admin, *(user for user in users if user.name != admin.name))
    except ValidationError as error:
        problem = f"{error.errors()[0]['input']!r} cannot be an Airflow user name."
        fix = "use a name without spaces, ':' and ','."
        raise ConfigurationError(str(settings.contacts), "people.airflow_user", problem, fix) from error


def run_until_interrupted(stack: Stack, settings: StackSettings) -> None:
    """Start the stack, watch it, and stop it at the first Ctrl-C or SIGTERM; a second one kills it.

    Raises KeyboardInterrupt after a clean stop, :class:`OperationError` when a component dies.
    """
    with termination_as_interrupt():
        try:
            with shown_progress() as progress:
                info = stack.start(progress)
            show_addresses(info, settings)
            stack.wait()
        except KeyboardInterrupt:
            stop(stack)
            raise


def stop(stack: Stack) -> None:
    """Stop the stack and show progress; kill it if interrupted again."""
    console = err()
    console.print("\nStopping. Ctrl-C again kills what is left.")
    try:
        with shown_progress() as progress:
            stack.stop(progress)
    except KeyboardInterrupt:
        stack.abandon()
        console.print("[yellow]Killed.[/] The database recovers at the next start.")


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C within the block, and SIGINT even if the shell ignored it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Show steps as they run: a spinner for the current one, a line for each that ended."""
    from launch_pipeline.stack.progress import StepState  # noqa: PLC0415

    console = err()
    marks = {StepState.DONE: "[green]✓[/]", StepState.FAILED: "[red]✗[/]", StepState.WARNING: "[yellow]![/]"}
    with console.status("starting") as status:

        def show(step: Step) -> None:
            if step.state is StepState.STARTED:
                status.update(f"{step.name} …")
                return
            took = f" [dim]{step.seconds:.1f} s[/]" if step.seconds >= 0.05 else ""  # noqa: PLR2004
            console.print(f"{marks[step.state]} {step.name}{took}", end=" " if step.detail else "\n")
            if step.detail:
                console.print(step.detail, markup=False)

        yield show


def show_addresses(info: StackInfo, settings: StackSettings) -> None:
    """Print the stack's address, its users, and where passwords and logs are."""
    from launch_pipeline.airflow.deployment.fab_roles import FabRole  # noqa: PLC0415

    users = ", ".join(f"{user.name} ({user.words})" for user in settings.users)
    console = out()
    console.print(f"\n[bold]{info.url}[/]" + ("  [bold yellow]REHEARSAL[/]" if info.rehearsal else ""))
    console.print(f"users      {users}", markup=False)
    console.print(f"passwords  {info.passwords_file}", markup=False)
    console.print(f"logs       {info.log_folder}", markup=False)
    if settings.contacts is None:
        console.print(
            "contacts   none, so no request can be answered."
            " Copy include/contacts.example.yaml to contacts.yaml."
        )
    elif not any(FabRole.LAUNCHER in user.roles for user in settings.users):
        console.print("launchers  none: name people who may start launches with --launchers.")
    console.print("\nCtrl-C stops everything.")
