"""Render a launch's status for the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from launch_pipeline.cli.commands.status.read import ItemState
from launch_pipeline.cli.commands.status.timeline import NOT_STARTED, clock, countdown, next_window

if TYPE_CHECKING:
    from launch_pipeline.cli.commands.status.read import (
        AgainItem,
        Blocker,
        LaunchStatus,
        PhaseStatus,
        Request,
    )

_RUN_MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "running": ("▶", "cyan"),
    "queued": ("…", "cyan"),
    NOT_STARTED: ("·", "dim"),
    "complete": ("✓", "green"),
    "aborted": ("✗", "red"),
    "no_go": ("✗", "red"),
    "rolled_back": ("✗", "red"),
}
_STYLES = {
    ItemState.REJECTED: "red",
    ItemState.NO_GO: "red",
    ItemState.DECLINED: "red",
    ItemState.NOT_REACHED: "red",
    ItemState.FAILED: "red",
    ItemState.UNRECORDED: "red",
    ItemState.NO_LONGER_TRUE: "red",
    ItemState.AGAIN: "cyan",
    ItemState.ASKING: "yellow",
    ItemState.NOT_MET: "magenta",
    ItemState.WAIVED: "magenta",
    ItemState.PASSED: "green",
    ItemState.APPROVED: "green",
    ItemState.GO: "green",
    ItemState.SIGNED: "green",
    ItemState.PENDING: "dim",
}
MANY = 12
"""Maximum number of requests shown; the rest is only counted."""


def render(status: LaunchStatus, now: datetime | None = None) -> RenderableType:
    """Return the whole status: clock, heading, phases, blockers, open requests, notes."""
    clock_line = headline(status, now or datetime.now(UTC))
    parts: list[RenderableType] = [Text(clock_line, style="bold"), _head(status), _phases(status.phases)]
    red = tuple(one for one in status.again if one.no_longer_true)
    if red:
        parts += [Text(f"\nNo longer true ({len(red)})", style="bold red"), _again(red)]
    if others := tuple(one for one in status.again if not one.no_longer_true):
        parts += [Text(f"\nVerified again ({len(others)})", style="bold cyan"), _again(others)]
    if status.blockers:
        parts += [Text("\nBlocks", style="bold red"), _blockers(status.blockers)]
    if status.requests:
        title = f"\nWaits for people ({len(status.requests)})"
        parts += [Text(title, style="bold yellow"), _requests(status.requests)]
    parts += [Text(f"note: {note}", style="dim") for note in status.notes]
    return Group(*parts)


def headline(status: LaunchStatus, now: datetime) -> str:
    """Return one line: time to T-0, the next window, and how much blocks, waits and was waived."""
    going_on = [] if status.over else [countdown(status.launch_at, now), _next(status, now)]
    red = sum(one.no_longer_true for one in status.again)
    others = len(status.again) - red
    counts = [
        f"{red} no longer true" if red else "",
        f"{others} verified again" if others else "",
        f"{len(status.blockers)} block" if status.blockers else "nothing blocks",
        f"{len(status.requests)} wait" if status.requests else "",
        f"{len(status.waivers)} waived or not applicable" if status.waivers else "",
    ]
    held = "ON HOLD" if status.hold and not status.over else ""
    return " · ".join(filter(None, [held, *going_on, *counts]))


def _next(status: LaunchStatus, now: datetime) -> str:
    window = next_window(status.windows, now)
    if window is None:
        return ""
    at = clock(window.opens_at, now)
    late = datetime.fromisoformat(window.opens_at) <= now
    return f"window {window.name} late since {at}" if late else f"next window {window.name} {at}"


def _head(status: LaunchStatus) -> Text:
    mark, style = _RUN_MARKS.get(status.state, ("?", "red"))
    head = Text.assemble((f"{mark} {status.launch_id}", f"bold {style}"), f"  {status.state}")
    if status.rehearsal:
        head.append("  REHEARSAL", style="bold yellow")
    if status.hold and not status.over:
        hold = status.hold
        head.append(f"\n⏸ on hold for {waited(hold.since)}, by {hold.by}: {hold.reason}", style="bold yellow")
    commit = f" (commit {status.release_sha[:12]})" if status.release_sha else ""
    facts = [f"release {status.release}{commit}", f"to {status.environment}", f"launches {status.launch_at}"]
    present = (status.release, status.environment, status.launch_at)
    line = " · ".join(fact for fact, value in zip(facts, present, strict=True) if value)
    links = [f"Airflow {status.url}\nreport  {status.report}"] if status.url else []
    return head.append("\n".join(["", *filter(None, [line]), *links, ""]))


def _phases(phases: tuple[PhaseStatus, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for phase in phases:
        mark, style = _RUN_MARKS.get(phase.state, ("?", "red"))
        counts = Text(", ").join(
            Text(f"{number} {state}", style=_STYLES.get(ItemState(state), ""))
            for state, number in phase.counts.items()
            if phase.state != NOT_STARTED
        )
        table.add_row(Text(f"{mark} {phase.title}", style=style), f"{phase.items} items", counts)
    return table


def _again(items: tuple[AgainItem, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in items[:MANY]:
        who = f"{one.role}: {' or '.join(one.people)}" if one.people else one.role
        why = Text("; ".join(one.why), style="red" if one.no_longer_true else "cyan")
        table.add_row(Text(one.text), why, Text(who, style="dim"))
    if len(items) > MANY:
        table.add_row(Text(f"and {len(items) - MANY} more (--json lists all)", style="dim"), "", "")
    return table


def _blockers(blockers: tuple[Blocker, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for blocker in blockers:
        table.add_row(Text(blocker.why, style="red"), Text(blocker.text), Text(blocker.dag_id, style="dim"))
    return table


def _requests(requests: tuple[Request, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for request in requests[:MANY]:
        who = f"{request.role}: {' or '.join(request.people)}" if request.people else request.role
        table.add_row(Text(waited(request.since), style="dim"), Text(request.text), Text(who, style="yellow"))
    if len(requests) > MANY:
        table.add_row("", Text(f"and {len(requests) - MANY} more (--json lists all)", style="dim"), "")
    return table


def waited(since: str, now: datetime | None = None) -> str:
    """Return how long ago ``since`` (ISO) was, in the largest fitting unit."""
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(since)).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
