"""The page: one person's Slack in a browser, on a desk or on a phone, live."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aiohttp import web

from launch_rehearsal.slack_server.base.workspace import ApiRefusal
from launch_rehearsal.slack_server.control import refusing
from launch_rehearsal.slack_server.page.html import Html, tag
from launch_rehearsal.slack_server.page.rendering import Rendering

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.base.workspace import Channel, Workspace

_KEEP_ALIVE = 15.0
_TYPES = {"page.css": "text/css", "page.js": "text/javascript"}


class Page:
    """``/`` and what it asks for."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
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
        return web.Response(text="<!doctype html>" + seen.document(), content_type="text/html")

    async def _permalink(self, request: web.Request) -> web.Response:
        """Lead a message's own link to its thread."""
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
        """Server-sent events: the version, whenever it changes."""
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
    """What one person looks at."""

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
            # On a desk the newest thread stands beside the channel; a phone shows one of the two.
            self.thread = next(
                (m.thread_ts for m in reversed(self.rendering.visible(self.channel)) if m.thread_ts), ""
            )

    def fragment(self) -> dict[str, Any]:
        """The parts of the page that change."""
        opened = self.workspace.views.get(self.user)
        return {
            "version": self.workspace.version,
            "timeline": self.rendering.timeline(self.channel),
            "thread": self.rendering.thread(self.channel, self.thread) if self.thread else "",
            "modal": self.rendering.modal(opened) if opened else "",
            "notice": self.workspace.notices.get(self.user, ""),
        }

    def document(self) -> Html:
        """The whole page."""
        parts = {name: Html(value) for name, value in self.fragment().items() if isinstance(value, str)}
        here = {"as": self.user, "channel": self.channel.id, "thread": self.thread if self.asked else ""}
        body = tag(
            "body",
            self._top(),
            tag("nav", [self._link(channel) for channel in self.workspace.channels.values()]),
            tag("main", self._channel(parts["timeline"]), self._beside(parts["thread"])),
            tag("dialog", parts["modal"], id="modal", aria_labelledby="modal-title"),
            tag("div", parts["notice"], id="notice", role="status"),
            tag("script", Html(f"const here = {_embedded(here)};")),
            tag("script", src="/static/page.js"),
            class_="asked" if self.asked else ("beside" if self.thread else None),
        )
        return tag("html", self._head(), body, lang="en")

    def _channel(self, timeline: Html) -> Html:
        return tag(
            "section",
            tag("h2", f"# {self.channel.name}", class_="unseen"),
            tag("div", timeline, id="timeline", tabindex="0", role="group", aria_label="Messages"),
            self._composer("say-here"),
            id="channel",
        )

    def _beside(self, thread: Html) -> Html:
        leave = tag("button", "✕", id="leave", aria_label="Close thread")
        return tag(
            "section",
            tag("div", tag("h2", "Thread"), leave),
            tag("div", thread, id="thread", tabindex="0", role="group", aria_label="Replies"),
            self._composer("say-thread"),
            id="beside",
        )

    def _head(self) -> Html:
        return tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", f"#{self.channel.name} · Rehearsal Slack"),
            tag("link", rel="stylesheet", href="/static/page.css"),
        )

    def _top(self) -> Html:
        people = [
            tag("option", p["real_name"], value=p["id"], selected=p["id"] == self.user) for p in self.people
        ]
        channels = [
            tag("option", f"# {c.name}", value=c.id, selected=c.id == self.channel.id)
            for c in self.workspace.channels.values()
        ]
        return tag(
            "header",
            tag("h1", "Rehearsal Slack", class_="brand"),
            tag("select", channels, id="where", aria_label="Channel"),
            tag("label", tag("span", "You are "), tag("select", people, id="who", aria_label="You are")),
        )

    def _link(self, channel: Channel) -> Html:
        current = "page" if channel.id == self.channel.id else None
        return tag(
            "a", f"# {channel.name}", href=f"/?as={self.user}&channel={channel.id}", aria_current=current
        )

    def _composer(self, name: str) -> Html:
        field = tag(
            "input", name="text", placeholder="Message", autocomplete="off", type="text", aria_label="Message"
        )
        return tag("form", field, class_="composer", id=name)


def _embedded(value: dict[str, str]) -> str:
    return json.dumps(value).replace("<", "\\u003c")
