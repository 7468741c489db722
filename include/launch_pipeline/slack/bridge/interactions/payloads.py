"""Read the payloads of Slack's interactions, strictly: well-formed values, or an AnswerRefused.

Nothing here decides who may do what.
"""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from launch_pipeline.approvals.contacts import SlackId
from launch_pipeline.base import Frozen
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.messages.button_values import ChannelId, Timestamp

_TriggerId = Annotated[str, Field(min_length=1, max_length=300)]
_SlackWord = Annotated[str, Field(min_length=1, max_length=60)]


class Origin(Frozen):
    """Say who acted, in which app and workspace, by the payload."""

    slack_id: SlackId
    team_id: str
    app_id: str
    trigger_id: str
    """Identifies one interaction; a repeated delivery carries the same."""


class Click(Frozen):
    """Hold a click on a button of a message."""

    origin: Origin
    channel: ChannelId
    message_ts: Timestamp
    thread_ts: Timestamp | None
    value: str
    """The button's value; a card locator, if we wrote it."""

    @property
    def thread(self) -> str:
        """Return the thread in which to reply to the click."""
        return self.thread_ts or self.message_ts


class Submission(Frozen):
    """Hold a modal that was sent."""

    origin: Origin
    view: dict[str, Any]


class _Loose(BaseModel):
    """Allow unknown fields: Slack adds some at any time."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _User(_Loose):
    id: SlackId


class _Team(_Loose):
    id: _SlackWord


class _Body(_Loose):
    user: _User
    team: _Team
    api_app_id: _SlackWord
    trigger_id: _TriggerId

    def origin(self) -> Origin:
        return Origin(
            slack_id=self.user.id,
            team_id=self.team.id,
            app_id=self.api_app_id,
            trigger_id=self.trigger_id,
        )


class _Container(_Loose):
    channel_id: ChannelId
    message_ts: Timestamp
    thread_ts: Timestamp | None = None


class _Action(_Loose):
    value: Annotated[str, Field(max_length=3000)] = ""


class _Clicked(_Body):
    container: _Container
    actions: Annotated[tuple[_Action, ...], Field(min_length=1, max_length=1)]


class _Sent(_Body):
    view: dict[str, Any]


def read_click(body: object) -> Click:
    """Read a ``block_actions`` payload. Raises AnswerRefused for anything else."""
    try:
        clicked = _Clicked.model_validate(body)
        place = clicked.container
        return Click(
            origin=clicked.origin(),
            channel=place.channel_id,
            message_ts=place.message_ts,
            thread_ts=place.thread_ts,
            value=clicked.actions[0].value,
        )
    except (ValidationError, RecursionError):
        _unreadable()


def read_submission(body: object) -> Submission:
    """Read a ``view_submission`` payload. Raises AnswerRefused for anything else."""
    try:
        sent = _Sent.model_validate(body)
        return Submission(origin=sent.origin(), view=sent.view)
    except (ValidationError, RecursionError):
        _unreadable()


def _unreadable() -> NoReturn:
    raise AnswerRefused("unreadable_click", "What Slack sent cannot be read; open the item in Airflow.")
