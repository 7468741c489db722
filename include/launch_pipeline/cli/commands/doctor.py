"""``launch doctor``: what is connected, what missing connections would automate, and what is wrong."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from launch_pipeline.cli.console import ExitCode, err, out
from launch_pipeline.cli.options import (
    ContactsOption,
    EnvironmentOption,
    HomeOption,
    LedgerOption,
    UrlOption,
    UserOption,
)
from launch_pipeline.doctor.context import find_setup
from launch_pipeline.stack.target import Target

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from launch_pipeline.doctor.checks.diagnosis import ConnectionState, Diagnosis, VariableState

EXAMPLES = """\
Examine what the checks need: connections, variables, contacts, policy and ledger.

Each connection is probed once, for 3 seconds at most. A missing connection is not an error: its items ask
a person instead. The last lines say how many items verify themselves in the environment, what the others
lack (their names with --verbose), and which line of configuration would automate most next.
Exits with 1 if something is configured and does not work.

\b
Examples:
  launch doctor
  launch doctor --environment production --verbose
  launch doctor --environment production --json
  launch doctor --deployment      is this deployment ready for a launch?
"""
_ANSWERS = {True: ("yes", "green"), False: ("no", "bold red"), None: ("-", "dim")}


def doctor(
    environment: EnvironmentOption = None,
    deployment: Annotated[
        bool,
        typer.Option(
            "--deployment",
            help="Examine the deployment instead: components, guard, Dags, people, Slack, ledger, clocks",
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List the items as well")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
    contacts: ContactsOption = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: UserOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Diagnose, show the result, and exit with 1 if something is configured and does not work."""
    from launch_pipeline.doctor.checks.diagnosis import diagnose  # noqa: PLC0415

    target = Target(home, url, user, ledger)
    if deployment:
        examine(target, contacts, as_json=as_json)
        return
    setup = find_setup(target, environment, contacts)
    if as_json:
        found = diagnose(setup, target.find_ledger())
        out().print_json(found.model_dump_json())
    else:
        with err().status("probing …"):
            found = diagnose(setup, target.find_ledger())
        show(out(), found, verbose=verbose)
    if found.wrong:
        raise typer.Exit(ExitCode.REFUSED)


def examine(target: Target, contacts: Path | None, *, as_json: bool) -> None:
    """Show each row as it comes; exit with 1 if one of them must be fixed."""
    from launch_pipeline.doctor.deployment import run  # noqa: PLC0415
    from launch_pipeline.doctor.deployment.examined import Examined  # noqa: PLC0415
    from launch_pipeline.doctor.rows import show_row  # noqa: PLC0415

    rows = []
    for row in run.examine(Examined.of(target, contacts)):
        rows.append(row)
        if not as_json:
            show_row(out(), row)
    if as_json:
        out().print_json(data=[row.model_dump(mode="json") for row in rows])
    if wrong := sum(row.wrong for row in rows):
        err().print(f"{wrong} of {len(rows)} rows must be fixed before a launch.", style="bold red")
        raise typer.Exit(ExitCode.REFUSED)


def show(console: Console, found: Diagnosis, *, verbose: bool) -> None:
    """Print connections, missing variables, other rows, and the totals."""
    from launch_pipeline.doctor.rows import show_row  # noqa: PLC0415

    console.print(f"environment {found.environment}\n", style="bold", markup=False)
    console.print(_connections(found.connections))
    for state in found.connections:
        if state.wrong or (state.configured and state.says):
            style = "red" if state.wrong else "dim"
            console.print(f"{state.conn_id}: {state.says}", style=style, markup=False)
        _name_items(console, state.conn_id, state.items if verbose else ())
    _variables(console, found.missing_variables, verbose=verbose)
    for row in found.findings:
        show_row(console, row)
    _day_one(console, found, verbose=verbose)
    if found.wrong:
        wrong = [each.conn_id for each in found.connections if each.wrong]
        wrong += [each.what for each in found.findings if each.wrong]
        word = "problem" if len(wrong) == 1 else "problems"
        console.print(f"{len(wrong)} {word}: {', '.join(wrong)}", style="bold red", markup=False)


def _variables(console: Console, variables: tuple[VariableState, ...], *, verbose: bool) -> None:
    if variables:
        console.print("\nvariables that are not set", style="bold")
    for variable in variables:
        example = f"; still the example's {variable.example}" if variable.example else ""
        says = f"  {variable.name}: holds back {_items(len(variable.items))}{example}"
        console.print(says, markup=False, highlight=False)
        _name_items(console, variable.name, variable.items if verbose else ())
    console.print()


_LACKS = {
    "connection": "a connection that works",
    "variable": "a variable",
    "contacts": "the contacts, who hold the roles",
    "allow_side_effects": "permission for side effects (allow_side_effects)",
    "allow_commands": "permission for commands (allow_commands)",
}


def _day_one(console: Console, found: Diagnosis, *, verbose: bool) -> None:
    """Print how many items verify themselves, what the others lack, and what to set next."""
    where = "here, without an environment" if found.environment == "none" else f"in {found.environment}"
    console.print(
        f"\n{found.automated} of {found.items} items with checks verify themselves {where}"
        + (f"; a person approves {found.approved_too} of them as well." if found.approved_too else "."),
        style="bold",
        markup=False,
        highlight=False,
    )
    if found.without_checks:
        console.print(f"{_items(found.without_checks)} have no checks: people answer them.", highlight=False)
    if found.questions:
        console.print(f"{_items(len(found.questions))} with checks ask people, for want of")
    for want, words in _LACKS.items():
        items = [one.item for one in found.questions if want in {lack.want for lack in one.lacks}]
        if items:
            console.print(f"  {len(items):4} {words}", markup=False, highlight=False)
        _name_items(console, want, tuple(items) if verbose else ())
    if len({lack.want for one in found.questions for lack in one.lacks}) > 1:
        console.print("An item may lack several of these.", style="dim")
    if found.advice:
        console.print("To automate most next: ", end="", style="bold")
        console.print(f"{found.advice.says}.", markup=False, highlight=False, soft_wrap=True)


def _connections(states: tuple[ConnectionState, ...]) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    head = ("connection", "configured", "reachable", "permitted", "items", "lack only this")
    table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for state in states:
        answers = [Text(*_ANSWERS[answer]) for answer in (state.reachable, state.permitted)]
        where = Text(state.source.partition(" of ")[2] or state.source or "yes")
        where = where if state.configured else Text("missing", style="yellow")
        alone = "" if state.configured else str(state.alone)
        table.add_row(Text(state.conn_id), where, *answers, str(len(state.items)), alone)
    return table


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"


def _name_items(console: Console, name: str, refs: tuple[str, ...]) -> None:
    for ref in refs:
        console.print(f"    {name}: {ref}", style="dim", markup=False)
