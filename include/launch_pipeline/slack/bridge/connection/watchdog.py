"""Keeps the bridge listening: looks at the socket, replaces it when it is dead, and gives up in the end.

A socket may look open and deliver nothing (bolt-python #1529, python-slack-sdk #1701). So every few seconds
it must answer a ping of ours, every minute Slack is asked ``auth.test``, which alone prevented the failure
for those who reported it, and a socket that is silent is replaced. Where Slack answers calls but no socket
comes to life, the process ends with an error, so that whoever supervises it starts it anew. Slack being
down is no such reason.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.slack.bridge.connection.errors import TROUBLE, configuration_error, word_of

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.slack.bridge.connection.socket_mode import Line

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the watchdog looks; in seconds."""

    look: float = 5.0
    stale: float = 30.0
    """Without any sign of life a socket is replaced: six of our pings were not answered."""
    keep_alive: float = 60.0
    pause: float = 2.0
    """Before a socket is opened again; doubles up to ``longest_pause``."""
    longest_pause: float = 30.0
    give_up_after: int = 5
    """Sockets in a row that did not come to life although Slack answered."""


class Watchdog:
    """Holds the line open until it is cancelled."""

    def __init__(self, line: Line, client: AsyncWebClient, pace: Pace | None = None) -> None:
        self._line = line
        self._client = client
        self._pace = pace or Pace()
        self._failures = 0

    async def run(self) -> None:
        """Listen for ever.

        Raises ConfigurationError where a token is refused, OperationError where Slack answers calls but
        sockets stay dead.
        """
        pause = self._pace.pause
        try:
            while True:
                if await self._opened():
                    pause = self._pace.pause
                    await self._watch()
                    await self._line.close()
                else:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, self._pace.longest_pause)
        finally:
            await self._line.close()

    async def _opened(self) -> bool:
        try:
            await self._line.open()
        except ConfigurationError:
            raise
        except OperationError as error:
            log.warning("%s The cards in Slack answer nothing meanwhile.", error)
            # Only while Slack answers calls is it the socket's fault.
            self._failures = self._failures + 1 if await self._slack_answers() else 0
            if self._failures >= self._pace.give_up_after:
                message = f"{self._failures} sockets in a row did not come to life although Slack answers."
                raise OperationError(f"{message} Start the bridge again.") from error
            return False
        log.info("Listening to Slack.")
        self._failures = 0
        return True

    async def _watch(self) -> None:
        """Return when the socket is dead."""
        loop = asyncio.get_running_loop()
        kept = loop.time()
        while (silent := self._line.silent_seconds()) < self._pace.stale:
            await self._line.ping()
            await asyncio.sleep(self._pace.look)
            if loop.time() - kept >= self._pace.keep_alive:
                kept = loop.time()
                await self._slack_answers()
        log.warning("The socket has been silent for %.0f s; opening another.", silent)

    async def _slack_answers(self) -> bool:
        try:
            await self._client.auth_test()
        except TROUBLE as error:
            if wrong := configuration_error(error, "LAUNCH_SLACK_BOT_TOKEN"):
                raise wrong from error
            log.warning("Slack does not answer: %s", word_of(error))
            return False
        return True
