"""People hold and resume a launch from its card: with a reason, in their own name, or told why not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.slack.messages.button_values import LaunchLocator
from launch_pipeline.slack.messages.cards import launch_root
from launch_pipeline.slack.messages.elements import HOLD, RESUME
from servers.slack import client, until
from servers.slack_bridge import CARLA, CHANNEL, DANA, PRIYA, scene
from servers.slack_plugin import LAUNCH
from servers.slack_samples import held_launch

if TYPE_CHECKING:
    from servers.slack_bridge import Scene

pytestmark = pytest.mark.integration

REASON = "the CDN is down <!channel>"


async def card(at: Scene, *, on_hold: bool = False, launch_id: str = LAUNCH) -> str:
    """Post the root of a launch's thread with its button; return its id."""
    view = held_launch().model_copy(update={"launch_id": launch_id})
    shown = view if on_hold else view.model_copy(update={"hold": None})
    posted = await client(at.slack).chat_postMessage(channel=CHANNEL, **launch_root(shown).posted())
    return str(posted["ts"])


async def opened(at: Scene, person: str, ts: str, action: str = HOLD) -> None:
    await at.slack.hands.click(person, CHANNEL, ts, action)
    await until(lambda: person in at.slack.workspace.views)


async def send(at: Scene, person: str, reason: str) -> None:
    await at.slack.hands.submit(person, {"reason": reason})


def test_who_may_not_is_told_who_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engineer without the role: nothing is held, and only they read so."""

    async def inside() -> None:
        async with scene(monkeypatch) as at:
            await opened(at, DANA, await card(at))
            await send(at, DANA, REASON)
            assert "Carla Mendes" in await at.word(DANA)
            assert at.plugin.holds == []
            assert at.told(CARLA) == []

    asyncio.run(inside())


def test_reason_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks are none: the form says so and stays open."""

    async def inside() -> None:
        async with scene(monkeypatch) as at:
            await opened(at, CARLA, await card(at))
            await send(at, CARLA, " \u200b ")
            assert CARLA in at.slack.workspace.views
            assert at.plugin.holds == []

    asyncio.run(inside())


def test_card_of_a_launch_that_is_over_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The button pins its launch; no other is held instead."""

    async def inside() -> None:
        async with scene(monkeypatch) as at:
            await opened(at, CARLA, await card(at, launch_id="shop-1.0.0"))
            await send(at, CARLA, REASON)
            assert "no longer under way" in await at.word(CARLA)
            assert at.plugin.holds == []

    asyncio.run(inside())


def test_hold_and_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the person's name with their words; the cards are brought up to date at once."""

    async def inside() -> None:
        async with scene(monkeypatch) as at:
            await opened(at, CARLA, await card(at))
            await send(at, CARLA, REASON)
            assert "on hold" in await at.word(CARLA)
            await opened(at, PRIYA, await card(at, on_hold=True), RESUME)
            await send(at, PRIYA, "it is back")
            assert "goes on" in await at.word(PRIYA)
            assert [(h.slack_id, h.launch_id, h.hold, h.reason) for h in at.plugin.holds] == [
                (CARLA, LAUNCH, True, REASON),
                (PRIYA, LAUNCH, False, "it is back"),
            ]
            assert at.shelf.woken == 2

    asyncio.run(inside())


def test_lost_response_does_not_look_like_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt finds the launch on hold: that was the first one."""

    async def inside() -> None:
        async with scene(monkeypatch) as at:
            at.plugin.lost = 1
            await opened(at, CARLA, await card(at))
            await send(at, CARLA, REASON)
            assert "Recorded in your name" in await at.word(CARLA)
            assert len(at.plugin.holds) == 1

    asyncio.run(inside())


def test_second_person_is_told_that_it_is_on_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their reason is not recorded, and they know."""

    async def inside() -> None:
        async with scene(monkeypatch) as at:
            ts = await card(at)
            await opened(at, CARLA, ts)
            await opened(at, PRIYA, ts)
            await send(at, CARLA, REASON)
            await at.word(CARLA)
            await send(at, PRIYA, "me too")
            assert "on hold already" in await at.word(PRIYA)
            assert len(at.plugin.holds) == 1

    asyncio.run(inside())


def test_value_of_another_card_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A button that carries something else opens no form."""

    async def inside() -> None:
        async with scene(monkeypatch) as at:
            value = LaunchLocator(launch_id=LAUNCH, hold=True).encode()
            ts = await card(at)
            posted = at.slack.workspace.channel(CHANNEL).message(ts)
            assert posted is not None
            for block in posted.blocks:
                for element in block.get("elements", []):
                    if element.get("value") == value:
                        element["value"] = "[2]"
            await at.slack.hands.click(CARLA, CHANNEL, ts, HOLD)
            assert "another version" in await at.word(CARLA)
            assert CARLA not in at.slack.workspace.views

    asyncio.run(inside())
