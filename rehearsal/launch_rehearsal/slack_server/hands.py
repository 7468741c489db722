"""Act as a person in Slack: click a button, fill a modal, submit it, close it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from launch_pipeline.base import Frozen
from launch_pipeline.slack.messages.block_kit import view_problems
from launch_rehearsal.slack_server.base.settings import APP, TEAM
from launch_rehearsal.slack_server.base.workspace import ApiRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_rehearsal.slack_server.base.workspace import Channel, OpenView, Posted, Workspace
    from launch_rehearsal.slack_server.sockets import Delivery, Sockets

NO_ANSWER = "Launch Gates did not answer. Try again."
"""The text that Slack shows if an app did not acknowledge in time."""


class Sent(Frozen):
    """What a person sees after submitting a modal."""

    closed: bool
    errors: dict[str, str] = Field(default_factory=dict)
    """Messages below the inputs, by block id."""
    notice: str = ""


class Hands:
    """Act as the person named in each call."""

    def __init__(self, workspace: Workspace, sockets: Sockets, base: str) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._base = base

    async def click(
        self, user: str, channel: str, ts: str, action_id: str, block_id: str = "", **forged: Any
    ) -> Delivery:
        """Click a button of a message; ``forged`` replaces fields of the action, unlike an honest client.

        Raises ApiRefusal if there is no such person, message or button.
        """
        where = self._workspace.channel(channel)
        posted = where.message(ts)
        if posted is None:
            raise ApiRefusal("message_not_found")
        button, block = _element(posted.blocks, action_id, block_id)
        payload = self.action_payload(user, where, posted, {**button, "block_id": block, **forged})
        return await self.deliver(user, payload)

    async def deliver(self, user: str, payload: dict[str, Any]) -> Delivery:
        """Send any payload as a person; show them a notice if the app does not answer."""
        delivery = await self._sockets.deliver(payload)
        if not delivery.acked:
            self._workspace.notice(user, NO_ANSWER)
        return delivery

    def action_payload(
        self, user: str, channel: Channel, posted: Posted, action: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Build the ``block_actions`` of a click on a message."""
        kept = {name: value for name, value in action.items() if name not in {"confirm", "url"}}
        return {
            "type": "block_actions",
            **self._origin(user),
            "container": {
                "type": "message",
                "message_ts": posted.ts,
                "channel_id": channel.id,
                "is_ephemeral": posted.only_for is not None,
                **({"thread_ts": posted.thread_ts} if posted.thread_ts else {}),
            },
            "channel": {"id": channel.id, "name": channel.name},
            "message": posted.document(),
            "state": {"values": {}},
            "response_url": f"{self._base}/actions/{TEAM}/{posted.ts}",
            "actions": [{**kept, "action_ts": self._workspace.new_ts()}],
        }

    def _origin(self, user: str) -> dict[str, Any]:
        person = self._workspace.user(user)
        name = person["name"]
        return {
            "user": {"id": user, "username": name, "name": name, "team_id": person["team_id"]},
            "api_app_id": APP,
            "team": {"id": TEAM, "domain": "rehearsal"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self._workspace.new_trigger(user),
        }

    async def submit(self, user: str, values: Mapping[str, str], **forged: Any) -> Sent:
        """Submit the modal on a person's screen; ``values`` by block id, an option by its value.

        ``forged`` replaces fields of the view, such as its ``private_metadata``. Raises ApiRefusal if there
        is no modal.
        """
        opened = self._workspace.views.get(user)
        if opened is None:
            raise ApiRefusal("not_found")
        if errors := _missing(opened, values):
            return Sent(closed=False, errors=errors)
        view = opened.document(_state(opened, values)) | forged
        payload = {"type": "view_submission", **self._origin(user), "view": view, "response_urls": []}
        delivery = await self._sockets.deliver(payload, answerable=True)
        return self._after(opened, delivery)

    def _after(self, opened: OpenView, delivery: Delivery) -> Sent:
        response = delivery.response
        action = response.get("response_action")
        if not delivery.acked or not _sound(response, opened):
            return Sent(closed=False, notice=NO_ANSWER)
        if action == "errors":
            return Sent(closed=False, errors=response["errors"])
        if action == "update":
            self._workspace.replace(opened, response["view"])
        elif action == "push":
            self._workspace.show(opened.user, response["view"], opened)
        elif self._workspace.views.get(opened.user) is opened:
            self._workspace.close(opened.user, all_of_them=action == "clear")
        return Sent(closed=action not in {"update", "push"})

    async def close(self, user: str) -> None:
        """Close the modal; the app is notified only if it asked for that."""
        opened = self._workspace.views.get(user)
        self._workspace.close(user)
        if opened is not None and opened.view.get("notify_on_close"):
            view = opened.document()
            await self._sockets.deliver(
                {"type": "view_closed", **self._origin(user), "view": view, "is_cleared": False}
            )


def _element(blocks: list[dict[str, Any]], action_id: str, block_id: str) -> tuple[dict[str, Any], str]:
    for block in blocks:
        for element in [*block.get("elements", []), block.get("accessory") or {}]:
            if element.get("action_id") == action_id and block_id in {"", block["block_id"]}:
                return element, block["block_id"]
    raise ApiRefusal("action_not_found")


def _inputs(opened: OpenView) -> list[dict[str, Any]]:
    return [block for block in opened.view["blocks"] if block["type"] == "input"]


def _missing(opened: OpenView, values: Mapping[str, str]) -> dict[str, str]:
    """Return the errors for which Slack's own client refuses to submit."""
    errors = {}
    for block in _inputs(opened):
        value, element = values.get(block["block_id"], ""), block["element"]
        if not value and not block.get("optional"):
            errors[block["block_id"]] = "Please complete this required field."
        elif len(value) > element.get("max_length", 3000):
            errors[block["block_id"]] = f"At most {element['max_length']} characters."
        elif value and len(value) < element.get("min_length", 0):
            errors[block["block_id"]] = f"At least {element['min_length']} characters."
    return errors


def _state(opened: OpenView, values: Mapping[str, str]) -> dict[str, Any]:
    """Build Slack's ``state.values``: block id, action id, value."""
    state: dict[str, Any] = {}
    for block in _inputs(opened):
        element, value = block["element"], values.get(block["block_id"], "")
        filled: dict[str, Any] = {"type": element["type"]}
        if element["type"] == "static_select":
            chosen = [option for option in element["options"] if option["value"] == value]
            filled["selected_option"] = chosen[0] if chosen else None
        else:
            filled["value"] = value or None
        state[block["block_id"]] = {element["action_id"]: filled}
    return state


def _sound(response: dict[str, Any], opened: OpenView) -> bool:
    """Return whether the app's response to a submission is valid."""
    action = response.get("response_action")
    if action == "errors":
        errors = response.get("errors")
        known = {block["block_id"] for block in _inputs(opened)}
        return isinstance(errors, dict) and bool(errors) and set(errors) <= known
    if action in {"update", "push"}:
        return isinstance(response.get("view"), dict) and not view_problems(response["view"])
    return action in {None, "clear"}
