"""What one person alone is told: receipts and refusals, in the launch's thread."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from launch_pipeline.slack.bridge.connection.errors import TROUBLE, passes, word_of

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.slack.messages.block_kit import Message

log = logging.getLogger(__name__)

_TRIES = 4
_NO_THREAD = frozenset({"thread_not_found", "invalid_thread_ts"})
_FIRST_PAUSE = 0.5


class Desk:
    """Speaks in the launch channel only, and to whoever acted only."""

    def __init__(self, client: AsyncWebClient, channel: str) -> None:
        self._client = client
        self._channel = channel

    async def tell(self, slack_id: str, thread_ts: str | None, message: Message) -> None:
        """Tell one person; a word that Slack does not take is logged, and the cards show the rest."""
        place: dict[str, Any] = {"channel": self._channel, "user": slack_id}
        if thread_ts:
            place["thread_ts"] = thread_ts
        pause = _FIRST_PAUSE
        for attempt in range(1, _TRIES + 1):
            try:
                await self._client.chat_postEphemeral(**place, **message.updated())
            except TROUBLE as error:
                log.warning("%s was not told: %s", slack_id, word_of(error))
                # Where somebody deleted the thread, the channel will do.
                rootless = word_of(error) in _NO_THREAD and place.pop("thread_ts", None)
                if attempt == _TRIES or not (passes(error) or rootless):
                    return
            else:
                return
            await asyncio.sleep(pause)
            pause *= 2
