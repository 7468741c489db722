"""Posting and changing messages, at the pace that Slack allows; its refusals told apart by what follows.

Limits: docs.slack.dev/apis/web-api/rate-limits: ``chat.postMessage`` about one a second and channel, with
short bursts; ``chat.update`` tier 3, 50 and more a minute.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from slack_sdk.web.async_client import AsyncWebClient

from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import OperationError
from launch_pipeline.slack.bridge.connection.errors import TROUBLE, configuration_error, word_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.slack.messages.block_kit import Message

BURST = 20
"""Calls at once; a section that asks eight people at once needs two."""
PER_SECOND = 50 / 60
CALL_SECONDS = 20
_GONE = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})
_OF_THIS_MESSAGE = (
    "invalid_blocks",
    "metadata_",
    "msg_",
    "no_text",
    "invalid_metadata",
    "too_many_attachments",
    "invalid_arguments",
    "invalid_arg_name",
    "edit_window_closed",
    "restricted_action_",
)
_TOO_MANY = 429
_REMEMBERED = 200
_FIRST_WAIT = 1.0


class Away(OperationError):
    """Slack takes nothing now; waiting, or somebody who mends the settings, helps."""


class Limited(Away):
    """Slack asks to wait, or we have said enough for the moment."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Slack takes no more messages for {seconds:.1f} s.")
        self.seconds = seconds


class Gone(OperationError):
    """Somebody deleted the message, or the root of its thread, or it is another app's."""


class Unwanted(OperationError):
    """Slack refuses this very message; the same one will never be taken."""


class Pace:
    """A bucket of calls that fills slowly."""

    def __init__(
        self, burst: int = BURST, per_second: float = PER_SECOND, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._left = float(burst)
        self._seen_at = clock()

    def take(self) -> None:
        """Take a call. Raises Limited where none is left."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen_at) * self._per_second)
        self._seen_at = now
        if self._left < 1:
            raise Limited((1 - self._left) / self._per_second)
        self._left -= 1


class Poster:
    """One channel."""

    def __init__(self, client: AsyncWebClient, channel: str, pace: Pace | None = None) -> None:
        """Take everything from ``client`` but its retries: after a lost answer it would post again."""
        self.channel = channel
        self._pace = pace or Pace()
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._client = AsyncWebClient(
            client.token,
            base_url=client.base_url,
            timeout=CALL_SECONDS,
            session=client.session,
            retry_handlers=[],
        )
        # Given to the constructor, no proxy would mean that of the environment, even for this machine.
        self._client.proxy = client.proxy

    async def post(self, message: Message, thread_ts: str = "", *, loud: bool = False) -> str:
        """Post into a thread, or into the channel where none is named; ``loud`` into both. Gives the ``ts``.

        Raises Gone where the thread has no root any more, Away or Unwanted where Slack does not take it.
        """
        where: dict[str, Any] = {"channel": self.channel}
        if thread_ts:
            where |= {"thread_ts": thread_ts, "reply_broadcast": loud}
        answer = await self._call("chat.postMessage", message, {**message.posted(), **where})
        return str(answer["ts"])

    async def update(self, ts: str, message: Message) -> None:
        """Change a message. Raises Gone where there is none any more, Away or Unwanted as ``post`` does."""
        await self._call("chat.update", message, {**message.updated(), "channel": self.channel, "ts": ts})

    async def _call(self, method: str, message: Message, fields: dict[str, Any]) -> Any:
        known = f"{method} {digest(message.updated())}"
        if known in self._refused:
            raise Unwanted(f"Slack did not take this message before ({method}).")
        self._pace.take()
        try:
            return await self._client.api_call(method, json=fields)
        except TROUBLE as error:
            translated = _translated(error, method)
            if isinstance(translated, Unwanted):
                self._refused[known] = None
                while len(self._refused) > _REMEMBERED:
                    self._refused.popitem(last=False)
            raise translated from error


def _translated(error: BaseException, method: str) -> OperationError:
    word = word_of(error)
    if _status(error) == _TOO_MANY or word == "ratelimited":
        return Limited(_retry_after(error))
    if word in _GONE:
        return Gone(f"{method}: {word}")
    if word.startswith(_OF_THIS_MESSAGE):
        return Unwanted(f"Slack does not take this message ({method}: {word}).")
    wrong = configuration_error(error, "LAUNCH_SLACK_BOT_TOKEN")
    return Away(str(wrong) if wrong else f"Slack does not answer {method} ({word}).")


def _status(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _retry_after(error: Any) -> float:
    headers = {str(name).lower(): value for name, value in dict(error.response.headers or {}).items()}
    try:
        return max(_FIRST_WAIT, float(headers.get("retry-after", _FIRST_WAIT)))
    except (TypeError, ValueError):
        return _FIRST_WAIT
