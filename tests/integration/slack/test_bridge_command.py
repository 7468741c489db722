"""``launch slack`` as people start it: a process of its own, with the real projection and a real ledger."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.slack.messages.elements import APPROVE_MINE
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind
from servers.slack import APP_TOKEN, BOT_TOKEN, CONTACTS, slack, until
from servers.slack_bridge import ADA, CHANNEL, Scene
from servers.slack_plugin import PASSWORD, PluginStandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from launch_rehearsal.slack_server.base.workspace import Posted

pytestmark = pytest.mark.integration

INCLUDE = Path(__file__).resolve().parents[3] / "include"
WEEK_1 = "week_1_pre_launch_requirements"
DESIGN = {WEEK_1: ["requirements_design_review"]}


@pytest.fixture(autouse=True)
def _people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAUNCH_CONTACTS", str(CONTACTS))


@asynccontextmanager
async def command(at: Scene, dsn: str, **given: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start ``launch slack`` against a scene; what is left of it at the end is killed."""
    environment = {
        "LAUNCH_CONTACTS": str(CONTACTS),
        "LAUNCH_SLACK_BOT_TOKEN": BOT_TOKEN,
        "LAUNCH_SLACK_APP_TOKEN": APP_TOKEN,
        "LAUNCH_SLACK_CHANNEL": CHANNEL,
        "LAUNCH_SLACK_API": at.slack.api_url,
        "LAUNCH_SLACK_PASSWORD": PASSWORD,
        "LAUNCH_AIRFLOW_URL": at.plugin.url,
        "LAUNCH_LEDGER_DSN": dsn,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "launch_pipeline.cli.main", "slack",
        env={**os.environ, "PYTHONPATH": str(INCLUDE), **environment, **given},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Wait for its end; gives exit code and log."""
    async with asyncio.timeout(30):
        _, log = await process.communicate()
    return process.returncode, log.decode()


def card(at: Scene) -> Posted | None:
    """Return the section's card, once the projection has posted it."""
    posted = at.slack.workspace.channel(CHANNEL).messages
    return next((m for m in posted if any(e.get("action_id") == APPROVE_MINE for e in elements(m))), None)


def elements(posted: Posted) -> list[dict[str, str]]:
    return [element for block in posted.blocks for element in block.get("elements", [])]


def test_people_answer_on_the_card_that_it_posted(dsn: str) -> None:
    """Cards, click, receipt in the thread, and the card that follows; then Ctrl-C ends it in order."""

    async def inside() -> None:
        async with slack() as standin, PluginStandIn(**DESIGN) as plugin:
            at = Scene(standin, plugin)
            async with command(at, dsn) as process:
                posted = await until(lambda: card(at))
                assert (await standin.hands.click(ADA, CHANNEL, posted.ts, APPROVE_MINE)).acked
                assert (await at.word(ADA)).count("Approve recorded") == 3
                assert at.told(ADA)[0].thread_ts == posted.thread_ts
                await until(lambda: "Answered" in str(posted.blocks) and posted.edits)
                process.send_signal(signal.SIGINT)
                code, log = await ended(process)
            assert code == 130
            assert ("Traceback" in log, "Listening to Slack" in log) == (False, True)
            await until(lambda: not standin.sockets.connections)

    asyncio.run(inside())


def test_supervisor_stops_it_in_order(dsn: str) -> None:
    """SIGTERM is no failure."""

    async def inside() -> None:
        async with (
            slack() as standin,
            PluginStandIn() as plugin,
            command(Scene(standin, plugin), dsn) as process,
        ):
            await until(lambda: standin.sockets.opened)
            process.terminate()
            code, log = await ended(process)
            assert code == 0, log

    asyncio.run(inside())


def test_stopped_while_slack_is_down(dsn: str) -> None:
    """Waiting for Slack is interrupted as readily as listening."""

    async def inside() -> None:
        async with slack() as standin, PluginStandIn() as plugin:
            standin.faults.add(Fault(kind=FaultKind.STATUS, times=1000))
            async with command(Scene(standin, plugin), dsn) as process:
                await until(lambda: standin.api.calls["auth.test"])
                process.send_signal(signal.SIGINT)
                code, log = await ended(process)
            assert (code, "Slack does not answer" in log, "Traceback" in log) == (130, True, False)

    asyncio.run(inside())


def test_killed_in_the_middle_nothing_is_lost_or_doubled(dsn: str) -> None:
    """Killed while decisions are under way: the next bridge keeps the cards, and each answer counts once."""

    async def inside() -> None:
        async with slack() as standin, PluginStandIn(**DESIGN) as plugin:
            at = Scene(standin, plugin)
            async with command(at, dsn) as process:
                posted = await until(lambda: card(at))
                plugin.slow.clear()
                await standin.hands.click(ADA, CHANNEL, posted.ts, APPROVE_MINE)
                await until(lambda: len(plugin.asked) == 3)
                process.kill()
                await ended(process)
            plugin.slow.set()
            async with command(at, dsn):
                await until(lambda: standin.sockets.opened == 2)
                await standin.hands.click(ADA, CHANNEL, posted.ts, APPROVE_MINE)
                await at.word(ADA)
            assert len(plugin.taken()) == 3
            cards = [m for m in standin.workspace.channel(CHANNEL).messages if "5 done" in m.text]
            assert len(cards) == 1

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LAUNCH_SLACK_BOT_TOKEN": "xoxb-of-yesterday"}, "LAUNCH_SLACK_BOT_TOKEN: Slack refuses this token"),
        ({"LAUNCH_SLACK_CHANNEL": "", "LAUNCH_SLACK_PASSWORD": ""}, "LAUNCH_SLACK_PASSWORD"),
        ({"LAUNCH_CONTACTS": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_what_somebody_must_mend_is_one_line(given: dict[str, str], told: str) -> None:
    """It ends at once with 1, says what to do, and shows no traceback and no token."""

    async def inside() -> None:
        async with slack() as standin, PluginStandIn() as plugin:
            async with command(Scene(standin, plugin), "postgresql://nowhere.invalid/x", **given) as process:
                code, log = await ended(process)
            assert (code, told in log, "Traceback" in log, "yesterday" in log) == (1, True, False, False)

    asyncio.run(inside())
