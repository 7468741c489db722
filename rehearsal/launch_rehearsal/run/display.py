"""Show a rehearsal: bars in a terminal, plain lines elsewhere, and the tables at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.stack.progress import Step, StepState
from launch_rehearsal.actors.story import Event, Happening, Story

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_rehearsal.actors.watch import DagView, Place, View
    from launch_rehearsal.run.summary import Summary

_COLUMNS = (
    Outcome.PASSED,
    Outcome.APPROVED,
    Outcome.WAIVED,
    Outcome.NOT_APPLICABLE,
    Outcome.NOT_MET,
    Outcome.REJECTED,
    Outcome.NOT_REACHED,
)
_STYLES = {
    Happening.WAIVER: "yellow",
    Happening.REJECTION: "red",
    Happening.HEAL: "green",
    Happening.REPAIR: "green",
    Happening.REFUSAL: "magenta",
    Happening.RECHECK: "cyan",
    Happening.MOVED: "cyan",
    Happening.BROKE: "red",
    Happening.FOUND: "red",
}
_NAMES_SHOWN = 3
_EVENTS_SHOWN = 8


class Display:
    """Show one rehearsal. Use it as a context manager around the run."""

    def __init__(self, console: Console, owners: Mapping[Place, str], *, tell_waits: bool = False) -> None:
        """Prepare the display; ``tell_waits`` also names the people waited for if there is no terminal."""
        self.console = console
        self._owners = owners
        self._tell_waits = tell_waits
        self._waits: dict[str, str] = {}
        self._live: Live | None = None
        self._shown: dict[str, tuple[str, int]] = {}
        self.story = Story(None if console.is_terminal else self._line)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def step(self, step: Step) -> None:
        """Show a step of starting or stopping the stack."""
        if step.state is StepState.STARTED:
            return
        mark = {StepState.DONE: "[green]✓[/]", StepState.WARNING: "[yellow]![/]"}.get(step.state, "[red]✗[/]")
        took = f" [dim]{step.seconds:.1f} s[/]" if step.seconds else ""
        self.console.print(f"{mark} {step.name}{took} {step.detail}".rstrip())

    def show(self, view: View) -> None:
        """Show the launch as it is."""
        if self._live:
            self._live.update(Group(self._bars(view), self._events()))
            return
        for dag in view.dags:
            now = (dag.state, dag.done)
            begun_or_ended = self._shown.get(dag.dag_id, ("none", 0))[0] != dag.state
            if begun_or_ended:
                self.story.tell(Happening.PHASE, f"{dag.title}: {dag.state}, {dag.done} of {dag.total} items")
            self._shown[dag.dag_id] = now
            if self._tell_waits:
                self._tell_who(dag)

    def _tell_who(self, dag: DagView) -> None:
        asked = Counter(self._owners.get((dag.dag_id, task), "no one") for task in dag.asked)
        names = ", ".join(f"{name} ({number})" for name, number in asked.most_common())
        if names != self._waits.get(dag.dag_id, ""):
            says = f"for {names}" if names else "for no answer now"
            self.story.tell(Happening.WAITS, f"{dag.title}: {dag.done} of {dag.total} done, waits {says}")
        self._waits[dag.dag_id] = names

    def _line(self, event: Event) -> None:
        line = f"{event.at:6.1f} s  {event.happening:<9} {event.line}"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _bars(self, view: View) -> Table:
        minutes, seconds = divmod(int(self.story.elapsed), 60)
        table = Table(
            box=None, pad_edge=False, title=f"REHEARSAL  {minutes}:{seconds:02}", title_justify="left"
        )
        for title, width in (("phase", None), ("", 24), ("items", 9), ("waiting for", None)):
            table.add_column(title, width=width, no_wrap=True, overflow="ellipsis")
        for dag in view.dags:
            table.add_row(*self._row(dag))
        return table

    def _row(self, dag: DagView) -> tuple[Text, ProgressBar, str, str]:
        style = {"success": "green", "failed": "red", "running": "bold"}.get(dag.state, "dim")
        bar = ProgressBar(total=dag.total, completed=dag.done, width=24)
        asked = dict.fromkeys(self._owners.get((dag.dag_id, task), "") for task in dag.asked)
        names = ", ".join(list(asked)[:_NAMES_SHOWN]) + (", …" if len(asked) > _NAMES_SHOWN else "")
        waiting = f"{len(dag.asked)}: {names}" if dag.asked else ""
        return Text(dag.title, style=style), bar, f"{dag.done}/{dag.total}", waiting

    def _events(self) -> Text:
        text = Text("\n")
        for event in self.story.latest(_EVENTS_SHOWN):
            line = f"{event.at:6.1f} s  {event.happening:<9} {event.line}"[: self.console.width - 1]
            text.append(line + "\n", style=_STYLES.get(event.happening, ""))
        return text


def outcome_table(summary: Summary) -> Table:
    """Build the table of outcomes by phase, with the totals of the document."""
    table = Table(title=f"{summary.launch_id}: outcomes by phase", title_justify="left")
    table.add_column("phase")
    for outcome in _COLUMNS:
        table.add_column(outcome.value.replace("_", " "), justify="right")
    table.add_column("total", justify="right")
    for line in summary.lines:
        counts = [str(line.counts.get(outcome) or "") for outcome in _COLUMNS]
        style = "" if line.complete or not line.counts else "red"
        name = line.title if line.in_document else f"({line.title})"
        table.add_row(
            name, *counts, str(line.total or ""), style=style or ("" if line.in_document else "dim")
        )
    table.add_section()
    totals = [str(summary.counted(outcome)) for outcome in _COLUMNS]
    table.add_row("the document", *totals, str(summary.total), style="bold")
    return table


def waiver_table(summary: Summary) -> Table:
    """Build the table of waivers."""
    table = Table(title=f"{len(summary.waivers)} waivers", title_justify="left", show_lines=False)
    for name in ("item", "by", "reason"):
        table.add_column(name, overflow="fold")
    for waiver in summary.waivers:
        table.add_row(waiver.text, waiver.by, escape(waiver.reason))
    return table


def unexplained_table(summary: Summary) -> Table:
    """Build the table of items that were not verified and have no reason in the scenario."""
    title = f"{len(summary.unexplained)} items were not verified, and the scenario has no reason for it"
    table = Table(title=title, title_justify="left", style="red")
    for name in ("item", "outcome", "its check saw"):
        table.add_column(name, overflow="fold")
    for item in summary.unexplained:
        table.add_row(item.text, item.outcome.value.replace("_", " "), escape(item.saw))
    return table
