"""The schema of what we send: every limit of Slack, and errors that say where."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.errors import OperationError
from launch_pipeline.slack.messages.block_kit import (
    checked_message,
    checked_view,
    message_problems,
    view_problems,
)

Block = dict[str, Any]


def text(length: int = 1, kind: str = "plain_text") -> Block:
    return {"type": kind, "text": "x" * length}


def button(number: int = 0, **fields: Any) -> Block:
    return {"type": "button", "action_id": f"a{number}", "text": text(), **fields}


def select(**fields: Any) -> Block:
    made = {"type": "static_select", "action_id": "s", "options": [{"text": text(), "value": "v"}]}
    return {**made, **fields}


def actions(*elements: Block, **fields: Any) -> Block:
    return {"type": "actions", "elements": list(elements), **fields}


def section(**fields: Any) -> Block:
    return {"type": "section", "text": text(kind="mrkdwn"), **fields}


def asking(element: Block | None = None, **fields: Any) -> Block:
    typed = {"type": "plain_text_input", "action_id": "t"}
    return {"type": "input", "label": text(), "element": element or typed, **fields}


CONFIRM = {"title": text(), "text": text(), "confirm": text(), "deny": text()}

MESSAGE_LIMITS: dict[str, tuple[Block, Block]] = {
    "header 150": ({"type": "header", "text": text(150)}, {"type": "header", "text": text(151)}),
    "section 3000": (section(text=text(3000)), section(text=text(3001))),
    "field 2000": (section(fields=[text(2000)]), section(fields=[text(2001)])),
    "10 fields": (section(fields=[text()] * 10), section(fields=[text()] * 11)),
    "context 10": (
        {"type": "context", "elements": [text()] * 10}, {"type": "context", "elements": [text()] * 11},
    ),
    "actions 25": (actions(*map(button, range(25))), actions(*map(button, range(26)))),
    "button text 75": (actions(button(text=text(75))), actions(button(text=text(76)))),
    "button value 2000": (actions(button(value="v" * 2000)), actions(button(value="v" * 2001))),
    "action id 255": (actions(button(action_id="a" * 255)), actions(button(action_id="a" * 256))),
    "block id 255": (section(block_id="b" * 255), section(block_id="b" * 256)),
    "confirm text 300": (
        actions(button(confirm={**CONFIRM, "text": text(300)})),
        actions(button(confirm={**CONFIRM, "text": text(301)})),
    ),
    "confirm button 30": (
        actions(button(confirm={**CONFIRM, "deny": text(30)})),
        actions(button(confirm={**CONFIRM, "deny": text(31)})),
    ),
    "100 options": (
        actions(select(options=[{"text": text(), "value": str(n)} for n in range(100)])),
        actions(select(options=[{"text": text(), "value": str(n)} for n in range(101)])),
    ),
    "option value 150": (
        actions(select(options=[{"text": text(), "value": "v" * 150}])),
        actions(select(options=[{"text": text(), "value": "v" * 151}])),
    ),
    "no markdown in buttons": (actions(button()), actions(button(text=text(kind="mrkdwn")))),
    "no markdown in headers": (
        {"type": "header", "text": text()}, {"type": "header", "text": text(kind="mrkdwn")},
    ),
    "style": (actions(button(style="danger")), actions(button(style="default"))),
    "text is not empty": (section(), section(text=text(0))),
    "section says something": (section(), {"type": "section"}),
    "no unknown block": (section(), {"type": "image", "image_url": "https://x", "alt_text": "x"}),
    "no unknown property": (section(), section(colour="red")),
    "action ids differ": (actions(button(1), button(2)), actions(button(1), button(1))),
    "option values differ": (
        actions(select()), actions(select(options=[{"text": text(), "value": "v"}] * 2)),
    ),
    "initial option is an option": (
        actions(select(initial_option={"text": text(), "value": "v"})),
        actions(select(initial_option={"text": text(), "value": "w"})),
    ),
    "web address": (actions(button(url="https://x")), actions(button(url="javascript:alert(1)"))),
    "no input in messages": (section(), asking()),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGE_LIMITS)
def test_limit_of_a_block(name: str) -> None:
    """What is just within a limit is accepted, one more is refused with the place."""
    within, beyond = MESSAGE_LIMITS[name]
    assert message_problems({"text": "x", "blocks": [within]}) == []
    problems = message_problems({"text": "x", "blocks": [beyond]})
    assert problems
    assert problems[0].pointer.startswith("/blocks/0")


MESSAGES: dict[str, tuple[Block, Block]] = {
    "50 blocks": ({"blocks": [section()] * 50}, {"blocks": [section()] * 51}),
    "text 4000": ({"text": "x" * 4000}, {"text": "x" * 4001}),
    "text needed": ({}, {"text": ""}),
    "8000 in all": (
        {"blocks": [section(text=text(2000))] * 4}, {"blocks": [section(text=text(2000))] * 4 + [section()]},
    ),
    "block ids differ": (
        {"blocks": [section(block_id="a"), section(block_id="b")]},
        {"blocks": [section(block_id="a"), section(block_id="a")]},
    ),
    "small metadata": (
        {"metadata": {"event_type": "e", "event_payload": {"key": "x" * 1900}}},
        {"metadata": {"event_type": "e", "event_payload": {"key": "x" * 2001}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_limit_of_a_message(name: str) -> None:
    """The whole message has limits that no block knows."""
    within, beyond = MESSAGES[name]
    assert message_problems({"text": "x", **within}) == []
    assert message_problems({"text": "x", **beyond})


MODAL = {"type": "modal", "callback_id": "c", "title": text(), "submit": text(), "blocks": [asking()]}
MODALS: dict[str, tuple[Block, Block]] = {
    "title 24": ({"title": text(24)}, {"title": text(25)}),
    "submit 24": ({"submit": text(24)}, {"submit": text(25)}),
    "close 24": ({"close": text(24)}, {"close": text(25)}),
    "metadata 3000": ({"private_metadata": "m" * 3000}, {"private_metadata": "m" * 3001}),
    "callback id 255": ({"callback_id": "c" * 255}, {"callback_id": "c" * 256}),
    "100 blocks": ({"blocks": [section()] * 100}, {"blocks": [section()] * 101}),
    "250 kB": ({"blocks": [section(text=text(2400))] * 100}, {"blocks": [section(text=text(2600))] * 100}),
    "input needs submit": ({}, {"submit": None}),
    "label 2000": ({"blocks": [asking(label=text(2000))]}, {"blocks": [asking(label=text(2001))]}),
    "block ids differ": (
        {"blocks": [asking(block_id="a"), asking(block_id="b")]},
        {"blocks": [asking(block_id="a"), asking(block_id="a")]},
    ),
    "placeholder 150": (
        {"blocks": [asking(select(placeholder=text(150)))]},
        {"blocks": [asking(select(placeholder=text(151)))]},
    ),
    "typed 3000": (
        {"blocks": [asking({"type": "plain_text_input", "action_id": "t", "max_length": 3000})]},
        {"blocks": [asking({"type": "plain_text_input", "action_id": "t", "max_length": 3001})]},
    ),
}


@pytest.mark.parametrize("name", MODALS)
def test_limit_of_a_modal(name: str) -> None:
    """A modal has limits of its own."""
    within, beyond = MODALS[name]
    assert view_problems({**MODAL, **within}) == []
    assert view_problems({**MODAL, **beyond})


def test_refusal_names_block_and_limit() -> None:
    """The error names the block and the limit that Slack would refuse."""
    blocks = [section(), {"type": "header", "text": text(151)}]
    with pytest.raises(OperationError, match=r"/blocks/1/text \(header\): 151 characters, at most 150"):
        checked_message({"text": "x", "blocks": blocks})
    with pytest.raises(OperationError, match="modal: /title: 25 characters, at most 24"):
        checked_view({**MODAL, "title": text(25)})


def test_nothing_is_looked_up_behind_a_message() -> None:
    """Slack neither finds names and links in our text nor fetches what is linked."""
    arguments = checked_message({"text": "x", "blocks": [section()]}).posted()
    fixed = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    assert fixed.items() <= arguments.items()
