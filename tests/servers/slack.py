"""The Slack stand-in with the real clients: slack_sdk for the Web API, Bolt for Socket Mode."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from launch_rehearsal.slack_server.base.settings import SlackSettings
from launch_rehearsal.slack_server.server import SlackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CONTACTS = Path(__file__).resolve().parents[2] / "include" / "contacts.example.yaml"
BOT_TOKEN = "xoxb-rehearsal-bridge"
CHECK_TOKEN = "xoxb-rehearsal-checks"
APP_TOKEN = "xapp-rehearsal-bridge"
PATIENCE = 30.0


def slack(**fields: Any) -> SlackServer:
    """Build a stand-in with the example's people, on a free port."""
    return SlackServer(SlackSettings(contacts=CONTACTS, **fields))


def client(standin: SlackServer, token: str = BOT_TOKEN, **fields: Any) -> AsyncWebClient:
    """Slack's own client, talking to the stand-in."""
    return AsyncWebClient(token, base_url=standin.api_url, **fields)


async def until(condition: Callable[[], Any]) -> Any:
    """Wait until something holds; gives what it gave."""
    async with asyncio.timeout(PATIENCE):
        while not (found := condition()):  # noqa: ASYNC110 - anything may be waited for
            await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def listening(
    standin: SlackServer, app: AsyncApp, ping_interval: float = 5
) -> AsyncIterator[AsyncSocketModeHandler]:
    """Connect a Bolt app by Socket Mode."""
    # Bolt tells every handler's error and every reconnect; what a test provokes is no news.
    logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
    opened = standin.sockets.opened
    handler = AsyncSocketModeHandler(
        app, APP_TOKEN, web_client=client(standin, APP_TOKEN), ping_interval=ping_interval
    )
    handler.client.logger.setLevel(logging.CRITICAL)
    try:
        await handler.connect_async()  # type: ignore[no-untyped-call]
        await until(lambda: standin.sockets.opened > opened)
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        await asyncio.sleep(0)


def bolt(standin: SlackServer) -> AsyncApp:
    """Build a Bolt app that talks to the stand-in."""
    return AsyncApp(client=client(standin), process_before_response=False)
