"""The watchdog: a socket that hears nothing is replaced; the process ends where no socket comes to life."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.errors import OperationError
from launch_pipeline.slack.bridge.connection import socket_mode
from launch_pipeline.slack.bridge.connection.socket_mode import SocketConnection
from launch_pipeline.slack.bridge.connection.watchdog import Watchdog
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind
from servers.slack import APP_TOKEN, bolt, client, slack, until
from servers.slack_bridge import QUICK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from launch_rehearsal.slack_server.server import SlackServer

pytestmark = pytest.mark.integration

NEVER = 3600.0
"""slack_sdk's own look at the socket, so that whatever is found is found by the watchdog."""
PACE = replace(QUICK.intervals, give_up_after=3)


@asynccontextmanager
async def guarded(
    standin: SlackServer, ping_seconds: float = NEVER
) -> AsyncIterator[tuple[SocketConnection, Any]]:
    """Open a line with a watchdog; yield the line and the watchdog's task."""
    app = bolt(standin)
    app.logger.setLevel(logging.CRITICAL)
    web = client(standin, retry_handlers=[])
    line = SocketConnection(app, web, APP_TOKEN, ping_seconds)
    task = asyncio.create_task(Watchdog(line, web, PACE).run())
    try:
        yield line, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_silent_socket_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    """A socket that takes everything and says nothing is closed, and another hears the next envelope."""

    async def inside() -> None:
        async with slack() as standin, guarded(standin) as (line, task):
            await until(lambda: standin.sockets.opened == 1)
            standin.sockets.silence()
            await until(lambda: standin.sockets.opened == 2)
            delivery = await standin.sockets.deliver({"type": "shortcut"})
            assert (delivery.acked, line.app_id, task.done()) == (True, "A0REHEARSAL", False)
            await until(lambda: len(standin.sockets.connections) == 1)

    asyncio.run(inside())
    assert "has been silent" in caplog.text


def test_quiet_socket_is_left_alone() -> None:
    """Hours without a click are no silence: pings are answered, and Slack is asked again and again."""

    async def inside() -> None:
        async with slack() as standin, guarded(standin):
            await until(lambda: standin.api.calls["auth.test"] >= 8)
            assert standin.sockets.opened == 1

    asyncio.run(inside())


def test_receiver_that_died_is_noticed() -> None:
    """The socket answers, but nobody listens to it any more (bolt-python #1529): it is replaced."""

    async def inside() -> None:
        async with slack() as standin, guarded(standin) as (line, _):
            await until(lambda: line.app_id)
            assert line._handler is not None
            receiver = line._handler.client.message_receiver
            assert receiver is not None
            receiver.cancel()
            await until(lambda: standin.sockets.opened == 2)

    asyncio.run(inside())


def test_session_without_hello_is_noticed() -> None:
    """A session that Slack never greeted gets no clicks, however well its pings are answered."""

    async def inside() -> None:
        async with slack() as standin, guarded(standin, ping_seconds=0.2) as (line, _):
            await until(lambda: standin.sockets.opened == 1 and line.app_id)
            line._greeted_session = None
            await until(lambda: standin.sockets.opened == 2)

    asyncio.run(inside())


def test_process_ends_where_slack_answers_but_no_socket_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some sockets in a row without a hello, the supervisor of the bridge must restart it."""
    monkeypatch.setattr(socket_mode, "OPENING_SECONDS", 0.2)

    async def inside() -> None:
        async with slack() as standin:
            monkeypatch.setattr(standin.sockets, "_hello", lambda: {"type": "weather"})
            async with guarded(standin) as (_, task):
                await task

    with pytest.raises(OperationError, match="3 sockets in a row"):
        asyncio.run(inside())


def test_slack_being_down_is_no_reason_to_end() -> None:
    """However often no socket opens: as long as Slack answers nothing at all, the bridge waits."""

    async def inside() -> None:
        async with slack() as standin:
            standin.faults.add(Fault(kind=FaultKind.STATUS, times=16))
            async with guarded(standin) as (_, task):
                await until(lambda: standin.sockets.opened == 1)
                assert not task.done()
            assert standin.api.calls["auth.test"] >= 8

    asyncio.run(inside())


def test_everything_is_let_go() -> None:
    """Cancelled at any moment, also beside a dead socket, the watchdog leaves no socket and no task."""

    async def inside() -> None:
        async with slack() as standin:
            async with guarded(standin):
                await until(lambda: standin.sockets.opened == 1)
                standin.sockets.silence()
            names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
            assert not [name for name in names if "SocketModeClient" in name]

    asyncio.run(inside())
