"""The rehearsal's Slack with the channels of a test, behind its Web API alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from aiohttp import web

from launch_pipeline.slack.scopes import CHECK_SCOPES
from launch_rehearsal.slack_server.api.webapi import WebApi
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind, Faults
from launch_rehearsal.slack_server.base.settings import BOT_USER, SlackSettings, Token, member
from launch_rehearsal.slack_server.base.workspace import MOST_PER_PAGE, Channel, Posted, Workspace
from launch_rehearsal.slack_server.sockets import Sockets

TOKEN = "xoxb-0000000000-right-token"
SCOPES = frozenset(CHECK_SCOPES)


def channel(name: str, *people: str, is_member: bool = True, **fields: Any) -> Channel:
    """Make a channel with these people, and with the bot unless it is no member."""
    slack_id = fields.pop("id", f"C{name.upper().replace('-', '').encode().hex().upper()[:20]}")
    return Channel(slack_id, name, {*people, *([BOT_USER] if is_member else [])}, **fields)


def message(text: str, ago: float = 60, **fields: Any) -> Posted:
    """Make a message of so many seconds ago."""
    return Posted(f"{time.time() - ago:.6f}", "U0LAUNCH02", text, app=False, **fields)


class SlackApi:
    """A workspace, of which everybody is away who is not in ``active``."""

    def __init__(self, *channels: Channel, page: int = MOST_PER_PAGE) -> None:
        self.channels = channels
        self.scopes = set(SCOPES)
        self.active: set[str] = set()
        self.page = page
        self.limited = 0
        """The number of calls that are answered 429 first."""

    @property
    def app(self) -> web.Application:
        """Make an application; one serves in one event loop only."""
        faults = Faults()
        if self.limited:
            faults.add(Fault(kind=FaultKind.RATE_LIMIT, times=self.limited))
        tokens = (Token(text=TOKEN, scopes=tuple(sorted(self.scopes))),)
        sockets = Sockets(SlackSettings(contacts=Path()))
        app = web.Application()
        app.router.add_post("/api/{method}", WebApi(self._workspace(), sockets, tokens, faults).handle)
        return app

    def _workspace(self) -> Workspace:
        people = {person for one in self.channels for person in one.members} | self.active
        made = Workspace([member(person, person) for person in people], (), 3.0)
        made.most_per_page, made.away = self.page, people - self.active
        for one in self.channels:
            one.messages.sort(key=lambda posted: posted.ts)
            made.channels[one.id] = one
        return made
