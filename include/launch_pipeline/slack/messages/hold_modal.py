"""Build the modal behind *Hold…* and *Resume…*, and read what a person sends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from launch_pipeline.base import Frozen
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.block_kit import checked_view
from launch_pipeline.slack.messages.button_values import LaunchLocator
from launch_pipeline.slack.messages.mrkdwn import bold, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.slack.messages.block_kit import View

CALLBACK = "hold_submitted"
"""Callback id of the modal."""
REASON = "reason"
"""Block and action id of the reason."""
_LONGEST = 1000
_ASKS = {
    True: (
        "Hold the launch",
        "Hold",
        "No window opens until the launch is resumed. Everything else goes on.",
    ),
    False: ("Resume the launch", "Resume", "Windows open again from now on, those that are late at once."),
}


def hold_modal(located: LaunchLocator) -> View:
    """Ask for the reason to hold a launch, or to resume it."""
    title, submit, says = _ASKS[located.hold]
    return checked_view(
        {
            "type": "modal",
            "callback_id": CALLBACK,
            "title": elements.label(title),
            "submit": elements.label(submit),
            "close": elements.label("Cancel"),
            "private_metadata": located.encode(),
            "blocks": [
                elements.section(f"{bold(located.launch_id, 260)}\n{says}"),
                {
                    "type": "input",
                    "block_id": REASON,
                    "label": elements.label("Reason"),
                    "hint": elements.label("It is recorded in your name, and everyone can read it."),
                    "element": {
                        "type": "plain_text_input",
                        "action_id": REASON,
                        "multiline": True,
                        "max_length": _LONGEST,
                    },
                },
            ],
        }
    )


class GivenHold(Frozen):
    """Hold what a person sent; no rule has been applied to it."""

    located: LaunchLocator
    reason: str


def read_hold(view: Mapping[str, Any]) -> GivenHold:
    """Read the ``view`` of a ``view_submission``. Raises AnswerRefused for anything that is not ours."""
    located = LaunchLocator.decode(view.get("private_metadata"))
    try:
        reason = view["state"]["values"][REASON][REASON].get("value") or ""
        if not isinstance(reason, str) or len(reason) > 3 * _LONGEST:
            _unreadable()
        # Half a character cannot be sent on.
        reason.encode()
        return GivenHold(located=located, reason=reason.strip())
    except (AttributeError, KeyError, TypeError, ValueError):
        _unreadable()


def reason_error(sentence: str) -> dict[str, Any]:
    """Build the response that shows a refusal below the reason."""
    return {"response_action": "errors", "errors": {REASON: plain(sentence, 150)}}


def _unreadable() -> NoReturn:
    raise AnswerRefused("unreadable_review", "The form could not be read; open the card again.")
