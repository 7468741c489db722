"""Hold a workspace's people, channels, messages and modals, without protocol or page."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import OperationError
from launch_rehearsal.slack_server.base.settings import BOT_USER, TEAM, member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


MOST_PER_PAGE = 1000
"""Slack's own limit of ``limit`` (docs.slack.dev, Pagination)."""


class ApiRefusal(OperationError):
    """Slack's ``ok: false``; the text is Slack's error code."""

    def __init__(self, error: str, **details: Any) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


@dataclass
class Posted:
    """One message."""

    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    thread_ts: str | None = None
    only_for: str | None = None
    """The person who sees an ephemeral message."""
    edits: int = 0
    edited_at: str = ""
    """Time of the last edit, as a ``ts``."""
    app: bool = True
    subtype: str = ""
    """Kind of a message that Slack itself writes, such as ``channel_join``."""

    def document(self) -> dict[str, Any]:
        """Return the message as Slack writes it."""
        made: dict[str, Any] = {"type": "message", "ts": self.ts, "user": self.user, "text": self.text}
        if self.subtype:
            made["subtype"] = self.subtype
        if self.app:
            made |= {"bot_id": "B0GATES", "app_id": "A0REHEARSAL", "team": TEAM, "blocks": self.blocks}
        if self.thread_ts:
            made["thread_ts"] = self.thread_ts
        if self.metadata:
            made["metadata"] = self.metadata
        return made | ({"edited": {"user": self.user, "ts": self.edited_at}} if self.edits else {})


