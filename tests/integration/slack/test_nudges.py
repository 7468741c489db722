"""Reminders on a real PostgreSQL and the stand-in: kept once in table and ledger, across restarts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.slack.messages.elements import REVIEW
from launch_pipeline.slack.store import Messages, NudgeLevel
from servers.slack_board import LAUNCH, WEEK_1, tasks_of
from servers.slack_board_stage import buttons, pins, stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_rehearsal.slack_server.base.workspace import Posted
    from servers.slack_board_stage import Stage

pytestmark = pytest.mark.integration

DESIGN = tasks_of("requirements_design_review")
QUICK = {"remind_after": "60s", "remind_every": "120s", "escalate_after": "200s", "settle": "1s"}


def on_stage(dsn: str, play: Callable[[Stage], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with stage(dsn, **QUICK) as at:
            at.airflow.begin(WEEK_1)
            await play(at)

    asyncio.run(inside())


def calls(at: Stage) -> list[Posted]:
    """Messages that mention a person, in order."""
    return [message for message in at.thread if message.text.startswith("<@")]


def kept(at: Stage) -> list[str]:
    return [str(e.content["level"]) for e in Ledger(at.dsn).entries(LAUNCH, EntryKind.NUDGE)]


def test_call_reminder_and_backups(dsn: str) -> None:
    """In the thread, with a button that opens what waits; each kept in the table and in the ledger."""

    async def play(at: Stage) -> None:
        at.airflow.ask(*DESIGN[:3])
        await at.look(2)
        (call,) = calls(at)
        assert call.text.endswith("3 items wait for you")
        assert pins(call, REVIEW) == [(at.airflow.item(task).task_instance_id, 1) for task in DESIGN[:3]]
        await at.look(62)
        assert "still wait for you" in calls(at)[-1].text
        at.airflow.decide(DESIGN[0])
        await at.look(140)
        assert "2 items have no answer yet; backups, please" in calls(at)[-1].text
        assert kept(at) == ["request", "reminder", "escalation"]
        levels = [nudge.level for nudge in Messages(at.dsn).nudges([LAUNCH])]
        assert [levels.count(level) for level in NudgeLevel] == [3, 3, 2]

    on_stage(dsn, play)


def test_restart_repeats_no_nudge(dsn: str) -> None:
    """Another process knows what was told, and when."""

    async def play(at: Stage) -> None:
        at.airflow.ask(*DESIGN)
        await at.look(2)
        await at.look(62)
        before = len(calls(at))
        for _ in range(3):
            await at.restart()
            await at.look(10)
        assert len(calls(at)) == before
        await at.look(100)
        assert len(calls(at)) > before

    on_stage(dsn, play)


def test_two_bridges_call_once(dsn: str) -> None:
    """Even where both believe that they lead."""

    async def play(at: Stage) -> None:
        other = at.another()

        class Always:
            async def leads(self) -> bool:
                return True

            async def release(self) -> None: ...

        other._leader = Always()  # type: ignore[assignment]
        at.airflow.ask(*DESIGN)
        await at.look(2)
        for _ in range(4):
            at.airflow.clock.passes(seconds=65)
            await asyncio.gather(at.projector.look(), other.look())
        told = Messages(at.dsn).nudges([LAUNCH])
        assert len(calls(at)) == len(kept(at)) == len(set(kept_keys(at)))
        assert len({(n.task_instance_id, n.level, n.number) for n in told}) == len(told)

    on_stage(dsn, play)


def kept_keys(at: Stage) -> list[str]:
    return [e.task_instance_id for e in Ledger(at.dsn).entries(LAUNCH, EntryKind.NUDGE)]


def test_slack_down_delays_a_nudge(dsn: str) -> None:
    """It comes once, when Slack is back, and only for what still waits."""

    async def play(at: Stage) -> None:
        at.airflow.ask(*DESIGN[:2])
        await at.look(2)
        at.down()
        for _ in range(5):
            await at.look(60)
        assert kept(at) == ["request"]
        at.airflow.decide(DESIGN[0])
        at.up()
        await at.look()
        await at.look()
        (last,) = calls(at)[1:]
        assert "backups, please" in last.text
        assert len(pins(last, REVIEW)) == 1
        assert kept(at) == ["request", "escalation"]

    on_stage(dsn, play)


def test_nudge_names_the_try_that_waits(dsn: str) -> None:
    """After a clear the reminder's button opens the new request."""

    async def play(at: Stage) -> None:
        at.airflow.ask(DESIGN[1])
        await at.look(2)
        at.airflow.clear(DESIGN[1])
        at.airflow.ask(DESIGN[1])
        await at.look(62)
        assert REVIEW in buttons(calls(at)[-1])
        assert pins(calls(at)[-1], REVIEW) == [(at.airflow.item(DESIGN[1]).task_instance_id, 2)]

    on_stage(dsn, play)
