"""The screen of a rehearsal: lines without a terminal, bars and names in one."""

from __future__ import annotations

import io

from rich.console import Console

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.stack.progress import Step, StepState
from launch_rehearsal.actors.story import Happening, Story
from launch_rehearsal.actors.watch import DagView, View
from launch_rehearsal.run.display import Display, unexplained_table
from launch_rehearsal.run.summary import Summary, Unexplained

OWNERS = {("week", "a.one"): "Ada Lindqvist", ("week", "a.two"): "Omar Haddad"}


def display(*, terminal: bool) -> tuple[Display, io.StringIO]:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=120, height=40, highlight=False)
    return Display(console, OWNERS), screen


def view(state: str, done: int, *asked: str) -> View:
    return View((DagView("week", "Week 1", 39, state, done, 0, asked),), {}, "running")


def test_lines_tell_each_phase_once_when_it_changes() -> None:
    """Without a terminal a phase is told when it begins and ends, not at every look."""
    shown, screen = display(terminal=False)
    with shown:
        for each in (view("none", 0), view("running", 0), view("running", 20), view("success", 39)):
            shown.show(each)
    lines = [line for line in screen.getvalue().splitlines() if "Week 1" in line]
    assert [line.partition("Week 1: ")[2] for line in lines] == [
        "running, 0 of 39 items",
        "success, 39 of 39 items",
    ]


def test_lines_name_who_is_waited_for_where_somebody_answers_by_hand() -> None:
    """A line whenever that changes, and none while it does not."""
    screen = io.StringIO()
    shown = Display(Console(file=screen, width=160, highlight=False), OWNERS, tell_waits=True)
    asked = view("running", 3, "a.one", "a.two")
    for each in (view("running", 0), asked, asked, view("running", 4, "a.one"), view("running", 39)):
        shown.show(each)
    waits = [line.partition("waits     ")[2] for line in screen.getvalue().splitlines() if "waits" in line]
    assert waits == [
        "Week 1: 3 of 39 done, waits for Ada Lindqvist (1), Omar Haddad (1)",
        "Week 1: 4 of 39 done, waits for Ada Lindqvist (1)",
        "Week 1: 39 of 39 done, waits for no answer now",
    ]


def test_what_happens_is_a_line_as_it_is() -> None:
    """Events are written at once, brackets and all."""
    shown, screen = display(terminal=False)
    shown.story.tell(Happening.WAIVER, "Ada: Waive, A thing ([red]not shown[/])")
    assert "waived    Ada: Waive, A thing ([red]not shown[/])" in screen.getvalue()


def test_bars_name_whom_the_launch_waits_for() -> None:
    """In a terminal every phase has its bar, its count and the people who are asked."""
    shown, screen = display(terminal=True)
    with shown:
        shown.show(view("running", 20, "a.one", "a.two"))
        shown.story.tell(Happening.HEAL, "gateway is back")
        shown.show(view("running", 20, "a.one", "a.two"))
    text = screen.getvalue()
    for part in ("REHEARSAL", "20/39", "2: Ada Lindqvist, Omar Haddad", "gateway is back"):
        assert part in text


def test_steps_of_the_start_are_ticked_off() -> None:
    """A step is shown when it has ended, with its seconds."""
    shown, screen = display(terminal=False)
    shown.step(Step(name="database", state=StepState.STARTED))
    shown.step(Step(name="database", state=StepState.DONE, seconds=1.24))
    assert screen.getvalue() == "✓ database 1.2 s\n"


def test_story_keeps_the_newest_and_counts() -> None:
    """The screen shows the last events; older ones are forgotten, not the order."""
    story = Story(keep=3)
    for number in range(5):
        story.tell(Happening.ANSWER if number % 2 else Happening.REFUSAL, str(number))
    assert [event.line for event in story.latest(2)] == ["3", "4"]
    assert story.count(Happening.REFUSAL) == 2


def test_unexplained_items_are_listed_with_what_was_seen() -> None:
    """Every item without a reason has its row."""
    item = Unexplained(ref="a.b.c", text="A thing", outcome=Outcome.NOT_MET, saw="status = 503")
    summary = Summary(launch_id="R", lines=(), waivers=(), verified=0, unexplained=(item,))
    assert unexplained_table(summary).row_count == 1
