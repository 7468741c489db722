"""What holds a window back, and when a rollback is due, read from rows alone."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checklist.sequence import AFTER_GO, GO_NO_GO, T_0, T_MINUS_2H, WEEK_4, preceding, title
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.launch.windows import OPENED, held_back, launch_day_over, regressions, rollback_due
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, EntryKind
from launch_pipeline.notifications.model import LaunchNoteKind
from servers.records import a_seal

LAUNCH = "shop-1.2"
T_PLUS_1H, T_PLUS_4H = AFTER_GO[1:]
WEEK_1 = "week_1_pre_launch_requirements"


def seal(dag_id: str, *, complete: bool = True) -> Entry:
    return Entry.of_seal(a_seal(dag_id=dag_id, complete=complete), f"gate-{dag_id}")


def sealed_before(dag_id: str) -> list[Entry]:
    return [seal(phase) for phase in preceding(dag_id)]


def reopened(dag_id: str, name: str = "green", cause: Cause = Cause.NO_LONGER_TRUE) -> Entry:
    made = Reopened(
        dag_id=dag_id, item_ref=f"phase.{name}", text=name, owner=Role.TECHNICAL_LEAD, cause=cause,
        why=("the answer was 503",), task_instance_id="ti",
    )  # fmt: skip
    return made.entry(LAUNCH, 1)


def row(kind: EntryKind, dag_id: str = "", **content: Any) -> Entry:
    return Entry(kind=kind, launch_id=LAUNCH, dag_id=dag_id, task_instance_id="ti", content=content)


def opened(dag_id: str, note: str = "window_opened") -> Entry:
    return row(EntryKind.ANNOUNCEMENT, dag_id, note={"kind": note})


def test_words_of_notes_are_those_of_the_announcements() -> None:
    """Another room writes the rows by which a window is known to be open."""
    assert {LaunchNoteKind.WINDOW_OPENED, LaunchNoteKind.WINDOW_MISSED} == OPENED


# ---- what holds a window back -----------------------------------------------------------------------

BEFORE_T_0 = sealed_before(T_0)
HELD: dict[str, tuple[list[Entry], str]] = {
    "nothing is sealed": ([], f"{title(WEEK_1)} is not sealed."),
    "the go is not sealed": (BEFORE_T_0[:-1], f"{title(GO_NO_GO)} is not sealed."),
    "a seal is not complete": (
        [*BEFORE_T_0, seal(WEEK_1, complete=False)], f"{title(WEEK_1)} is sealed, but not complete."),
    "an item is verified again": (
        [*BEFORE_T_0, reopened(WEEK_1)], f"{title(WEEK_1)} is verified again: phase.green."),
    "the Go was taken back": (
        [*BEFORE_T_0, reopened(GO_NO_GO, cause=Cause.GO_TAKEN_BACK)], f"{title(GO_NO_GO)} is verified again"),
    "a phase is sealed again, and the one with the item is not": (
        [*BEFORE_T_0, reopened(WEEK_1), seal(GO_NO_GO)], f"{title(WEEK_1)} is verified again"),
    "another window has opened": ([*BEFORE_T_0, opened(T_MINUS_2H), reopened(WEEK_1)], "verified again"),
    "another note is of this window": ([*BEFORE_T_0, opened(T_0, "go"), reopened(WEEK_1)], "verified again"),
    "a row of another kind claims it": (
        [*BEFORE_T_0, row(EntryKind.NUDGE, T_0, note={"kind": "window_opened"}), reopened(WEEK_1)],
        "verified again"),
    "a row without a note": (
        [*BEFORE_T_0, row(EntryKind.ANNOUNCEMENT, T_0, note=None), reopened(WEEK_1)], "verified again"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "why"), HELD.values(), ids=HELD)
def test_window_stays_closed(rows: list[Entry], why: str) -> None:
    """Every phase before it is sealed complete, and nothing of it was reopened since."""
    assert why in " ".join(held_back(rows, T_0, held=False))


def test_window_of_a_launch_on_hold_stays_closed_and_says_by_whom() -> None:
    """Also where all that precedes it stands."""
    hold = row(EntryKind.LAUNCH_HELD, by="carla.cto", reason="the data centre is on fire")
    assert held_back([*BEFORE_T_0, hold], T_0, held=True) == (
        "The launch is on hold, by carla.cto: the data centre is on fire",
    )
    assert held_back(BEFORE_T_0, T_0, held=True) == ("The launch is on hold.",)


OPENS: dict[str, list[Entry]] = {
    "everything before it is sealed": BEFORE_T_0,
    "what was reopened is sealed again": [*BEFORE_T_0, reopened(WEEK_1), seal(WEEK_1)],
    "a phase after it is verified again": [*BEFORE_T_0, reopened(T_PLUS_1H)],
}


@pytest.mark.parametrize("rows", OPENS.values(), ids=OPENS)
def test_window_opens(rows: list[Entry]) -> None:
    """Nothing of what precedes it is open."""
    assert held_back(rows, T_0, held=False) == ()


@pytest.mark.parametrize("note", sorted(OPENED))
def test_window_that_has_opened_stays_open(note: str) -> None:
    """A hold and an item that is no longer true hold the next one."""
    rows = [*BEFORE_T_0, opened(T_0, note), reopened(WEEK_1)]
    assert held_back(rows, T_0, held=True) == ()
    rows.append(seal(T_0))
    assert len(held_back(rows, T_PLUS_1H, held=True)) == 2


def test_no_other_dag_is_held_back() -> None:
    """A hold keeps windows closed; the weeks before and after, and a rollback, go on."""
    assert [held_back([], dag_id, held=True) for dag_id in (WEEK_1, WEEK_4, GO_NO_GO, "rollback")] == [()] * 4


# ---- when a rollback is due -------------------------------------------------------------------------

NOT_DUE: dict[str, list[Entry]] = {
    "nothing has happened": [],
    "an item was no longer true before T-0 opened": [reopened(WEEK_1), opened(T_0)],
    "an item rests on something else since": [opened(T_0), reopened(WEEK_1, cause=Cause.CHANGED)],
    "it has healed, and its phase is sealed again": [opened(T_0), reopened(WEEK_1), seal(WEEK_1)],
    "a phase before the Go is not complete": [opened(T_0), seal(WEEK_1, complete=False)],
    "a window was repaired": [opened(T_0), seal(T_0, complete=False), seal(T_0)],
}


@pytest.mark.parametrize("rows", NOT_DUE.values(), ids=NOT_DUE)
def test_rollback_is_not_due(rows: list[Entry]) -> None:
    """Nothing was launched, or nothing of the launch is wrong."""
    assert not rollback_due(rows)
    assert regressions(rows) == ()


DUE: dict[str, list[Entry]] = {
    "a window is not complete": [opened(T_0), seal(T_0, complete=False)],
    "an item is no longer true": [opened(T_0), reopened(WEEK_1)],
    "it was so before, and is again": [reopened(WEEK_1), seal(WEEK_1), opened(T_0), reopened(WEEK_1)],
}


@pytest.mark.parametrize("rows", DUE.values(), ids=DUE)
def test_rollback_is_due(rows: list[Entry]) -> None:
    """Whether its phase lies before the Go or after it."""
    assert rollback_due(rows)


def test_rollback_that_was_declined_for_an_item_is_due_for_another() -> None:
    """The same item does not ask twice."""
    rows = [opened(T_0), reopened(WEEK_1)]
    assert not rollback_due(rows, ["phase.green"])
    assert rollback_due([*rows, reopened(WEEK_1, "blue")], ["phase.green"])
    assert rollback_due([*rows, seal(T_0, complete=False)], ["phase.green"])


def test_launch_day_is_over_once_every_window_is_complete_and_nothing_is_wrong() -> None:
    """An offer of a rollback lapses then, and not before."""
    rows = [opened(T_0), *(seal(dag_id) for dag_id in AFTER_GO)]
    assert not launch_day_over(rows[:-1])
    assert not launch_day_over([*rows, reopened(WEEK_1)])
    assert not launch_day_over([*rows, seal(T_PLUS_4H, complete=False)])
    assert launch_day_over(rows)
