"""Encode and decode the values of buttons and modals: they say where something is, never what is allowed.

Every locator pins the task instances, tries and evidence that its card showed. A clear makes a new task
instance id and a retry a new try number, so an answer on an old card matches no request. An answer to other
evidence is asked for again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self

from pydantic import Field, StringConstraints

from launch_pipeline.base import Frozen
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.notifications.model import AirflowId
from launch_pipeline.slack.messages.views import EvidencePin, InstanceId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.slack.messages.views import ItemView

_VERSION = 2
_LONGEST = 3000
ChannelId = Annotated[str, StringConstraints(pattern=r"^[CDG][A-Z0-9]{2,30}$")]
Timestamp = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}\.[0-9]{6}$")]
"""Slack's id of a message within its channel."""


class RequestPin(Frozen):
    """Pin a request to a try of a task instance and to the evidence that was shown with it."""

    task_instance_id: InstanceId
    try_number: Annotated[int, Field(ge=0, le=99_999)]
    evidence: EvidencePin = ""

    @property
    def request(self) -> RequestPin:
        """Return the pin without the evidence."""
        return self.model_copy(update={"evidence": ""})


class CardLocator(Frozen):
    """Locate a card, and pin the requests that it showed as open."""

    launch_id: AirflowId
    dag_id: AirflowId
    section_id: AirflowId
    part: Annotated[int, Field(ge=0, le=999)]
    """Number of the card, from 0, if a section needs several."""
    pins: Annotated[tuple[RequestPin, ...], Field(max_length=50)]

    def encode(self) -> str:
        """Encode it as a button's value, well below Slack's 2000 characters."""
        return _written(self.packed())

    def packed(self) -> list[Any]:
        """Return its fields as JSON without names, which would take half of the space."""
        pins = [f"{pin.task_instance_id} {pin.try_number} {pin.evidence}".rstrip() for pin in self.pins]
        return [_VERSION, self.launch_id, self.dag_id, self.section_id, self.part, pins]

    @classmethod
    def decode(cls, value: object) -> Self:
        """Decode a button's value. Raises AnswerRefused for anything that this version did not write."""
        return cls.unpacked(_read(value))

    @classmethod
    def unpacked(cls, fields: Any) -> Self:
        """Read what ``packed`` returned. Raises AnswerRefused for anything else."""
        try:
            version, launch, dag, section, part, pins = fields
            if version is True or version != _VERSION:
                _unreadable()
            named = tuple(map(_pin, pins))
            return cls(launch_id=launch, dag_id=dag, section_id=section, part=part, pins=named)
        except (TypeError, ValueError):
            _unreadable()


class ReviewLocator(Frozen):
    """Locate the card that a modal was opened from; its pins are the modal's questions, in order."""

    card: CardLocator
    channel: ChannelId
    message_ts: Timestamp

    def encode(self) -> str:
        """Encode it as a modal's ``private_metadata``, well below Slack's 3000 characters."""
        return _written([self.card.packed(), self.channel, self.message_ts])

    @classmethod
    def decode(cls, value: object) -> Self:
        """Decode a modal's ``private_metadata``. Raises AnswerRefused for anything that we did not write."""
        try:
            card, channel, message_ts = _read(value)
            located = CardLocator.unpacked(card)
            return cls(card=located, channel=channel, message_ts=message_ts)
        except (TypeError, ValueError):
            _unreadable()


class LaunchLocator(Frozen):
    """Locate the root of a launch's thread, and say which of its two buttons was clicked."""

    launch_id: AirflowId
    hold: bool
    """Whether to hold the launch, or to resume it."""

    def encode(self) -> str:
        """Encode it as a button's value and as a modal's ``private_metadata``."""
        return _written([_VERSION, self.launch_id, "hold" if self.hold else "resume"])

    @classmethod
    def decode(cls, value: object) -> Self:
        """Decode what ``encode`` wrote. Raises AnswerRefused for anything else."""
        try:
            version, launch_id, what = _read(value)
            if version is True or version != _VERSION or what not in ("hold", "resume"):
                _unreadable()
            return cls(launch_id=launch_id, hold=what == "hold")
        except (TypeError, ValueError):
            _unreadable()


def pins_of(items: Iterable[ItemView]) -> tuple[RequestPin, ...]:
    """Pin the current requests of items."""
    return tuple(
        RequestPin(task_instance_id=item.task_instance_id, try_number=item.try_number, evidence=item.evidence)
        for item in items
    )


def _pin(packed: str) -> RequestPin:
    """Read one pin of ``packed``. Raises ValueError or TypeError for anything else."""
    instance, number, *evidence = str.split(packed, " ")
    if len(evidence) > 1 or not number.isascii() or not number.isdecimal():
        _unreadable()
    return RequestPin(task_instance_id=instance, try_number=int(number), evidence="".join(evidence))


def _written(fields: list[Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _read(value: object) -> Any:
    if not isinstance(value, str) or len(value) > _LONGEST:
        _unreadable()
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        _unreadable()


def _unreadable() -> NoReturn:
    sentence = "This card is from another version and cannot be answered; open the item in Airflow."
    raise AnswerRefused("unreadable_card", sentence)
