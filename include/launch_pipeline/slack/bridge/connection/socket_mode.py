"""Open a Socket Mode connection with a fresh address, monitor it, and close it even if it is dead.

slack_sdk's client reconnects by itself, but with three gaps that leave a bridge which looks alive and hears
nothing (slack_sdk 3.47; bolt-python #1529): it retries a failed connection for ever with the same one-time
address; closing a dead socket may never end; it does not check that Slack said hello.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.response import BoltResponse

from launch_pipeline.errors import OperationError
from launch_pipeline.slack.bridge.connection.errors import CALL_ERRORS, configuration_error
from launch_pipeline.slack.errors import error_code

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.socket_mode.aiohttp import SocketModeClient
    from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest
    from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger(__name__)

OPENING_SECONDS = 20.0
"""Time limit from the request for an address to Slack's hello."""
_CLOSING_SECONDS = 3.0
_OK = 200


class _Handler(AsyncSocketModeHandler):
    """Acknowledge every envelope: Slack sends unacknowledged ones again, even those without a listener."""

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Let Bolt find the listener; respond to Slack in any case."""
        began = time.time()
        try:
            response = await run_async_bolt_app(self.app, req)
        except Exception as error:  # noqa: BLE001 - Bolt does not validate payloads
            log.warning("An envelope of type %s cannot be read: %s", req.type, type(error).__name__)
            response = BoltResponse(status=500)
        if response.status != _OK:
            log.warning("No listener for an envelope of type %s.", req.type)
            response = BoltResponse(status=_OK, body="")
        await send_async_response(client, req, response, began)


class SocketConnection:
    """Hold one connection at a time."""

    def __init__(self, app: AsyncApp, web: AsyncWebClient, app_token: str, ping_seconds: float = 5.0) -> None:
        self.app_id = ""
        """The app that Slack's hello names."""
        self._app = app
        self._web = web
        self._app_token = app_token
        self._ping_seconds = ping_seconds
        self._handler: AsyncSocketModeHandler | None = None
        self._greeted = asyncio.Event()
        self._greeted_session: object = None
        self._heard_at = 0.0

    async def open(self) -> None:
        """Connect and wait for Slack's hello.

        Raises ConfigurationError if the token is refused, OperationError if the connection fails otherwise.
        """
        self._greeted.clear()
        self._handler = self._new_handler()
        client = self._handler.client
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                client.wss_uri = await client.issue_new_wss_url()
                await self._handler.connect_async()  # type: ignore[no-untyped-call]
                await self._greeted.wait()
        except BaseException as error:
            await self.close()
            if not isinstance(error, CALL_ERRORS):
                raise
            wrong = configuration_error(error, "LAUNCH_SLACK_APP_TOKEN")
            raise wrong or OperationError(f"Slack opened no socket ({error_code(error)}).") from error

    def _new_handler(self) -> AsyncSocketModeHandler:
        handler = _Handler(
            self._app,
            self._app_token,
            logger=self._app.logger,
            web_client=self._web,
            proxy=self._web.proxy,
            ping_interval=self._ping_seconds,
        )
        # Without an explicit proxy slack_sdk takes the environment's, even for this machine.
        handler.client.proxy = self._web.proxy
        handler.client.message_listeners.append(self._heard)
        return handler

    async def _heard(
        self, _client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None = None
    ) -> None:
        """Note any frame of Slack's; hello names the app and begins the session."""
        self._heard_at = time.time()
        if message.get("type") == "hello":
            info = message.get("connection_info")
            self.app_id = str(info.get("app_id", "")) if isinstance(info, dict) else ""
            self._greeted_session = self._handler.client.current_session if self._handler else None
            self._greeted.set()

    async def ping(self) -> None:
        """Send a ping, independently of slack_sdk's own monitor."""
        session = self._handler.client.current_session if self._handler else None
        if session is None or session.closed:
            return
        try:
            # In slack_sdk's format, so that a pong also proves that its receiver runs.
            await session.ping(f"sdk-ping-pong:{time.time()}".encode())
        except CALL_ERRORS as error:
            log.info("The socket did not take a ping: %s", type(error).__name__)

    def silent_seconds(self) -> float:
        """Return the seconds since the last pong or frame; pongs do not count before Slack's hello."""
        client = self._handler.client if self._handler else None
        if client is None:
            return time.time() - self._heard_at
        greeted = client.current_session is self._greeted_session
        pong = client.last_ping_pong_time if greeted else None
        return time.time() - max(self._heard_at, pong or 0.0)

    async def close(self) -> None:
        """Close the connection, even if the socket is dead."""
        handler, self._handler = self._handler, None
        if handler is None:
            return
        client = handler.client
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await client.close()  # type: ignore[no-untyped-call]
        except CALL_ERRORS as error:
            log.info("The socket did not close cleanly: %s", type(error).__name__)
            # The first attempt has marked it closed; this one releases the rest.
            await client.close()  # type: ignore[no-untyped-call]
        left = [client.message_processor, client.current_session_monitor, client.message_receiver]
        await asyncio.gather(*(task for task in left if task is not None), return_exceptions=True)
