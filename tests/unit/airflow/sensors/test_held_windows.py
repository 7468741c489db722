"""Windows of the launch day: a hold, and a phase that does not stand, keep them closed."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.policies import openings
from launch_pipeline.airflow.policies.openings import opened
from launch_pipeline.airflow.sensors.launch_window import LaunchWindowSensor, WindowTrigger
from launch_pipeline.checklist.model import Moment
from launch_pipeline.checklist.sequence import GO_NO_GO, T_0, preceding
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.airflow_task import Task, first_event
from servers.checking import run
from servers.item_tasks import CONF, REASON, change_launch, entries
from servers.passed_phases import PassedPhases
from servers.sealed_phases import whole_seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor

LAUNCH = "shop-1.2"
AWAY = "postgresql://nobody@127.0.0.1:9/none"
BY = By("carla.cto", REASON, Via.AIRFLOW)
SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""
LOOKS = 0.6
"""Seconds in which a window that looks ten times a second has looked several times."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting windows look ten times a second."""
    monkeypatch.setattr(openings, "LOOK_SECONDS", 0.1)


@pytest.fixture
def phases(launched: Ledger, dsn: str) -> PassedPhases:
    """Give a launch whose T-0 is due and all of whose phases before it are sealed."""
    change_launch(dsn, launch_at=datetime.now(UTC) - timedelta(seconds=1))
    for before in preceding(T_0):
        launched.append(Entry.of_seal(whole_seal(before), f"gate-{before}"))
    return PassedPhases(launched, dsn)


def sensor(supervisor: Supervisor) -> Task:
    with DAG(T_0, schedule=None):
        operator = LaunchWindowSensor(task_id="opens_at_launch_time", moment={}, told=True)
    return Task(supervisor, operator, conf=CONF)


def window(supervisor: Supervisor) -> WindowTrigger:
    made = WindowTrigger(moments=[{}])
    made.task_instance = sensor(supervisor).identity
    return made


def held(phases: PassedPhases) -> None:
    Changes(phases.dsn).hold(LAUNCH, BY)


def resumed(phases: PassedPhases) -> None:
    Changes(phases.dsn).resume(LAUNCH, BY)


def reopened(phases: PassedPhases) -> None:
    ref = "sign_offs.go_no_go.cto_go"
    phases.reopen(GO_NO_GO, ref, "something is no longer true")


def sealed_again(phases: PassedPhases) -> None:
    seal = whole_seal(GO_NO_GO, try_number=2)
    phases.ledger.append(Entry.of_seal(seal, f"gate-{GO_NO_GO}"))


HELD: dict[str, tuple[Callable[[PassedPhases], None], Callable[[PassedPhases], None]]] = {
    "on hold": (held, resumed),
    "verified again": (reopened, sealed_again),
}


@pytest.mark.parametrize(("closed", "freed"), HELD.values(), ids=HELD)
def test_window_whose_time_has_come_waits_and_says_why(
    supervisor: Supervisor,
    phases: PassedPhases,
    caplog: pytest.LogCaptureFixture,
    closed: Callable[[PassedPhases], None],
    freed: Callable[[PassedPhases], None],
) -> None:
    """It opens by itself once nothing holds it, and its items are held as it is."""
    closed(phases)
    moments = [Moment()]
    assert not opened(phases.launch, T_0, moments)

    async def waits() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(window(supervisor)))
        done, _ = await asyncio.wait([waiting], timeout=LOOKS)
        assert not done
        await asyncio.to_thread(freed, phases)
        return await asyncio.wait_for(waiting, SOON)

    assert isinstance(run(waits()), TaskSuccessEvent)
    assert opened(phases.launch, T_0, moments)
    said = [record.message for record in caplog.records if "stays closed" in record.message]
    # Once by the item, and once by the window however often it looked.
    assert len(said) == 2
    assert REASON in said[-1] or "is verified again" in said[-1]


def test_window_whose_ledger_is_away_stays_closed(supervisor: Supervisor, phases: PassedPhases) -> None:
    """What cannot be read holds it."""
    supervisor.postgres(AWAY)

    async def away() -> TriggerEvent:
        waiting = asyncio.ensure_future(first_event(window(supervisor)))
        done, _ = await asyncio.wait([waiting], timeout=LOOKS)
        assert not done
        supervisor.postgres(phases.dsn)
        return await asyncio.wait_for(waiting, SOON)

    assert isinstance(run(away()), TaskSuccessEvent)


def test_hold_between_the_look_and_its_announcement_counts(
    supervisor: Supervisor, phases: PassedPhases
) -> None:
    """The worker looks once more before it says that the window is open."""
    task = sensor(supervisor)
    held(phases)
    event = {"opened": datetime.now(UTC).isoformat()}
    ended = task.resume(event, "ended")
    assert (ended.state, ended.trigger) == ("deferred", "WindowTrigger")
    assert entries(phases.ledger, EntryKind.ANNOUNCEMENT) == []


@pytest.mark.parametrize("closes", [held, reopened])
def test_window_that_has_opened_stays_open(
    supervisor: Supervisor, phases: PassedPhases, closes: Callable[[PassedPhases], None]
) -> None:
    """Its row is written before anything behind it begins, also where the ledger was away at first."""
    task, event = sensor(supervisor), {"opened": datetime.now(UTC).isoformat()}
    supervisor.postgres(AWAY)
    assert task.resume(event, "ended").trigger == "DateTimeTrigger"
    supervisor.postgres(phases.dsn)
    ended: Any = task.resume(None)
    assert (ended.state, task.xcom()) == ("success", event)
    closes(phases)
    assert opened(phases.launch, T_0, [Moment()])
    began = time.monotonic()
    assert isinstance(run(asyncio.wait_for(first_event(window(supervisor)), SOON)), TaskSuccessEvent)
    assert time.monotonic() - began < SOON
