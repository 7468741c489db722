"""Serve the Web API: check token kind and scope, call the method, and answer with Slack's ``ok``.

Errors have the codes that docs.slack.dev lists for each method.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.slack_server.api import chat, directory, modals
from launch_rehearsal.slack_server.api.call import Call
from launch_rehearsal.slack_server.base.faults import FaultKind, Faults, drop, meet
from launch_rehearsal.slack_server.base.settings import BOT_USER, TEAM
from launch_rehearsal.slack_server.base.workspace import ApiRefusal

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.base.settings import Token
    from launch_rehearsal.slack_server.base.workspace import Workspace
    from launch_rehearsal.slack_server.sockets import Sockets

log = logging.getLogger(__name__)
Handler = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True)
class Method:
    """A method, and what a token needs for it."""

    handler: Handler
    scope: str = ""
    kinds: tuple[str, ...] = ("bot",)


METHODS: dict[str, Method] = {
    "auth.test": Method(
        lambda call: {
            "url": f"{call.base}/",
            "team": "Rehearsal",
            "team_id": TEAM,
            "user": "launch-gates",
            "user_id": BOT_USER,
            "bot_id": "B0GATES",
            "is_enterprise_install": False,
        },
        kinds=("bot", "app"),
    ),
    "blocks.validate": Method(chat.validate, kinds=("bot", "app")),
    "chat.delete": Method(chat.delete, "chat:write"),
    "chat.getPermalink": Method(chat.permalink),
    "chat.postEphemeral": Method(chat.post_ephemeral, "chat:write"),
    "chat.postMessage": Method(chat.post_message, "chat:write"),
    "chat.update": Method(chat.update, "chat:write"),
    "conversations.history": Method(directory.history, "channels:history"),
    "conversations.info": Method(directory.channel_info, "channels:read"),
    "conversations.list": Method(directory.channel_list, "channels:read"),
    "conversations.members": Method(directory.channel_members, "channels:read"),
    "conversations.replies": Method(directory.replies, "channels:history"),
    "users.getPresence": Method(directory.presence, "users:read"),
    "users.info": Method(directory.user_info, "users:read"),
    "users.lookupByEmail": Method(directory.user_by_email, "users:read.email"),
    "views.open": Method(modals.open_view),
    "views.push": Method(modals.push_view),
    "views.update": Method(modals.update_view),
}


class WebApi:
    """Serve ``/api/<method>``."""

    def __init__(
        self, workspace: Workspace, sockets: Sockets, tokens: tuple[Token, ...], faults: Faults
    ) -> None:
        self.workspace = workspace
        self.faults = faults
        self.calls: Counter[str] = Counter()
        """Calls per method, failed ones included."""
        self._tokens = {token.text: token for token in tokens}
        open_socket = Method(lambda call: {"url": sockets.ticket(call.base)}, "connections:write", ("app",))
        self._methods = {**METHODS, "apps.connections.open": open_socket}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        name = request.match_info["method"]
        self.calls[name] += 1
        fault = self.faults.next_for(name)
        if fault is not None and fault.kind is not FaultKind.LATE:
            return await meet(fault, request)
        given = await _given(request)
        text = given.pop("token", "")
        document = self._answered(name, given, text, f"{request.scheme}://{request.host}")
        if fault is not None:
            return drop(request)
        token = self._tokens.get(text)
        scopes = ",".join(token.scopes) if token else ""
        return web.json_response(document, headers={"X-OAuth-Scopes": scopes})

    def _answered(self, name: str, given: dict[str, Any], text: str, base: str) -> dict[str, Any]:
        try:
            method = self._allowed(name, text)
            call = Call(self.workspace, given, self._tokens.get(text), base)
            return {"ok": True, **method.handler(call)}
        except ApiRefusal as refusal:
            log.info("%s refused: %s %s", name, refusal.error, refusal.details)
            return {"ok": False, "error": refusal.error, **refusal.details}

    def _allowed(self, name: str, text: str) -> Method:
        method, token = self._methods.get(name), self._tokens.get(text)
        if method is None:
            raise ApiRefusal("unknown_method", req_method=name)
        if token is None:
            raise ApiRefusal("invalid_auth" if text else "not_authed")
        if token.kind not in method.kinds:
            raise ApiRefusal("not_allowed_token_type")
        if method.scope and method.scope not in token.scopes:
            raise ApiRefusal("missing_scope", needed=method.scope, provided=",".join(token.scopes))
        return method


async def _given(request: web.Request) -> dict[str, Any]:
    """Return the arguments of a call from query, form or JSON; lists in forms are JSON text."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        body = await request.json()
        given |= body if isinstance(body, dict) else {}
    elif request.body_exists:
        given |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    for name in ("blocks", "view", "metadata", "message"):
        if isinstance(given.get(name), str):
            given[name] = _document(given[name], name)
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return {**given, "token": bearer} if scheme == "Bearer" else given


def _document(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # The method itself refuses this, since it is no list of blocks.
        return {"unreadable": name}
