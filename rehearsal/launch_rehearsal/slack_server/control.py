"""Control Slack from other processes, for tests and simulated people: break it, read it, act in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web
from pydantic import ValidationError

from launch_rehearsal.slack_server.base.faults import Fault
from launch_rehearsal.slack_server.base.workspace import ApiRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_rehearsal.slack_server.api.webapi import WebApi
    from launch_rehearsal.slack_server.base.faults import Faults
    from launch_rehearsal.slack_server.base.workspace import Workspace
    from launch_rehearsal.slack_server.hands import Hands
    from launch_rehearsal.slack_server.sockets import Sockets


class Controlled(Protocol):
    """The attributes of the server that the controls use."""

    workspace: Workspace
    sockets: Sockets
    api: WebApi
    hands: Hands
    faults: Faults


class Control:
    """Serve ``/control/...`` in JSON; a missing object is answered 404 with Slack's error code."""

    def __init__(self, server: Controlled) -> None:
        self._server = server

    def routes(self) -> list[web.RouteDef]:
        """List the routes."""
        return [
            web.get("/control/state", self._state),
            web.post("/control/faults", self._fault),
            web.delete("/control/faults", self._repair),
            web.post("/control/sockets/{what}", self._sockets),
            web.get("/control/people/{user}/view", self._view),
            web.post("/control/people/{user}/click", refusing(self._click)),
            web.post("/control/people/{user}/submit", refusing(self._submit)),
            web.post("/control/people/{user}/close", refusing(self._close)),
            web.post("/control/people/{user}/say", refusing(self._say)),
        ]

    async def _state(self, _request: web.Request) -> web.Response:
        """Return everything: channels with messages, modals by person, sockets, calls."""
        server, workspace = self._server, self._server.workspace
        document = {
            "version": workspace.version,
            "channels": [
                {
                    "id": channel.id,
                    "name": channel.name,
                    "messages": [m.document() | {"only_for": m.only_for} for m in channel.messages],
                }
                for channel in workspace.channels.values()
            ],
            "views": {user: view.document() for user, view in workspace.views.items()},
            "notices": workspace.notices,
            "connections": len(server.sockets.connections),
            "calls": dict(server.api.calls),
            "acks": [d.seconds for d in server.sockets.deliveries if d.acked],
        }
        return web.json_response(document)

    async def _view(self, request: web.Request) -> web.Response:
        """Return the modal on a person's screen, or ``{}``."""
        opened = self._server.workspace.views.get(request.match_info["user"])
        return web.json_response(opened.document() if opened else {})

    async def _fault(self, request: web.Request) -> web.Response:
        try:
            fault = Fault.model_validate(await request.json())
        except ValidationError as error:
            return web.json_response({"error": str(error)}, status=400)
        self._server.faults.add(fault)
        return web.json_response({"ok": True})

    async def _repair(self, _request: web.Request) -> web.Response:
        self._server.faults.clear()
        return web.json_response({"ok": True})

    async def _sockets(self, request: web.Request) -> web.Response:
        """Apply ``drop``, ``silence`` or ``disconnect`` to all sockets."""
        sockets, what = self._server.sockets, request.match_info["what"]
        if what == "disconnect":
            await sockets.disconnect()
        elif what == "drop":
            sockets.drop()
        elif what == "silence":
            sockets.silence()
        else:
            return web.json_response({"error": "use drop, silence or disconnect"}, status=404)
        return web.json_response({"ok": True})

    async def _click(self, request: web.Request) -> web.Response:
        """Click a button: ``{channel, ts, action_id, block_id?}``."""
        user, given = request.match_info["user"], await request.json()
        delivery = await self._server.hands.click(user, **given)
        return web.json_response({"acked": delivery.acked, "seconds": delivery.seconds})

    async def _submit(self, request: web.Request) -> web.Response:
        """Submit the modal: ``{values: {block id: text or option}}``."""
        given: dict[str, Any] = await request.json()
        sent = await self._server.hands.submit(request.match_info["user"], given["values"])
        return web.json_response(sent.model_dump())

    async def _close(self, request: web.Request) -> web.Response:
        await self._server.hands.close(request.match_info["user"])
        return web.json_response({"ok": True})

    async def _say(self, request: web.Request) -> web.Response:
        """Post a message: ``{channel, text, thread_ts?}``."""
        posted = self._server.workspace.say(request.match_info["user"], **await request.json())
        return web.json_response({"ts": posted.ts})


def refusing(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Turn a refusal into 404 with Slack's error code, and an unreadable body into 400."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiRefusal as refusal:
            return web.json_response({"error": refusal.error}, status=404)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            return web.json_response({"error": f"unreadable: {error}"}, status=400)

    return handle
