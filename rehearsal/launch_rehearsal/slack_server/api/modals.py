"""Answer ``views.*``: a modal opens with a trigger id, once and soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.slack.messages.block_kit import view_problems
from launch_rehearsal.slack_server.api.chat import told
from launch_rehearsal.slack_server.base.workspace import ApiRefusal

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.api.call import Call
    from launch_rehearsal.slack_server.base.workspace import OpenView

_PILE = 3


def open_view(call: Call) -> dict[str, Any]:
    """Answer ``views.open``."""
    view = _checked(call)
    user = call.workspace.spend_trigger(call.text("trigger_id"))
    return {"view": call.workspace.show(user, view).document()}


def push_view(call: Call) -> dict[str, Any]:
    """Answer ``views.push``: at most three views on a stack."""
    view = _checked(call)
    user = call.workspace.spend_trigger(call.text("trigger_id"))
    below = call.workspace.views.get(user)
    if below is None:
        raise ApiRefusal("not_found")
    if _depth(below) >= _PILE:
        raise ApiRefusal("push_limit_reached")
    return {"view": call.workspace.show(user, view, below).document()}


def update_view(call: Call) -> dict[str, Any]:
    """Answer ``views.update``: by id; with a ``hash`` only if the view has not changed since."""
    view = _checked(call)
    found = next((v for v in _all(call) if v.id == call.text("view_id")), None)
    if found is None:
        raise ApiRefusal("not_found")
    if call.text("hash") not in {"", found.hash}:
        raise ApiRefusal("hash_conflict")
    return {"view": call.workspace.replace(found, view).document()}


def _checked(call: Call) -> dict[str, Any]:
    view = call.given.get("view")
    if not isinstance(view, dict):
        raise ApiRefusal("invalid_arguments")
    if problems := view_problems(view):
        raise ApiRefusal("invalid_arguments", **told(problems))
    return view


def _all(call: Call) -> list[OpenView]:
    found = []
    for view in call.workspace.views.values():
        top: OpenView | None = view
        while top is not None:
            found.append(top)
            top = top.below
    return found


def _depth(view: OpenView) -> int:
    return 1 + (_depth(view.below) if view.below else 0)
