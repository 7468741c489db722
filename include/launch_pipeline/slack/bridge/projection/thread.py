"""Keep one launch's thread in Slack: post each message once, and update those that change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from launch_pipeline.checks.canonical import digest
from launch_pipeline.notifications.keys import ROOT
from launch_pipeline.slack.errors import MessageGone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from launch_pipeline.slack.bridge.projection.posting import Poster
    from launch_pipeline.slack.bridge.projection.reminders import NudgeMessage
    from launch_pipeline.slack.messages.block_kit import Message
    from launch_pipeline.slack.store import Messages, Placed

CARDS = "section/"
"""Prefix of the keys of cards: ``section/<dag>/<section>/<part>``."""


@dataclass(frozen=True)
class Rendered:
    """Hold a message ready to post or update, with its key in the message store."""

    key: str
    message: Message
    digest: str
    """Digest of the message; an unchanged one costs no call."""
    live: bool = False
    """Whether it offers an answer."""
    loud: bool = False
    """Whether the channel shows it as well when it is posted."""

    @classmethod
    def of(cls, key: str, message: Message, *, live: bool = False, loud: bool = False) -> Rendered:
        """Compute the digest of a message."""
        return cls(key, message, digest(message.updated()), live, loud)


class Thread:
    """Post into a launch's thread; ``root`` is the current root, ``placed`` what the store has of it.

    Methods that call Slack raise SlackUnavailable, MessageRefused and LedgerUnavailable. If the root was
    deleted, they post a new one and raise MessageGone: the next look posts the cards again below it, and
    notes that were posted before are not repeated.
    """

    def __init__(
        self, launch_id: str, root: Rendered, placed: Mapping[str, Placed], messages: Messages, poster: Poster
    ) -> None:
        self.launch_id = launch_id
        self.root = root
        self.placed = placed
        self._messages = messages
        self._poster = poster

    async def begin(self) -> str:
        """Post the root if there is none, and return its ``ts``."""
        if known := self.placed.get(ROOT):
            return known.ts
        return await self._place(self.root, partial(self._poster.post, self.root.message))

    async def post(self, rendered: Rendered) -> None:
        """Post a message once."""
        ts = await self.begin()
        await self._place(rendered, partial(self._reply, rendered, ts))

    async def nudge(self, nudge: NudgeMessage) -> None:
        """Mention people once."""
        ts = await self.begin()
        post = partial(self._reply, Rendered.of(nudge.key, nudge.message), ts)
        await self._messages.anudge(nudge.nudges, nudge.entry, nudge.key, self._poster.channel, post)

    async def update(self, rendered: Rendered) -> None:
        """Change a message that was posted; post it again if it was deleted."""
        placed = self.placed[rendered.key]
        try:
            await self._poster.update(placed.ts, rendered.message)
        except MessageGone:
            if rendered.key == ROOT:
                await self._new_root()
                raise
            ts = await self.begin()
            post = partial(self._reply, rendered, ts)
            await self._messages.areplace(placed, post, digest=rendered.digest, live=rendered.live)
        else:
            await asyncio.to_thread(self._messages.remember, placed, rendered.digest, live=rendered.live)

    async def _place(self, rendered: Rendered, post: Callable[[], Awaitable[str]]) -> str:
        where = (self.launch_id, rendered.key, self._poster.channel)
        return await self._messages.aplace(*where, post, digest=rendered.digest, live=rendered.live)

    async def _reply(self, rendered: Rendered, thread_ts: str) -> str:
        try:
            return await self._poster.post(rendered.message, thread_ts, loud=rendered.loud)
        except MessageGone:
            await self._new_root()
            raise

    async def _new_root(self) -> None:
        channel = self._poster.channel
        gone = await asyncio.to_thread(self._messages.find, self.launch_id, ROOT, channel)
        if gone is not None:
            post = partial(self._poster.post, self.root.message)
            await self._messages.areplace(gone, post, digest=self.root.digest)
        await asyncio.to_thread(self._messages.forget, channel, self.launch_id, CARDS)
