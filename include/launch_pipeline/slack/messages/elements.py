"""Build the elements that cards, modals and notes share, as plain JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.slack.messages.block_kit import (
    BUTTON_TEXT,
    CONTEXT_TEXT,
    HEADER_TEXT,
    MESSAGE_TEXT,
    SECTION_TEXT,
    Message,
    checked_message,
)
from launch_pipeline.slack.messages.mrkdwn import CUT, address_of, escape, mention, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.notifications.model import PersonView
    from launch_pipeline.slack.messages.views import ItemView

APPROVE_MINE = "approve_mine"
REVIEW = "review"
HOLD = "hold_launch"
RESUME = "resume_launch"
OPEN = "open_in_airflow"
"""Action ids of our buttons. The last one only opens a link, but is acknowledged as well."""
URL_LENGTH = 3000
_NAMED = 3
_CLAUSE = re.compile(r"(?:\([^()]*\)|[^;,.]|[;,.](?!\s))+")
"""What ends before the first comma, semicolon or full stop outside of brackets."""

Block = dict[str, Any]


def plain_text(text: str, limit: int) -> Block:
    """Build text without markup, never empty."""
    return {"type": "plain_text", "text": plain(text, limit) or "-", "emoji": False}


def label(text: str, limit: int = BUTTON_TEXT) -> Block:
    """Build text of our own, with emoji."""
    return {"type": "plain_text", "text": text[:limit], "emoji": True}


def markdown(text: str) -> Block:
    """Build text with markup, in which other people's texts are already escaped."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def header(text: str) -> Block:
    """Build a title."""
    return {"type": "header", "text": plain_text(text, HEADER_TEXT)}


def section(text: str) -> Block:
    """Build a paragraph."""
    return {"type": "section", "text": markdown(text)}


def context(text: str) -> Block:
    """Build small print."""
    return {"type": "context", "elements": [markdown(text)]}


def lines(texts: Sequence[str], limit: int = SECTION_TEXT) -> str:
    """Join whole lines up to a limit; ``… n more`` counts the lines left out."""
    reserve = len(_more(len(texts)))
    kept: list[str] = []
    room = limit
    for number, text in enumerate(texts):
        rest = reserve + 1 if number < len(texts) - 1 else 0
        room -= len(text) + 1
        if room + 1 < rest:
            return "\n".join([*kept, _more(len(texts) - number)])
        kept.append(text)
    return "\n".join(kept)


def spread(texts: Sequence[str], limit: int, most: int) -> list[str]:
    """Spread whole lines over at most ``most`` paragraphs; the last one counts the lines left out."""
    made: list[str] = []
    rest = list(texts)
    while len(made) < most - 1 and len("\n".join(rest)) > limit:
        fits = sum(len("\n".join(rest[: number + 1])) <= limit for number in range(len(rest)))
        made.append("\n".join(rest[: max(fits, 1)])[:limit])
        rest = rest[max(fits, 1) :]
    return [*made, lines(rest, limit)] if rest else made


def _more(number: int) -> str:
    return f"{CUT} {number} more"


def small_print(texts: Sequence[str]) -> list[Block]:
    """Build small print of several lines, if there are any."""
    return [context(lines(texts, CONTEXT_TEXT))] if texts else []


def button(action: str, words: str, value: str = "", **fields: Any) -> Block:
    """Build a button."""
    made = {"type": "button", "action_id": action, "text": label(words), **fields}
    return {**made, "value": value} if value else made


def open_button(url: str) -> list[Block]:
    """Build *Open in Airflow*, if there is an address."""
    address = address_of(url, URL_LENGTH)
    return [button(OPEN, "Open in Airflow", url=address)] if address else []


def actions(block_id: str, elements: Sequence[Block]) -> list[Block]:
    """Build a row of buttons, if there are any."""
    return [{"type": "actions", "block_id": block_id, "elements": list(elements)}] if elements else []


def people(persons: Sequence[PersonView]) -> str:
    """Mention the first person and name the backups, who are mentioned only when the first does not answer.

    At most three are shown; the rest are counted. People without a Slack id are named.
    """
    named = [
        mentioned(person) if not place else escape(person.name, 40) for place, person in enumerate(persons)
    ]
    more = [f"{len(persons) - _NAMED} more"] if len(persons) > _NAMED else []
    return " or ".join(filter(None, (*named[:_NAMED], *more)))


def mentioned(person: PersonView) -> str:
    """Mention a person, or name one without a Slack id."""
    return mention(person.slack_id) if person.slack_id else escape(person.name, 40)


def refused(item: ItemView, limit: int) -> str:
    """Say why the last answer to an item did not count, if the item asks again because of it."""
    if not (item.asks and item.refused.strip()):
        return ""
    words = "⚠️ The last answer did not count: "
    return words + escape(item.refused, limit - len(words))


def repair(item: ItemView, limit: int) -> str:
    """Say what to do about checks that do not pass: the first clause of ``on_failure``."""
    if item.outcome or item.checks_passed is not False:
        return ""
    first = _CLAUSE.match(item.repair.strip())
    clause = first[0].rstrip(".") if first else ""
    return f"To repair: {escape(clause, limit)}" if clause else ""


def waivers(item: ItemView) -> str:
    """Name, without mentioning them, the people who may set an item aside if its owners may not."""
    if not (item.asks and item.others_waive):
        return ""
    named = [escape(person.name, 40) for person in item.may_waive]
    more = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
    return "⏭️ Who may waive it, or say that it is not applicable: " + " or ".join([*named[:_NAMED], *more])


def message(text: str, blocks: Sequence[Block], metadata: Block | None = None) -> Message:
    """Build a message of escaped text and blocks. Raises OperationError if Slack would refuse it."""
    fields: Block = {"text": _cut(text), "blocks": list(blocks)}
    return checked_message({**fields, "metadata": metadata} if metadata else fields)


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_TEXT else text[: MESSAGE_TEXT - 1] + CUT
