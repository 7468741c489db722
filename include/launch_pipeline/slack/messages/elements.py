"""The pieces that cards, modals and notes are made of, as plain JSON."""

from __future__ import annotations

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
OPEN = "open_in_airflow"
"""Action ids of our buttons; the last one only opens a link, and is acknowledged."""
URL_LENGTH = 3000
_NAMED = 3

Block = dict[str, Any]


def plain_text(text: str, limit: int) -> Block:
    """Text without markup, never empty."""
    return {"type": "plain_text", "text": plain(text, limit) or "-", "emoji": False}


def label(text: str, limit: int = BUTTON_TEXT) -> Block:
    """Our own words, symbols included."""
    return {"type": "plain_text", "text": text[:limit], "emoji": True}


def markdown(text: str) -> Block:
    """Our own markup, with other people's texts already escaped in it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def header(text: str) -> Block:
    """A title."""
    return {"type": "header", "text": plain_text(text, HEADER_TEXT)}


def section(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": markdown(text)}


def context(text: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [markdown(text)]}


def lines(texts: Sequence[str], limit: int = SECTION_TEXT) -> str:
    """Join whole lines up to a limit; ``… n more`` says what is left out."""
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
    """Spread whole lines over at most so many paragraphs; the last one says what is left out."""
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
    """Small print of several lines, if there are any."""
    return [context(lines(texts, CONTEXT_TEXT))] if texts else []


def button(action: str, words: str, value: str = "", **fields: Any) -> Block:
    """Something to tap."""
    made = {"type": "button", "action_id": action, "text": label(words), **fields}
    return {**made, "value": value} if value else made


def open_button(url: str) -> list[Block]:
    """*Open in Airflow*, wherever there is an address to open."""
    address = address_of(url, URL_LENGTH)
    return [button(OPEN, "Open in Airflow", url=address)] if address else []


def actions(block_id: str, elements: Sequence[Block]) -> list[Block]:
    """A row of buttons, if there are any."""
    return [{"type": "actions", "block_id": block_id, "elements": list(elements)}] if elements else []


def people(persons: Sequence[PersonView]) -> str:
    """Address the first, name the backups: they are called when the first does not answer.

    At most three; the rest is counted. Whom Slack does not know is named, not addressed.
    """
    named = [
        addressed(person) if not place else escape(person.name, 40) for place, person in enumerate(persons)
    ]
    more = [f"{len(persons) - _NAMED} more"] if len(persons) > _NAMED else []
    return " or ".join(filter(None, (*named[:_NAMED], *more)))


def addressed(person: PersonView) -> str:
    """Address one person, or name him where Slack does not know him."""
    return mention(person.slack_id) if person.slack_id else escape(person.name, 40)


def refused(item: ItemView, limit: int) -> str:
    """Say why the last answer to an item did not count, where it asks again because of that."""
    if not (item.asks and item.refused.strip()):
        return ""
    words = "⚠️ The last answer did not count: "
    return words + escape(item.refused, limit - len(words))


def waivers(item: ItemView) -> str:
    """Name who may set an item aside, where those who answer for it may not: they are told, not called."""
    if not (item.asks and item.others_waive):
        return ""
    named = [escape(person.name, 40) for person in item.may_waive]
    more = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
    return "⏭️ Who may waive it, or say that it is not applicable: " + " or ".join([*named[:_NAMED], *more])


def message(text: str, blocks: Sequence[Block], metadata: Block | None = None) -> Message:
    """Make a message of escaped text and blocks. Raises OperationError where Slack would refuse it."""
    fields: Block = {"text": _cut(text), "blocks": list(blocks)}
    return checked_message({**fields, "metadata": metadata} if metadata else fields)


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_TEXT else text[: MESSAGE_TEXT - 1] + CUT
