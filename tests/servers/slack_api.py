"""Answers as Slack's Web API does, strictly: token, scopes, rate limits, pages, membership."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

TOKEN = "xoxb-0000000000-right-token"
SCOPES = {"channels:read", "channels:history", "users:read"}
_NEEDED = {
    "auth.test": "",
    "chat.getPermalink": "",
    "conversations.list": "channels:read",
    "conversations.info": "channels:read",
    "conversations.members": "channels:read",
    "conversations.history": "channels:history",
    "users.getPresence": "users:read",
}


def channel(name: str, *people: str, **fields: Any) -> dict[str, Any]:
    """Make a channel that we are in, with its people."""
    known = {"id": f"C{abs(hash(name)):012d}"[:12], "name": name, "is_archived": False, "is_member": True}
    return {**known, "is_private": False, "people": list(people), "messages": [], **fields}


def message(text: str, ago: float = 60, **fields: Any) -> dict[str, Any]:
    """Make a message of so many seconds ago."""
    return {"type": "message", "user": "U0LAUNCH02", "text": text, "ts": f"{time.time() - ago:.6f}", **fields}


class SlackApi:
    """A workspace."""

    def __init__(self, *channels: dict[str, Any], page: int = 100) -> None:
        self.channels = list(channels)
        self.scopes = set(SCOPES)
        self.active: set[str] = set()
        self.page = page
        self.limited = 0
        """So many calls are answered 429 first."""
        self.calls: list[str] = []

    @property
    def app(self) -> web.Application:
        """Make an application; one serves in one event loop only."""
        app = web.Application()
        app.router.add_post("/api/{method}", self._call)
        return app

    async def _call(self, request: web.Request) -> web.Response:
        method, form = request.match_info["method"], dict(await request.post())
        self.calls.append(method)
        if self.limited:
            self.limited -= 1
            return self._said("ratelimited", status=429, headers={"Retry-After": "1"})
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._said("invalid_auth" if "Authorization" in request.headers else "not_authed")
        needed = _NEEDED.get(method)
        if needed is None:
            return self._said("unknown_method")
        if form.get("types") == "private_channel":
            needed = "groups:read"
        if needed and needed not in self.scopes:
            return self._said("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))
        answer: web.Response = getattr(self, f"_{method.replace('.', '_')}")(form)
        return answer

    def _said(self, error: str, status: int = 200, headers: Any = None, **fields: Any) -> web.Response:
        return web.json_response({"ok": False, "error": error, **fields}, status=status, headers=headers)

    def _ok(self, **fields: Any) -> web.Response:
        scopes = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        return web.json_response({"ok": True, **fields}, headers=scopes)

    def _paged(self, name: str, items: list[Any], form: dict[str, Any]) -> web.Response:
        start = int(form.get("cursor") or 0)
        stop = start + min(int(form.get("limit", 100)), self.page)
        cursor = str(stop) if stop < len(items) else ""
        return self._ok(**{name: items[start:stop], "response_metadata": {"next_cursor": cursor}})

    def _find(self, form: dict[str, Any]) -> dict[str, Any] | None:
        return next((c for c in self.channels if c["id"] == form.get("channel")), None)

    def _auth_test(self, _form: dict[str, Any]) -> web.Response:
        return self._ok(team="Azora", user="launch-check", bot_id="B1")

    def _conversations_list(self, form: dict[str, Any]) -> web.Response:
        private = form.get("types") == "private_channel"
        found = [_public(c) for c in self.channels if c["is_private"] is private]
        if form.get("exclude_archived") in {"true", "1"}:
            found = [c for c in found if not c["is_archived"]]
        return self._paged("channels", found, form)

    def _conversations_info(self, form: dict[str, Any]) -> web.Response:
        found = self._find(form)
        return self._ok(channel=_public(found)) if found else self._said("channel_not_found")

    def _conversations_members(self, form: dict[str, Any]) -> web.Response:
        found = self._find(form)
        return self._paged("members", found["people"], form) if found else self._said("channel_not_found")

    def _conversations_history(self, form: dict[str, Any]) -> web.Response:
        found = self._find(form)
        if not found:
            return self._said("channel_not_found")
        if not found["is_member"]:
            return self._said("not_in_channel")
        recent = [m for m in found["messages"] if float(m["ts"]) > float(form.get("oldest") or 0)]
        return self._paged("messages", sorted(recent, key=lambda m: m["ts"], reverse=True), form)

    def _chat_getPermalink(self, form: dict[str, Any]) -> web.Response:  # noqa: N802  (Slack's name)
        ts = str(form["message_ts"]).replace(".", "")
        return self._ok(permalink=f"https://azora.slack.example/archives/{form['channel']}/p{ts}")

    def _users_getPresence(self, form: dict[str, Any]) -> web.Response:  # noqa: N802  (Slack's name)
        return self._ok(presence="active" if form["user"] in self.active else "away")


def _public(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in {"people", "messages"}}
