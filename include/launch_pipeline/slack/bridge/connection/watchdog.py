"""Keep the bridge listening: ping the socket, replace it when it is dead, and give up in the end.

A socket may look open and deliver nothing (bolt-python #1529, python-slack-sdk #1701). So it must answer a
ping every few seconds, and Slack must answer ``auth.test`` every minute, which alone prevented the failure in
those reports. A silent socket is replaced. If Slack answers calls but no socket comes to life, the process
ends with an error, so that its supervisor restarts it. An outage of Slack is not such an error.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.slack.bridge.connection.errors import CALL_ERRORS, configuration_error
from launch_pipeline.slack.errors import error_code

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.slack.bridge.connection.socket_mode import SocketConnection

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Say how often the watchdog acts; in seconds."""

    look: float = 5.0
    stale: float = 30.0
    """Silence after which a socket is replaced: six pings without a pong."""
    keep_alive: float = 60.0
    pause: float = 2.0
    """Pause before a socket is opened again; doubles up to ``longest_pause``."""
    longest_pause: float = 30.0
    give_up_after: int = 5
    """Failed sockets in a row, while Slack answered calls, after which the bridge ends."""


class Watchdog:
    """Keep the connection open until cancelled."""

    def __init__(
        self, connection: SocketConnection, client: AsyncWebClient, intervals: Intervals | None = None
    ) -> None:
        self._connection = connection
        self._client = client
        self._intervals = intervals or Intervals()
        self._failures = 0

    async def run(self) -> None:
        """Listen for ever.

        Raises ConfigurationError if a token is refused, OperationError if Slack answers calls but sockets
        stay dead.
        """
        pause = self._intervals.pause
        try:
            while True:
                if await self._opened():
                    pause = self._intervals.pause
                    await self._watch()
                    await self._connection.close()
                else:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, self._intervals.longest_pause)
        finally:
            await self._connection.close()

    async def _opened(self) -> bool:
        try:
            await self._connection.open()
        except ConfigurationError:
            raise
        except OperationError as error:
            log.warning("%s Until it is back, cards in Slack do not respond.", error)
            # If Slack answers no calls either, the socket is not at fault.
            self._failures = self._failures + 1 if await self._slack_answers() else 0
            if self._failures >= self._intervals.give_up_after:
                message = f"{self._failures} sockets in a row did not come to life although Slack answers."
                raise OperationError(f"{message} Start the bridge again.") from error
            return False
        log.info("Listening to Slack.")
        self._failures = 0
        return True

    async def _watch(self) -> None:
        """Return when the socket is dead."""
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while (silent := self._connection.silent_seconds()) < self._intervals.stale:
            await self._connection.ping()
            await asyncio.sleep(self._intervals.look)
            if loop.time() - checked >= self._intervals.keep_alive:
                checked = loop.time()
                await self._slack_answers()
        log.warning("The socket has been silent for %.0f s; opening another.", silent)

    async def _slack_answers(self) -> bool:
        try:
            await self._client.auth_test()
        except CALL_ERRORS as error:
            if wrong := configuration_error(error, "LAUNCH_SLACK_BOT_TOKEN"):
                raise wrong from error
            log.warning("Slack does not answer: %s", error_code(error))
            return False
        return True
