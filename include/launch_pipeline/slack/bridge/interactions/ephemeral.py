"""Post ephemeral messages: receipts and refusals that only one person sees, in the launch's thread."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from launch_pipeline.slack.bridge.connection.errors import CALL_ERRORS, is_transient
from launch_pipeline.slack.errors import THREAD_MISSING, error_code

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.slack.messages.block_kit import Message

log = logging.getLogger(__name__)

_TRIES = 4
_FIRST_PAUSE = 0.5


class EphemeralMessages:
    """Post ephemeral messages in the launch channel."""

    def __init__(self, client: AsyncWebClient, channel: str) -> None:
        self._client = client
        self._channel = channel

    async def post(self, slack_id: str, thread_ts: str | None, message: Message) -> None:
        """Show a message to one person. A failure is logged; the cards show the result anyway."""
        place: dict[str, Any] = {"channel": self._channel, "user": slack_id}
        if thread_ts:
            place["thread_ts"] = thread_ts
        pause = _FIRST_PAUSE
        for attempt in range(1, _TRIES + 1):
            try:
                await self._client.chat_postEphemeral(**place, **message.updated())
            except CALL_ERRORS as error:
                log.warning("%s was not informed: %s", slack_id, error_code(error))
                # If the thread was deleted, the message goes to the channel.
                rootless = error_code(error) in THREAD_MISSING and place.pop("thread_ts", None)
                if attempt == _TRIES or not (is_transient(error) or rootless):
                    return
            else:
                return
            await asyncio.sleep(pause)
            pause *= 2
