"""Post and change messages at the rate that Slack allows, and translate its errors.

Limits (docs.slack.dev/apis/web-api/rate-limits): ``chat.postMessage`` takes about one message a second and
channel, with short bursts; ``chat.update`` is tier 3, at least 50 a minute.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache
from slack_sdk.web.async_client import AsyncWebClient

from launch_pipeline.checks.canonical import digest
from launch_pipeline.slack.bridge.connection.errors import CALL_ERRORS, configuration_error
from launch_pipeline.slack.errors import (
    MessageGone,
    MessageRefused,
    RateLimited,
    SlackProblem,
    SlackUnavailable,
    error_code,
    problem_of,
    retry_after,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.errors import OperationError
    from launch_pipeline.slack.messages.block_kit import Message

BURST = 20
"""Calls in a row without waiting; a section that asks eight people at once needs two."""
PER_SECOND = 50 / 60
CALL_SECONDS = 20
_REFUSED_MESSAGES = 200


class RateLimiter:
    """Limit calls with a token bucket."""

    def __init__(
        self, burst: int = BURST, per_second: float = PER_SECOND, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left = float(burst)
        self._updated_at = clock()

    def take(self) -> None:
        """Take one call. Raises RateLimited if none is left."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._updated_at) * self._per_second)
        self._updated_at = now
        if self._left < 1:
            raise RateLimited((1 - self._left) / self._per_second)
        self._left -= 1


class Poster:
    """Post and change messages in one channel."""

    def __init__(self, client: AsyncWebClient, channel: str, limiter: RateLimiter | None = None) -> None:
        """Use the client's settings except its retries: after a lost response they would post again."""
        self.channel = channel
        self._limiter = limiter or RateLimiter()
        self._refused: LRUCache[str, MessageRefused] = LRUCache(_REFUSED_MESSAGES)
        self._client = AsyncWebClient(
            client.token,
            base_url=client.base_url,
            timeout=CALL_SECONDS,
            session=client.session,
            retry_handlers=[],
        )
        # The constructor takes None as "use the environment's proxy", even for this machine.
        self._client.proxy = client.proxy

    async def post(self, message: Message, thread_ts: str = "", *, loud: bool = False) -> str:
        """Post into a thread, or into the channel without one, and return the ``ts``.

        ``loud`` shows a reply in the channel as well. Raises MessageGone if the thread has lost its root,
        SlackUnavailable or MessageRefused if Slack does not take the message.
        """
        where: dict[str, Any] = {"channel": self.channel}
        if thread_ts:
            where |= {"thread_ts": thread_ts, "reply_broadcast": loud}
        answer = await self._call("chat.postMessage", message, {**message.posted(), **where})
        return str(answer["ts"])

    async def update(self, ts: str, message: Message) -> None:
        """Change a message. Raises MessageGone if it was deleted, otherwise what ``post`` raises."""
        await self._call("chat.update", message, {**message.updated(), "channel": self.channel, "ts": ts})

    async def _call(self, method: str, message: Message, fields: dict[str, Any]) -> Any:
        key = f"{method} {digest(message.updated())}"
        if refused := self._refused.get(key):
            raise MessageRefused(f"Slack did not take this message before ({method}).") from refused
        self._limiter.take()
        try:
            return await self._client.api_call(method, json=fields)
        except CALL_ERRORS as error:
            translated = _translated(error, method)
            if isinstance(translated, MessageRefused):
                self._refused[key] = translated
            raise translated from error


def _translated(error: BaseException, method: str) -> OperationError:
    problem, code = problem_of(error), error_code(error)
    if problem is SlackProblem.RATE_LIMIT:
        return RateLimited(retry_after(error))
    if problem is SlackProblem.GONE:
        return MessageGone(f"{method}: {code}")
    if problem is SlackProblem.MESSAGE:
        return MessageRefused(f"Slack does not take this message ({method}: {code}).")
    wrong = configuration_error(error, "LAUNCH_SLACK_BOT_TOKEN")
    return SlackUnavailable(str(wrong) if wrong else f"Slack does not answer {method} ({code}).")
