"""``launch check``: run the checks of one item from a terminal."""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launch_pipeline.cli.console import ExitCode, complain, err, out
from launch_pipeline.cli.options import ContactsOption, EnvironmentOption, HomeOption, UrlOption, UserOption
from launch_pipeline.doctor.context import find_setup
from launch_pipeline.errors import LaunchError
from launch_pipeline.stack.target import Target

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checklist.plan import PlannedItem
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.verdict import CheckResult, Finding, Verdict
    from launch_pipeline.doctor.context import CheckSetup

EXAMPLES = """\
Run the checks of one item now and show what was seen, what was expected, and the verdict.

ITEM is phase.section.item, or any unique end of it. Connections are read from AIRFLOW_CONN_... of this
terminal, then from the stack of --home. Nothing is recorded.

\b
Exit codes: 0 passed, 1 failed, 2 wrong usage or an invalid file, 3 inconclusive.

\b
Examples:
  launch check tls_certificates_valid --environment production
  launch check security.cors --set release=2.4.0 --json
"""
EXIT = {"passed": 0, "failed": 1, "inconclusive": 3}
"""Exit code by verdict."""
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "inconclusive": ("?", "yellow")}
NEAR = 8
_UNSET = re.compile(r"variable '(\w+)' is not set")


@dataclass(frozen=True)
class Checked:
    """What ``--json`` prints; the field names are its keys."""

    item: str
    text: str
    verdict: Verdict
    environment: str
    connections: dict[str, str]
    """Connection id to where it was found."""
    checks: list[dict[str, Any]]
    """The results, as in the evidence of a launch."""


