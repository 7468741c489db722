"""Windows: they open at their moment, move with the launch, and survive what they cannot read."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.policies import openings
from launch_pipeline.airflow.sensors.launch_window import LaunchWindowSensor, WindowTrigger
from launch_pipeline.airflow.triggers import checks
from launch_pipeline.errors import LedgerUnavailable
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.schema import Entry
from servers.airflow_task import Task, first_event
from servers.checking import run
from servers.item_tasks import CONF, REASON, a_launch
from servers.records import a_seal

if TYPE_CHECKING:
    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

LAUNCH = "shop-1.2"
SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""

SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""


def event_of(trigger: Any) -> Any:
    return run(asyncio.wait_for(first_event(trigger), SOON))


def begun(dsn: str, at: datetime) -> Launches:
    launches = Launches(dsn)
    launches.start(a_launch(launch_at=at, rehearsal=True))
    return launches


def window(supervisor: Supervisor, *, told: bool = False, **moment: Any) -> WindowTrigger:
    # A wait outside the launch day needs no seal; ``test_held_windows.py`` has the windows.
    with DAG("week_4_post_launch", schedule=None):
        operator = LaunchWindowSensor(task_id="opens", moment=moment, told=told)
    made = WindowTrigger(moments=[moment], told=told)
    made.task_instance = Task(supervisor, operator, conf=CONF).identity
    return made


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting windows look ten times a second."""
    monkeypatch.setattr(openings, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(checks, "DENIAL_SECONDS", 0.1)


def test_window_opens_at_its_moment(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """Not before, and within a second after; the time is the ledger's, whatever the run's form says."""
    assert ledger is not None
    at = in_seconds(1)
    begun(dsn, at)
    event = event_of(window(supervisor))
    assert isinstance(event, TaskSuccessEvent)
    assert (event.xcoms or {})["return_value"] == {"opened": at.isoformat()}
    assert datetime.now(UTC) >= at


def test_window_has_the_pace_of_its_environment(
    supervisor: Supervisor, ledger: Ledger, dsn: str, include: IncludeFolder
) -> None:
    """A rehearsal's two hours are as short as its environment says."""
    assert ledger is not None
    include.environment(rehearsal=True, hour="500ms")
    at = in_seconds(-3600)
    begun(dsn, at)
    event = event_of(window(supervisor, offset="2h"))
    opened = datetime.fromisoformat((event.xcoms or {})["return_value"]["opened"])
    assert opened == at + timedelta(seconds=1)


@pytest.mark.parametrize("told", [True, False])
def test_only_a_window_that_is_told_needs_a_worker(
    supervisor: Supervisor, ledger: Ledger, dsn: str, told: bool
) -> None:
    """The others end in the triggerer; either way the task gives the moment, also after a restart."""
    assert ledger is not None
    at = in_seconds(-1)
    begun(dsn, at)
    first = window(supervisor, told=told)
    again = WindowTrigger(**first.serialize()[1])
    again.task_instance = first.task_instance
    event = event_of(again)
    assert isinstance(event, TaskSuccessEvent) is not told
    given = event.payload if told else (event.xcoms or {})["return_value"]
    assert given == {"opened": at.isoformat()}


@pytest.mark.usefixtures("quick")
def test_window_moves_with_a_postponed_launch(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """The time is read again while it waits: what was postponed does not open at its first time."""
    assert ledger is not None
    first = in_seconds(1.5)
    launches = begun(dsn, first)

    async def moved() -> Any:
        waiting = asyncio.ensure_future(first_event(window(supervisor)))
        await asyncio.sleep(0)
        later = in_seconds(3)
        await asyncio.to_thread(launches.postpone, LAUNCH, later, "ada", REASON)
        event: Any = await asyncio.wait_for(waiting, SOON)
        assert (event.xcoms or {})["return_value"] == {"opened": later.isoformat()}
        return event

    assert isinstance(run(moved()), TaskSuccessEvent)


@pytest.mark.usefixtures("quick")
def test_window_of_an_aborted_launch_does_not_open(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """The wait ends at once, and the task fails with the reason."""
    assert ledger is not None
    launches = begun(dsn, in_seconds(3600))
    trigger = window(supervisor)

    async def aborted() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(trigger))
        await asyncio.to_thread(launches.abort, LAUNCH, "ada", REASON)
        return await asyncio.wait_for(waiting, SOON)

    event = run(aborted())
    assert "is over (aborted)" in event.payload["refused"]
    with pytest.raises(Exception, match="This window does not open"):
        LaunchWindowSensor(task_id="opens", moment={}).ended({}, event.payload)  # type: ignore[arg-type]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "of a run that a person triggered": ({"run_type": "manual"}, "triggered by hand"),
    "of a run with facts of its own": (
        {"conf": {**CONF, "launch_at": ""}},
        "another configuration",
    ),
    "of a run that no launch has": ({"run_id": "shop-9"}, "belongs to no launch"),
}


@pytest.mark.parametrize(("run_", "why"), REFUSED.values(), ids=REFUSED)
def test_window_does_not_open(
    supervisor: Supervisor, ledger: Ledger, dsn: str, run_: dict[str, Any], why: str
) -> None:
    """Only a run of the launch's own has windows, and its time is the ledger's."""
    assert ledger is not None
    begun(dsn, in_seconds(-1))
    trigger = window(supervisor)
    task = Task(supervisor, LaunchWindowSensor(task_id="opens", moment={}), **{"conf": CONF, **run_})
    trigger.task_instance = task.identity
    assert why in event_of(trigger).payload["refused"]


@pytest.mark.usefixtures("quick")
def test_window_stays_closed_while_the_ledger_is_away(
    supervisor: Supervisor, ledger: Ledger, dsn: str
) -> None:
    """Its time may have moved, so it waits for the ledger and opens when it is back."""
    assert ledger is not None
    begun(dsn, in_seconds(0.2))
    supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")

    async def away() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(window(supervisor)))
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert not waiting.done()
            await asyncio.sleep(0.05)
        supervisor.postgres(dsn)
        return await asyncio.wait_for(waiting, SOON)

    assert isinstance(run(away()), TaskSuccessEvent)


@pytest.mark.usefixtures("quick")
def test_window_survives_a_seal_that_cannot_be_read(
    supervisor: Supervisor, ledger: Ledger, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger goes away between two questions: the trigger looks again instead of dying."""
    assert ledger is not None
    begun(dsn, in_seconds(-1))
    asked: list[str] = []

    async def away_twice(*arguments: str) -> datetime | None:
        asked.append(arguments[0])
        if len(asked) < 3:
            raise LedgerUnavailable("gone")
        return None

    monkeypatch.setattr(openings, "sealed_at", away_twice)
    event = event_of(window(supervisor, anchor="launch_time_or_t_0_end"))
    assert isinstance(event, TaskSuccessEvent)
    assert asked == [LAUNCH] * 3


@pytest.mark.usefixtures("quick")
def test_window_survives_a_broken_environment_file(
    supervisor: Supervisor, ledger: Ledger, dsn: str, include: IncludeFolder
) -> None:
    """How fast time passes is not known: it stays closed, and opens when the file is mended."""
    assert ledger is not None
    begun(dsn, in_seconds(-1))
    (include.path / "environments" / "test.yaml").write_text("name: [")

    async def mended() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(window(supervisor)))
        await asyncio.wait([waiting], timeout=0.5)
        assert not waiting.done()
        include.environment()
        return await asyncio.wait_for(waiting, SOON)

    assert isinstance(run(mended()), TaskSuccessEvent)


@pytest.mark.usefixtures("quick")
def test_window_after_the_launch_counts_from_the_later_end(
    supervisor: Supervisor, ledger: Ledger, dsn: str, include: IncludeFolder
) -> None:
    """An hour after the launch time, or after the end of T-0 where that was later."""
    include.environment(rehearsal=True, hour="1s")
    begun(dsn, in_seconds(-3600))
    sealed = in_seconds(0)
    seal = a_seal(launch_id=LAUNCH, dag_id="launch_day_t_0", sealed_at=sealed)
    ledger.append(Entry.of_seal(seal, "gate-1"))
    event = event_of(window(supervisor, anchor="launch_time_or_t_0_end", offset="1h"))
    opened = datetime.fromisoformat((event.xcoms or {})["return_value"]["opened"])
    assert opened == sealed + timedelta(seconds=1)
