"""Define the schema of messages and modals, with all of Slack's limits.

Builders, senders and the rehearsal's Slack server share it. Sources: docs.slack.dev (Block Kit reference,
``views.open``, ``chat.postMessage``), the limits of ``@slack/types``, and bolt-js #2509 for the sum of all
texts, where our limit is well below the one observed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, JsonValue, StrictBool, ValidationError, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.errors import OperationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_TEXT = 4000
"""Slack recommends this, and cuts at 40 000."""
ALL_TEXTS = 8000
"""Limit of all texts in a message's blocks; Slack refused near 13 000 (``msg_blocks_too_long``)."""
SECTION_TEXT = 3000
HEADER_TEXT = 150
CONTEXT_TEXT = 2000
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
CONFIRM_TEXT = 300
VIEW_TITLE = 24
PRIVATE_METADATA = 3000
VIEW_BYTES = 250_000
METADATA = 2000
"""Characters of a message's metadata as JSON; Slack publishes no number."""
_SHOWN_PROBLEMS = 5


class _Part(Frozen):
    """Refuse unknown properties, as Slack does."""


class PlainText(_Part):
    """Hold text without markup."""

    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=SECTION_TEXT)]
    emoji: StrictBool | None = None


class Markdown(_Part):
    """Hold text with markup; ``verbatim`` keeps Slack from finding links and names by itself."""

    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=SECTION_TEXT)]
    verbatim: StrictBool | None = None


_Text = TypeVar("_Text", bound=PlainText | Markdown)


def _at_most(limit: int) -> AfterValidator:
    def within(value: _Text) -> _Text:
        if len(value.text) > limit:
            message = f"{len(value.text)} characters, at most {limit}"
            raise ValueError(message)
        return value

    return AfterValidator(within)


Text = Annotated[PlainText | Markdown, Field(discriminator="type")]
Label75 = Annotated[PlainText, _at_most(BUTTON_TEXT)]
Placeholder = Annotated[PlainText, _at_most(150)]
Identity = Annotated[str, Field(min_length=1, max_length=255)]


class Confirm(_Part):
    """Ask for confirmation of a click."""

    title: Annotated[PlainText, _at_most(100)]
    text: Annotated[Text, _at_most(CONFIRM_TEXT)]
    confirm: Annotated[PlainText, _at_most(30)]
    deny: Annotated[PlainText, _at_most(30)]
    style: Literal["primary", "danger"] | None = None


class Button(_Part):
    """Offer a button."""

    type: Literal["button"]
    action_id: Identity
    text: Label75
    value: Annotated[str, Field(min_length=1, max_length=BUTTON_VALUE)] | None = None
    url: Annotated[str, Field(pattern=r"^https?://", max_length=3000)] | None = None
    style: Literal["primary", "danger"] | None = None
    confirm: Confirm | None = None


class Option(_Part):
    """Offer one choice."""

    text: Label75
    value: Annotated[str, Field(min_length=1, max_length=150)]
    description: Label75 | None = None


class StaticSelect(_Part):
    """Let a person choose one of several options."""

    type: Literal["static_select"]
    action_id: Identity
    options: Annotated[tuple[Option, ...], Field(min_length=1, max_length=100)]
    placeholder: Placeholder | None = None
    initial_option: Option | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _distinct("option value", (option.value for option in self.options))
        if self.initial_option is not None and self.initial_option not in self.options:
            message = "initial_option is none of the options"
            raise ValueError(message)
        return self


class PlainTextInput(_Part):
    """Let a person type one line or several."""

    type: Literal["plain_text_input"]
    action_id: Identity
    multiline: StrictBool | None = None
    min_length: Annotated[int, Field(ge=0, le=3000)] | None = None
    max_length: Annotated[int, Field(ge=1, le=3000)] | None = None
    initial_value: Annotated[str, Field(max_length=3000)] | None = None
    placeholder: Placeholder | None = None


class _Block(_Part):
    block_id: Identity | None = None


class Header(_Block):
    """Show a title."""

    type: Literal["header"]
    text: Annotated[PlainText, _at_most(HEADER_TEXT)]


class Section(_Block):
    """Show text, fields, or both, with one element beside them."""

    type: Literal["section"]
    text: Text | None = None
    fields: (
        Annotated[tuple[Annotated[Text, _at_most(2000)], ...], Field(min_length=1, max_length=10)] | None
    ) = None
    accessory: Annotated[Button | StaticSelect, Field(discriminator="type")] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and self.fields is None:
            message = "needs 'text' or 'fields'"
            raise ValueError(message)
        return self


class Context(_Block):
    """Show small print."""

    type: Literal["context"]
    elements: Annotated[
        tuple[Annotated[Text, _at_most(CONTEXT_TEXT)], ...], Field(min_length=1, max_length=10)
    ]


class Divider(_Block):
    """Show a line."""

    type: Literal["divider"]


class Actions(_Block):
    """Show a row of elements to click."""

    type: Literal["actions"]
    elements: Annotated[
        tuple[Annotated[Button | StaticSelect, Field(discriminator="type")], ...],
        Field(min_length=1, max_length=25),
    ]

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        _distinct("action_id", (element.action_id for element in self.elements))
        return self


class Input(_Block):
    """Ask one question in a modal."""

    type: Literal["input"]
    label: Annotated[PlainText, _at_most(2000)]
    element: Annotated[StaticSelect | PlainTextInput, Field(discriminator="type")]
    hint: Annotated[PlainText, _at_most(2000)] | None = None
    optional: StrictBool | None = None


