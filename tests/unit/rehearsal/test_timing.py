"""By hand, T-0 waits for the people: no window is missed, and none is waited for long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.sequence import T_0, T_MINUS_2H
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.notifications.next_steps import MISSED_AFTER
from launch_rehearsal.actors.timing import MARGIN, NOT_READY, READY, ROOM, SOON, LaunchTime
from launch_rehearsal.actors.watch import DagView, View

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2030, 6, 1, 10, tzinfo=UTC)
Move = tuple[datetime, str]


def view(*begun: str, state: str = "running") -> View:
    """Build a view of the launch with these windows' runs under way, or ended."""
    dags = tuple(
        DagView(dag_id, dag_id, 7, state if dag_id in begun else "none") for dag_id in (T_MINUS_2H, T_0)
    )
    return View(dags, {}, "running")


@pytest.fixture
def moves() -> list[Move]:
    return []


@pytest.fixture
def timing(moves: list[Move]) -> LaunchTime:
    return LaunchTime(NOW + ROOM, lambda new_time, reason: moves.append((new_time, reason)))


def test_nothing_moves_while_there_is_room(timing: LaunchTime, moves: list[Move]) -> None:
    """Half an hour is left alone until its last minute, and moved before it is over."""
    timing.act(view(), NOW)
    timing.act(view(), NOW + ROOM - MARGIN)
    assert moves == []
    late = NOW + ROOM - MARGIN / 2
    timing.act(view(), late)
    assert moves == [(late + ROOM, NOT_READY)]


def test_each_window_opens_when_it_is_waited_for(timing: LaunchTime, moves: list[Move]) -> None:
    """T-2h and T-0 come soon after all before them; while go/no-go is answered T-0 is far away again."""
    timing.act(view(T_MINUS_2H), NOW)
    for seconds in (2, 20, 39):
        timing.act(view(T_MINUS_2H), NOW + timedelta(seconds=seconds))
    assert moves == [(NOW + SOON, READY)]
    opened = NOW + timedelta(seconds=41)
    timing.act(view(T_MINUS_2H), opened)
    assert len(moves) == 1, "the window that people answer in stays open"
    timing.act(view(T_MINUS_2H, state="success"), opened)
    assert moves[1:] == [(opened + ROOM, NOT_READY)]
    decided = opened + timedelta(minutes=12)
    timing.act(view(T_MINUS_2H, T_0), decided)
    for minutes in range(60):
        timing.act(view(T_MINUS_2H, T_0), decided + timedelta(minutes=minutes))
    assert moves[2:] == [(decided + SOON, READY)]
    assert SOON < MISSED_AFTER


def test_a_late_go_is_not_a_missed_window(timing: LaunchTime, moves: list[Move]) -> None:
    """Also where T-0 has passed when the last Go comes, the window gets a moment of its own."""
    for window in ((T_MINUS_2H,), (T_MINUS_2H, T_0)):
        timing.act(view(*window), NOW + 3 * ROOM)
    assert [reason for _, reason in moves] == [READY, READY]
    assert all(new_time == NOW + 3 * ROOM + SOON for new_time, _ in moves)


def a_launch(dsn: str) -> Callable[[], Launch]:
    launch = Launch(
        launch_id="R-1",
        environment="rehearsal",
        rehearsal=True,
        release="1.0.0",
        release_sha="a" * 40,
        launch_at=datetime.now(UTC) + ROOM,
        started_by="rita.release",
    )
    return lambda: Launches(dsn).start(launch)


def test_a_move_is_in_the_record(dsn: str) -> None:
    """T-0 moves as 'launch postpone' moves it; before the launch is admitted it is tried again."""
    start, launches = a_launch(dsn), Launches(dsn)
    timing = LaunchTime(
        datetime.now(UTC) + ROOM,
        lambda new_time, reason: launches.postpone("R-1", new_time, "rita.release", reason),
    )
    timing.act(view(T_MINUS_2H))
    start()
    timing.act(view(T_MINUS_2H))
    (kept,) = Ledger(dsn).entries("R-1", EntryKind.LAUNCH_POSTPONED)
    assert kept.content["reason"] == READY
    assert launches.get("R-1").launch_at == timing.launch_at
