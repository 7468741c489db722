"""One launch's thread in Slack: what is posted into it once, and what is kept true there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from launch_pipeline.checks.canonical import digest
from launch_pipeline.notifications.keys import ROOT
from launch_pipeline.slack.bridge.projection.posting import Gone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from launch_pipeline.slack.bridge.projection.posting import Poster
    from launch_pipeline.slack.bridge.projection.reminders import Call
    from launch_pipeline.slack.messages.block_kit import Message
    from launch_pipeline.slack.store import Messages, Placed

CARDS = "section/"
"""Begins the keys of cards: ``section/<dag>/<section>/<part>``."""


@dataclass(frozen=True)
class Shown:
    """A message that follows what it shows."""

    key: str
    message: Message
    digest: str
    """Of the message, so that an unchanged one costs no call."""
    live: bool = False
    """Whether it offers an answer."""
    loud: bool = False
    """Whether it is shown in the channel, too, when it is posted."""

    @classmethod
    def of(cls, key: str, message: Message, *, live: bool = False, loud: bool = False) -> Shown:
        """Make it of a message."""
        return cls(key, message, digest(message.updated()), live, loud)


class Thread:
    """The thread as the store knew it a moment ago; ``root`` is what its root shows now.

    Every method that speaks raises Away where Slack takes nothing now, Unwanted where it never takes this
    message, and LedgerUnavailable. Where somebody deleted the root, a new one is posted and Gone raised: the
    next look shows the cards anew below it, and what was told stays told.
    """

    def __init__(
        self, launch_id: str, root: Shown, placed: Mapping[str, Placed], messages: Messages, poster: Poster
    ) -> None:
        self.launch_id = launch_id
        self.root = root
        self.placed = placed
        self._messages = messages
        self._poster = poster

    async def begin(self) -> str:
        """Post the root, if nobody has; gives its ``ts``."""
        if known := self.placed.get(ROOT):
            return known.ts
        return await self._place(self.root, partial(self._poster.post, self.root.message))

    async def tell(self, told: Shown) -> None:
        """Post a message once, for good."""
        ts = await self.begin()
        await self._place(told, partial(self._reply, told, ts))

    async def call(self, call: Call) -> None:
        """Call people, once."""
        ts = await self.begin()
        message = call.message
        post = partial(self._reply, Shown.of(call.key, message), ts)
        await self._messages.anudge(call.nudges, call.entry, call.key, self._poster.channel, post)

    async def update(self, shown: Shown) -> None:
        """Change a message that is there; post it anew where somebody deleted it."""
        placed = self.placed[shown.key]
        try:
            await self._poster.update(placed.ts, shown.message)
        except Gone:
            if shown.key == ROOT:
                await self._new_root()
                raise
            ts = await self.begin()
            post = partial(self._reply, shown, ts)
            await self._messages.areplace(placed, post, digest=shown.digest, live=shown.live)
        else:
            await asyncio.to_thread(self._messages.remember, placed, shown.digest, live=shown.live)

    async def _place(self, shown: Shown, post: Callable[[], Awaitable[str]]) -> str:
        where = (self.launch_id, shown.key, self._poster.channel)
        return await self._messages.aplace(*where, post, digest=shown.digest, live=shown.live)

    async def _reply(self, shown: Shown, thread_ts: str) -> str:
        try:
            return await self._poster.post(shown.message, thread_ts, loud=shown.loud)
        except Gone:
            await self._new_root()
            raise

    async def _new_root(self) -> None:
        channel = self._poster.channel
        gone = await asyncio.to_thread(self._messages.find, self.launch_id, ROOT, channel)
        if gone is not None:
            post = partial(self._poster.post, self.root.message)
            await self._messages.areplace(gone, post, digest=self.root.digest)
        await asyncio.to_thread(self._messages.forget, channel, self.launch_id, CARDS)