_Common = Header | Section | Context | Divider | Actions
MessageBlock = Annotated[_Common, Field(discriminator="type")]
ViewBlock = Annotated[_Common | Input, Field(discriminator="type")]


class Metadata(_Part):
    """Hold invisible data of a message; ours is the key that identifies a repetition."""

    event_type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
    event_payload: dict[str, JsonValue]

    @model_validator(mode="after")
    def _small(self) -> Self:
        size = len(json.dumps(self.event_payload))
        if size > METADATA:
            message = f"{size} characters of event_payload, at most {METADATA}"
            raise ValueError(message)
        return self


class Message(_Part):
    """Define a message that may be sent."""

    text: Annotated[str, Field(min_length=1, max_length=MESSAGE_TEXT)]
    """Shown on a phone's lock screen, and read by screen readers."""
    blocks: Annotated[tuple[MessageBlock, ...], Field(max_length=MESSAGE_BLOCKS)] = ()
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _distinct("block_id", (block.block_id for block in self.blocks))
        size = sum(map(len, texts_of(_plain(self)["blocks"])))
        if size > ALL_TEXTS:
            message = f"{size} characters in all blocks, at most {ALL_TEXTS}"
            raise ValueError(message)
        return self

    def updated(self) -> dict[str, Any]:
        """Return the arguments of ``chat.update`` and ``chat.postEphemeral``, without channel and user."""
        return {**_plain(self), "parse": "none", "link_names": False}

    def posted(self) -> dict[str, Any]:
        """Return the arguments of ``chat.postMessage``; links are not unfurled."""
        return {**self.updated(), "unfurl_links": False, "unfurl_media": False}


class View(_Part):
    """Define a modal that may be opened."""

    type: Literal["modal"]
    callback_id: Identity
    title: Annotated[PlainText, _at_most(VIEW_TITLE)]
    submit: Annotated[PlainText, _at_most(VIEW_TITLE)] | None = None
    close: Annotated[PlainText, _at_most(VIEW_TITLE)] | None = None
    private_metadata: Annotated[str, Field(max_length=PRIVATE_METADATA)] = ""
    notify_on_close: StrictBool | None = None
    blocks: Annotated[tuple[ViewBlock, ...], Field(min_length=1, max_length=VIEW_BLOCKS)]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _distinct("block_id", (block.block_id for block in self.blocks))
        if self.submit is None and any(isinstance(block, Input) for block in self.blocks):
            message = "a modal that asks something needs 'submit'"
            raise ValueError(message)
        size = len(json.dumps(_plain(self)).encode())
        if size > VIEW_BYTES:
            message = f"{size} bytes, at most {VIEW_BYTES}"
            raise ValueError(message)
        return self

    def payload(self) -> dict[str, Any]:
        """Return the ``view`` of ``views.open`` and ``views.update``."""
        return _plain(self)


def _plain(part: Frozen) -> dict[str, Any]:
    plain: dict[str, Any] = part.model_dump(mode="json", exclude_none=True)
    return plain


def _distinct(what: str, values: Iterable[str | None]) -> None:
    seen: set[str] = set()
    for value in values:
        if value is not None and value in seen:
            message = f"the {what} {value[:60]!r} is used twice"
            raise ValueError(message)
        seen.add(value or "")


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text that blocks or a view show, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for part in value:
        yield from texts_of(part)


class Problem(Frozen):
    """Say why Slack would refuse something."""

    pointer: str
    """JSON pointer to the part, e.g. ``/blocks/3/text/text``."""
    block: str
    """Type of its block, if it is in one."""
    message: str
    """Names the limit."""

    def __str__(self) -> str:
        """Render pointer, block and limit on one line."""
        return f"{self.pointer or '/'}{f' ({self.block})' if self.block else ''}: {self.message}"


_Model = TypeVar("_Model", Message, View)


def checked_message(payload: Mapping[str, Any]) -> Message:
    """Validate a message. Raises OperationError with block and limit if Slack would refuse it."""
    return _checked(Message, payload, "message")


def checked_view(payload: Mapping[str, Any]) -> View:
    """Validate a modal. Raises OperationError with block and limit if Slack would refuse it."""
    return _checked(View, payload, "modal")


def message_problems(payload: Mapping[str, Any]) -> list[Problem]:
    """List everything that Slack would refuse in a message."""
    return _problems(Message, payload)


def view_problems(payload: Mapping[str, Any]) -> list[Problem]:
    """List everything that Slack would refuse in a modal."""
    return _problems(View, payload)


def _checked(model: type[_Model], payload: Mapping[str, Any], what: str) -> _Model:
    try:
        return model.model_validate(payload)
    except ValidationError:
        found = "; ".join(map(str, _problems(model, payload)[:_SHOWN_PROBLEMS]))
        message = f"Slack would refuse this {what}: {found}"
        raise OperationError(message) from None


def _problems(model: type[_Model], payload: Mapping[str, Any]) -> list[Problem]:
    try:
        model.model_validate(payload)
    except ValidationError as error:
        return [_problem(payload, detail["loc"], detail["msg"]) for detail in error.errors(include_url=False)]
    return []


def _problem(payload: Any, place: Sequence[int | str], message: str) -> Problem:
    pointer, block, value = "", "", payload
    for part in place:
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list | tuple) and isinstance(part, int)
        )
        # A union adds the type it chose to the place; a missing property is named last.
        if inside:
            value = value[part]
        if inside or part == place[-1]:
            pointer += f"/{part}"
        if inside and pointer.count("/") == _IN_A_BLOCK and isinstance(value, dict):
            block = str(value.get("type", ""))
    return Problem(pointer=pointer, block=block, message=message.removeprefix("Value error, "))


_IN_A_BLOCK = 2
