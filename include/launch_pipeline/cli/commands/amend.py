"""``launch amend``: have a running launch adopt today's checklists, overlay and environment."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launch_pipeline.cli.console import out, readable
from launch_pipeline.cli.options import HomeOption, LaunchArgument, PersonOption, UrlOption
from launch_pipeline.cli.stale import show_stale
from launch_pipeline.stack.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console
    from rich.table import Table

EXAMPLES = """\
Show what today's checklists, overlay and environment differ in from what a launch runs by, and adopt it.

Without --reason nothing changes. Your account must hold a role that the policy names ('who_may_amend'); where
'amend_needs_second' is set, another such person confirms what you asked for.

\b
Examples:
  launch amend production-2.4.0
  launch amend production-2.4.0 --diff
  launch amend production-2.4.0 --reason "the load test has a new threshold" --user ada.technical
  launch amend production-2.4.0 --confirm sha256:0f3a... --user carla.cto
"""
SHORT = 40
"""The most characters of a value in the table; ``--diff`` shows all of it."""
_WORDS = {
    "definition": "may differ: an older version of this package stored no definitions",
    "on_failure": "on failure",
    "side_effects": "side effects",
    "evidence_only": "evidence only",
}


def amend(
    launch_id: LaunchArgument,
    reason: Annotated[str | None, typer.Option(help="Amend the launch; why goes into the record")] = None,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="Confirm the amendment that another person asked for"),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Also show each value before and after")] = False,
    home: HomeOption = None,
    url: UrlOption = None,
    user: PersonOption = None,
) -> None:
    """Print the differences; with a reason, adopt exactly these."""
    if reason is not None and confirm is not None:
        message = "give --reason to ask for an amendment, or --confirm to confirm one, not both."
        raise typer.BadParameter(message)
    target = Target(home, url, user)
    api = target.api() if reason is None and confirm is None else target.person()
    found = api.amendment(launch_id)
    _show(found, texts=diff)
    if confirm is not None:
        _amended(launch_id, api.confirm_amendment(launch_id, confirm))
    elif reason is not None and found["differences"]:
        _amended(launch_id, api.amend_launch(launch_id, reason, found["digest"]))
    elif found["differences"]:
        _show_next_step(found)


def _amended(launch_id: str, reply: Mapping[str, Any]) -> None:
    console = out()
    if digest := reply.get("proposed"):
        console.print("✓ asked for; the launch runs on as before until another person confirms it:")
        console.print(f"  launch amend {launch_id} --confirm {digest}", markup=False)
        return
    console.print(f"✓ {launch_id} is amended", markup=False)
    show_stale(reply)


def _show(found: Mapping[str, Any], *, texts: bool) -> None:
    console = out()
    if not found["differences"]:
        console.print(f"Nothing differs from what {found['launch_id']} runs by.", markup=False)
        return
    console.print(_table(found))
    if texts:
        for one in found["differences"]:
            _show_texts(console, one)
    console.print(f"amendment {found['digest']}", style="dim", markup=False)


def _table(found: Mapping[str, Any]) -> Table:
    from rich.table import Table  # noqa: PLC0415 - slow to import
    from rich.text import Text  # noqa: PLC0415

    table = Table("differs", "in", "what will happen", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for row in _rows(found):
        table.add_row(*(Text(readable(cell)) for cell in row))
    return table


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield settings first, then the items by phase: those that differ, and those that use what does."""
    items = {one["item_ref"]: one for one in found["consequences"]}
    differing = {one["where"]: one for one in found["differences"]}
    for where, one in differing.items():
        if where not in items:
            yield (where, _what(one), "")
    phase = ""
    for ref, one in sorted(items.items(), key=lambda pair: pair[1]["phase_title"]):
        if one["phase_title"] != phase:
            phase = one["phase_title"]
            yield (f"{phase} ({one['phase']})", "", "")
        yield (f"  {one['text']}", _what(differing.get(ref)) or "; ".join(one["why"]), one["words"])


def _what(difference: Mapping[str, Any] | None) -> str:
    if difference is None:
        return ""
    shown = difference["shown"]
    if difference["what"] == ["value"] and len(shown) == 1:
        return f"{_short(shown[0]['before'])} → {_short(shown[0]['after'])}"
    return ", ".join(_WORDS.get(name, name) for name in difference["what"])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return (line if len(line) <= SHORT else f"{line[:SHORT]}…") or "nothing"


def _show_texts(console: Console, difference: Mapping[str, Any]) -> None:
    for one in difference["shown"]:
        console.print(f"\n{readable(difference['where'])}: {readable(one['name'])}", markup=False)
        before, after = (readable(one[side]).splitlines() for side in ("before", "after"))
        for line in list(difflib.unified_diff(before, after, lineterm="", n=1))[3:]:
            style = {"-": "red", "+": "green"}.get(line[:1], "")
            console.print(f"  {line}", style=style, markup=False)


def _show_next_step(found: Mapping[str, Any]) -> None:
    console, launch_id = out(), found["launch_id"]
    if proposed := found["proposed"]:
        said = f"{proposed['by']} asks for this: {proposed['reason']}"
        console.print(readable(said), markup=False)
        console.print("To confirm it as another person:")
        console.print(f"  launch amend {launch_id} --confirm {found['digest']}", markup=False)
        return
    console.print("Nothing has changed yet. To have the launch run by it:")
    console.print(f'  launch amend {launch_id} --reason "..."', markup=False)