def variable(text: str) -> tuple[str, Any]:
    """Parse ``name=value``; a value that begins with ``[`` or ``{`` is read as JSON."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE; write for example release=2.4.0.")
    if not value.startswith(("[", "{")):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        message = f"the value of {name!r} begins like JSON but is none; write for example {name}='[\"a\"]'."
        raise typer.BadParameter(message) from None


def check(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The item, or a unique end of its name")],
    environment: EnvironmentOption = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set a variable, such as release=2.4.0"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
    contacts: ContactsOption = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: UserOption = None,
) -> None:
    """Find the item, run its checks, show the results, and exit by the verdict."""
    from launch_pipeline.launch.context import launch_variables  # noqa: PLC0415 - loads pydantic

    try:
        planned = find_item(item)
        variables = launch_variables(dict(variable(text) for text in given or ()))
        setup = find_setup(Target(home, url, user), environment, contacts)
        results = _run(planned.item, setup.context(variables), quiet=as_json)
    except LaunchError as error:
        complain(error)
        # Exit code 1 is the verdict "failed".
        raise typer.Exit(ExitCode.USAGE) from error
    checked = _checked(planned, setup, results)
    if as_json:
        out().print_json(data=asdict(checked))
    else:
        show(out(), planned.item, checked, results)
    raise typer.Exit(EXIT[checked.verdict])


def _checked(planned: PlannedItem, setup: CheckSetup, results: list[CheckResult]) -> Checked:
    from launch_pipeline.checks.verdict import Verdict  # noqa: PLC0415

    return Checked(
        item=planned.ref,
        text=planned.item.text,
        verdict=Verdict.of([result.verdict for result in results]),
        environment=setup.environment.name,
        connections=setup.connections.sources,
        checks=[result.model_dump(mode="json") for result in results],
    )


def find_item(name: str) -> PlannedItem:
    """Return the item of that name. Raises BadParameter, with similar items, if there is none or several."""
    from launch_pipeline.checklist.files import checklist_folder  # noqa: PLC0415
    from launch_pipeline.checklist.load import load_phases  # noqa: PLC0415
    from launch_pipeline.checklist.plan import plan_dags  # noqa: PLC0415
    from launch_pipeline.checks.engine.registry import parameter_models  # noqa: PLC0415

    plans = plan_dags(load_phases(parameter_models()))
    items = {planned.ref: planned for plan in plans.values() for planned in plan.items}
    ends = [ref for ref in items if ref == name or ref.endswith(f".{name}")]
    if len(ends) == 1:
        return items[ends[0]]
    if ends:
        raise typer.BadParameter(f"{name!r} matches several items: {', '.join(ends)}.")
    if not items:
        raise typer.BadParameter(f"there are no checklists in {checklist_folder()}.")
    near = near_items(name, {ref: planned.item.text for ref, planned in items.items()})
    raise typer.BadParameter(f"there is no item {name!r}. {near_words(near)}")


def near_items(name: str, texts: dict[str, str]) -> list[str]:
    """Return at most eight refs: with similar ids, then those that share most words with the name."""
    last = name.rpartition(".")[2].lower()
    words = re.findall(r"[a-z0-9]{3,}", last)
    scores = {
        ref: sum(word in f"{ref.rpartition('.')[2]} {text.lower()}" for word in words)
        for ref, text in texts.items()
    }
    best = max(scores.values(), default=0)
    sharing = [ref for ref, score in scores.items() if best and score == best]
    alike = difflib.get_close_matches(last, [ref.rpartition(".")[2] for ref in texts], NEAR, 0.7)
    looking = [ref for ref in texts if ref.rpartition(".")[2] in alike]
    return list(dict.fromkeys([*looking, *sharing]))[:NEAR]


def near_words(near: list[str]) -> str:
    """Suggest what may have been meant."""
    if not near:
        return "docs/catalogue.md lists all items."
    return f"Did you mean: {', '.join(near)}?"


def _run(item: Item, context: CheckContext, *, quiet: bool) -> list[CheckResult]:
    from launch_pipeline.checks.engine.client_pool import close_clients  # noqa: PLC0415
    from launch_pipeline.checks.engine.run import run_checks  # noqa: PLC0415

    async def running() -> list[CheckResult]:
        try:
            return await run_checks(item.checks, context, side_effects=item.side_effects)
        finally:
            await close_clients()

    if quiet:
        return asyncio.run(running())
    with err().status(f"{item.text} …"):
        return asyncio.run(running())


def show(console: Console, item: Item, checked: Checked, results: list[CheckResult]) -> None:
    """Print the item, each check with its comparisons, the sources of connections, and the verdict."""
    console.print(f"{checked.item}  ", style="bold", markup=False, end="")
    console.print(item.text, markup=False)
    for result in results:
        _show_check(console, result)
    for conn_id, place in checked.connections.items():
        console.print(f"connection {conn_id}: {place}", style="dim", markup=False)
    if not results:
        console.print(f"This item has no checks; a person is asked: {item.question}", markup=False)
    unset = sorted({name for result in results for name in _UNSET.findall(result.headline)})
    if unset:
        given = " ".join(f"--set {name}=..." for name in unset)
        console.print(f"\nTo try it with values: {given}", style="dim", markup=False)
    mark, style = MARKS[checked.verdict]
    console.print(f"\n{mark} {checked.verdict}", style=f"bold {style}", markup=False)
    if item.mode.needs_person and results:
        console.print(f"A person is asked as well: {item.question}", style="dim", markup=False)


def _show_check(console: Console, result: CheckResult) -> None:
    mark, style = MARKS[result.verdict]
    attempts = f", {result.attempts} attempts" if result.attempts > 1 else ""
    # A server that was not reached is known only by its connection.
    named = result.authority in {"", str(result.params.get("conn_id"))}
    asked = f" asked {result.authority}" if not named else ""
    console.print(f"\n{mark} {result.kind}", style=style, markup=False, end="")
    console.print(f"{asked}, {result.duration_ms} ms{attempts}", style="dim", markup=False)
    console.print(f"  {result.headline}", markup=False)
    if result.findings:
        console.print(_table(result.findings))


def _table(findings: tuple[Finding, ...]) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from launch_pipeline.checks.language.expect import shown  # noqa: PLC0415

    table = Table(
        "", "of", "looked at", "seen", "expected", box=None, padding=(0, 2, 0, 0), header_style="dim"
    )
    for finding in findings:
        mark, style = ("✓", "green") if finding.holds else ("✗", "red")
        note = f" ({finding.note})" if finding.note else ""
        cells = (finding.subject, finding.expression, shown(finding.actual), finding.wanted + note)
        table.add_row(Text(f"  {mark}", style=style), *(Text(cell) for cell in cells))
    return table
