"""Assemble the fake Slack: one port for the Web API, Socket Mode, the page and the controls."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from aiohttp import web

from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.slack_server.api.webapi import WebApi
from launch_rehearsal.slack_server.base.faults import Faults
from launch_rehearsal.slack_server.base.settings import members_of
from launch_rehearsal.slack_server.base.workspace import Workspace
from launch_rehearsal.slack_server.control import Control
from launch_rehearsal.slack_server.hands import Hands
from launch_rehearsal.slack_server.origins import door, in_no_frame
from launch_rehearsal.slack_server.page.page import Page
from launch_rehearsal.slack_server.sockets import Sockets
from launch_rehearsal.vendors.serving import serving

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.base.settings import SlackSettings
    from launch_rehearsal.tampering.tampering import Tampering


class SlackServer:
    """Run one fake Slack; enter it as a context manager within its event loop."""

    workspace: Workspace
    sockets: Sockets
    api: WebApi
    hands: Hands
    url: str
    """Address of the page; programs use ``api_url``."""

    def __init__(self, settings: SlackSettings, tampering: Tampering | None = None) -> None:
        self.settings = settings
        self._tampering = tampering
        self.faults = Faults()
        self._open = AsyncExitStack()

    @property
    def api_url(self) -> str:
        """Return the ``base_url`` for clients."""
        return f"{self.url}/api/"

    async def __aenter__(self) -> Self:
        """Read the contacts and listen."""
        settings = self.settings
        contacts = await asyncio.to_thread(load_contacts, settings.contacts)
        self.workspace = Workspace(members_of(contacts), settings.channels, settings.trigger_seconds)
        self.sockets = Sockets(settings)
        self.api = WebApi(self.workspace, self.sockets, settings.tokens, self.faults)
        port = await self._open.enter_async_context(serving(self._app(), port=settings.port, patience=0.5))
        self.url = f"http://{LOOPBACK}:{port}"
        self.hands = Hands(self.workspace, self.sockets, self.url)
        self._open.push_async_callback(self.sockets.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every socket and stop listening; nothing is stored."""
        self.workspace.close_pages()
        await self._open.aclose()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=4 * 1024 * 1024, middlewares=[door])
        app.on_response_prepare.append(in_no_frame)
        if self._tampering:
            self._tampering.attend("slack", app)
        # The attributes are read at each request, since hands exist only once the port is known.
        app.add_routes(
            [
                web.route("*", "/api/{method}", self.api.handle),
                web.get("/link/", self.sockets.handle),
                *Page(self.workspace).routes(),
                *Control(self).routes(),
            ]
        )
        return app
