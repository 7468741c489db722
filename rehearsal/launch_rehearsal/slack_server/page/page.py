"""Serve one person's Slack live in a browser, on a desktop or on a phone."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aiohttp import web

from launch_rehearsal.slack_server.base.workspace import ApiRefusal
from launch_rehearsal.slack_server.control import refusing
from launch_rehearsal.slack_server.page.rendering import Rendering, templates

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.base.workspace import Channel, Workspace

_KEEP_ALIVE = 15.0
_TYPES = {"page.css": "text/css", "page.js": "text/javascript"}


class Page:
    """Serve ``/`` and its resources."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.get("/", self._page),
            web.get(r"/archives/{channel}/p{ts:\d{7,}}", self._permalink),
            web.get("/fragment", refusing(self._fragment)),
            web.get("/events", self._events),
            web.get("/static/{name}", self._static),
            web.get("/favicon.ico", self._no_icon),
        ]

    async def _page(self, request: web.Request) -> web.Response:
        try:
            seen = _Seen(self._workspace, dict(request.query))
        except ApiRefusal as refusal:
            return web.Response(status=404, text=refusal.error)
        return web.Response(text=seen.document(), content_type="text/html")

    async def _permalink(self, request: web.Request) -> web.Response:
        """Redirect a message's permalink to its thread."""
        digits = request.match_info["ts"]
        thread = request.query.get("thread_ts", f"{digits[:-6]}.{digits[-6:]}")
        query = {"channel": request.match_info["channel"], "thread": thread}
        raise web.HTTPFound(f"/?{urlencode(query)}")

    async def _fragment(self, request: web.Request) -> web.Response:
        seen = _Seen(self._workspace, dict(request.query))
        return web.json_response(seen.fragment())

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _TYPES:
            raise web.HTTPNotFound
        text = await asyncio.to_thread((files(__package__) / name).read_text, "utf-8")
        return web.Response(text=text, content_type=_TYPES[name])

    async def _no_icon(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send the version as a server-sent event whenever it changes."""
        workspace = self._workspace
        stream = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await stream.prepare(request)
        version = -1
        while not workspace.closing:
            version = await workspace.change(version, _KEEP_ALIVE)
            try:
                await stream.write(f"data: {version}\n\n".encode())
            except ConnectionError:
                break
        return stream


class _Seen:
    """The channel and thread that one person looks at."""

    def __init__(self, workspace: Workspace, query: dict[str, str]) -> None:
        people = [user for user in workspace.users.values() if not user["is_bot"]]
        self.workspace = workspace
        self.people = people
        self.user = workspace.user(query.get("as") or people[0]["id"])["id"]
        first = next(iter(workspace.channels))
        self.channel: Channel = workspace.channel(query.get("channel") or first)
        self.rendering = Rendering(workspace, self.user)
        self.thread = query.get("thread", "")
        self.asked = bool(self.thread)
        if not self.thread:
            # On a desktop the newest thread is beside the channel; a phone shows one of the two.
            self.thread = next(
                (m.thread_ts for m in reversed(self.rendering.visible(self.channel)) if m.thread_ts), ""
            )

    def fragment(self) -> dict[str, Any]:
        """Render the parts of the page that change."""
        opened = self.workspace.views.get(self.user)
        return {
            "version": self.workspace.version,
            "timeline": self.rendering.timeline(self.channel),
            "thread": self.rendering.thread(self.channel, self.thread) if self.thread else "",
            "modal": self.rendering.modal(opened) if opened else "",
            "notice": self.workspace.notices.get(self.user, ""),
        }

    def document(self) -> str:
        """Render the whole page."""
        here = {"as": self.user, "channel": self.channel.id, "thread": self.thread if self.asked else ""}
        return (
            templates()
            .get_template("page.html")
            .render(
                asked=self.asked,
                channel=self.channel,
                channels=self.workspace.channels.values(),
                here=here,
                parts=self.fragment(),
                people=self.people,
                thread=self.thread,
                user=self.user,
            )
        )