@dataclass
class Channel:
    """One channel."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    messages: list[Posted] = field(default_factory=list)
    is_private: bool = False
    is_archived: bool = False

    def message(self, ts: str) -> Posted | None:
        """Find a message that every member sees."""
        return next((m for m in self.messages if m.ts == ts and m.only_for is None), None)


@dataclass
class OpenView:
    """A modal on a person's screen."""

    id: str
    user: str
    view: dict[str, Any]
    hash: str
    below: OpenView | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """Return the id of the first modal of the stack."""
        return self.below.root if self.below else self.id

    def document(self, values: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the view as Slack writes it, with the filled-in values."""
        fixed = {"notify_on_close": False, "clear_on_close": False, "private_metadata": "", **self.view}
        return fixed | {
            "id": self.id,
            "team_id": TEAM,
            "app_id": "A0REHEARSAL",
            "bot_id": "B0GATES",
            "hash": self.hash,
            "state": {"values": values or {}},
            "root_view_id": self.root,
            "previous_view_id": self.below.id if self.below else None,
        }


@dataclass
class _Trigger:
    user: str
    expires: float
    used: bool = False


class Workspace:
    """Hold people, channels, messages and modals, and notify of every change."""

    def __init__(self, users: Iterable[dict[str, Any]], channels: Iterable[str], patience: float) -> None:
        self.users: dict[str, dict[str, Any]] = {user["id"]: user for user in users}
        self.users[BOT_USER] = member(BOT_USER, "Launch Gates", is_bot=True)
        self.channels: dict[str, Channel] = {}
        self.views: dict[str, OpenView] = {}
        """The modal on top of each person's screen."""
        self.notices: dict[str, str] = {}
        """Slack's own notice to each person, such as that an app did not answer."""
        self.away: set[str] = set()
        self.clock: Callable[[], float] = time.time
        self.most_per_page = MOST_PER_PAGE
        self.version = 0
        self.closing = False
        self._patience = patience
        self._triggers: dict[str, _Trigger] = {}
        self._counter = itertools.count(1)
        self._last_ts = ""
        self._waiters: set[asyncio.Future[None]] = set()
        for name in channels:
            self.add_channel(name)

    def add_channel(self, name: str, members: Iterable[str] | None = None) -> Channel:
        """Add a channel with these members, by default every person and the bot."""
        made = Channel(f"C{len(self.channels) + 1:03d}LAUNCH", name)
        made.members = set(self.users if members is None else members)
        self.channels[made.id] = made
        return made

    def channel(self, name: str) -> Channel:
        """Find a channel by id or name. Raises ApiRefusal ``channel_not_found``."""
        wanted = name.removeprefix("#")
        for channel in self.channels.values():
            if wanted in {channel.id, channel.name}:
                return channel
        raise ApiRefusal("channel_not_found")

    def user(self, slack_id: str) -> dict[str, Any]:
        """Find a person. Raises ApiRefusal ``user_not_found``."""
        if slack_id not in self.users:
            raise ApiRefusal("user_not_found")
        return self.users[slack_id]

    def new_ts(self) -> str:
        """Return a new message id: the time, made unique and ascending."""
        ts = f"{self.clock():.6f}"
        if ts <= self._last_ts:
            seconds, micros = self._last_ts.split(".")
            carried, rest = divmod(int(micros) + 1, 1_000_000)
            ts = f"{int(seconds) + carried}.{rest:06d}"
        self._last_ts = ts
        return ts

    def post(self, channel: Channel, posted: Posted) -> Posted:
        """Add a message."""
        channel.messages.append(posted)
        self.changed()
        return posted

    def say(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Posted:
        """Post a message as a person."""
        where = self.channel(channel)
        return self.post(where, Posted(self.new_ts(), user, text, thread_ts=thread_ts, app=False))

    def new_trigger(self, user: str) -> str:
        """Return a new trigger id, which opens one modal within a few seconds."""
        name = f"{next(self._counter)}.{TEAM}.{uuid.uuid4().hex}"
        self._triggers[name] = _Trigger(user, self.clock() + self._patience)
        return name

    def spend_trigger(self, name: str) -> str:
        """Use a trigger id and return its person. Raises ApiRefusal if it is unknown, expired or used."""
        trigger = self._triggers.get(name)
        if trigger is None:
            raise ApiRefusal("invalid_trigger_id")
        if trigger.used:
            raise ApiRefusal("exchanged_trigger_id")
        if self.clock() > trigger.expires:
            raise ApiRefusal("expired_trigger_id")
        trigger.used = True
        return trigger.user

    def show(self, user: str, view: dict[str, Any], below: OpenView | None = None) -> OpenView:
        """Show a modal on a person's screen."""
        opened = OpenView(f"V{next(self._counter):08d}", user, named_blocks(view), self._hash(), below)
        self.views[user] = opened
        self.changed()
        return opened

    def replace(self, opened: OpenView, view: dict[str, Any]) -> OpenView:
        """Change a modal in place."""
        opened.view, opened.hash, opened.errors = named_blocks(view), self._hash(), {}
        self.changed()
        return opened

    def close(self, user: str, *, all_of_them: bool = False) -> None:
        """Close the top modal, or the whole stack, of a person."""
        top = self.views.pop(user, None)
        if top is not None and top.below is not None and not all_of_them:
            self.views[user] = top.below
        self.changed()

    def notice(self, user: str, text: str) -> None:
        """Show a person a notice of Slack itself; it stays."""
        self.notices[user] = text
        self.changed()

    def _hash(self) -> str:
        return f"{int(self.clock())}.{uuid.uuid4().hex[:8]}"

    def changed(self) -> None:
        """Wake the waiters for a change."""
        self.version += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def close_pages(self) -> None:
        """Release every open page."""
        self.closing = True
        self.changed()

    async def change(self, since: int, timeout: float) -> int:  # noqa: ASYNC109 - a page asks again
        """Wait for a change after ``since``, at most ``timeout`` seconds; return the version."""
        if self.version == since:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            await asyncio.wait([waiter], timeout=timeout)
            self._waiters.discard(waiter)
        return self.version


def named_blocks(message: dict[str, Any]) -> dict[str, Any]:
    """Give an id to the blocks that have none, as Slack does."""
    blocks = [
        {"block_id": f"b{number}{uuid.uuid4().hex[:4]}", **block}
        for number, block in enumerate(message.get("blocks", []))
    ]
    return {**message, "blocks": blocks}
