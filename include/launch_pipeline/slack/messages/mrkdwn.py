"""Write Slack's ``mrkdwn``, and make other people's texts harmless in it.

Rules: docs.slack.dev, "Formatting message text". ``&``, ``<`` and ``>`` open Slack's markup; only this module
writes what they open (mentions, channels, links, dates).
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from launch_pipeline.approvals.visible_text import one_line

if TYPE_CHECKING:
    from datetime import datetime

CUT = "…"
"""Marks a text that was cut."""
_BREAK = "\u200b"
"""A zero-width space: between a mark and its word it disables the mark."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = re.compile(r"(?<![^\W_])[*_~`]+|[*_~`]+(?![^\W_])")
_MENTION = re.compile(r"@(?=here\b|channel\b|everyone\b|group\b|[UW][A-Z0-9]{2})", re.IGNORECASE)
_CHANNEL = re.compile(r"#(?=[^\W\d_])")
_EMOJI = re.compile(r":(?=[\w+'-]*[a-z][\w+'-]*:)", re.IGNORECASE)
_PLAIN_MARKUP = re.compile(r"<(?=[@!#])")
_URL_SAFE = "/:?&=#%+,;@~!$'()[]*"


def escape(text: str, limit: int | None = None) -> str:
    """Return ``mrkdwn`` that shows a text literally, without mentions, links or formatting.

    With a limit the result, entities included, has at most that many characters; ``…`` marks the cut.
    """
    # Separate the marks of a run as well: two of them may be markup together.
    text = _MARKS.sub(lambda marks: _BREAK.join(("", *marks[0], "")), one_line(text))
    text = _MENTION.sub(f"@{_BREAK}", text)
    text = _CHANNEL.sub(f"#{_BREAK}", text)
    text = _EMOJI.sub(f":{_BREAK}", text)
    pieces = [_ENTITIES.get(char, char) for char in text]
    return "".join(pieces) if limit is None else _fitting(pieces, limit)


def plain(text: str, limit: int) -> str:
    """Return one line for a ``plain_text`` object, cut with ``…``."""
    return _fitting(list(_PLAIN_MARKUP.sub(f"<{_BREAK}", one_line(text))), limit)


def _fitting(pieces: list[str], limit: int) -> str:
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    kept, room = [], limit - len(CUT)
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + CUT


def bold(text: str, limit: int) -> str:
    """Return a text in bold, escaped; an empty text stays empty."""
    escaped = escape(text, limit)
    return f"*{escaped}*" if escaped else ""


def mention(slack_id: str) -> str:
    """Mention a person, which notifies them when the message is posted."""
    return f"<@{slack_id}>"


def link(url: str, label: str, limit: int = 100) -> str:
    """Return a link to an http(s) address; for anything else only the label."""
    label, address = escape(label, limit), address_of(url).replace("&", "&amp;")
    return f"<{address}|{label}>" if label and address else label


def address_of(url: str, limit: int = 300) -> str:
    """Return an http(s) address, quoted for use in markup; empty if it is not one, or is too long."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return ""
    address = quote(url, safe=_URL_SAFE, errors="replace") if usable else ""
    return address if len(address) <= limit else ""


def moment(at: datetime, form: str = "{date_short_pretty} {time}") -> str:
    """Return a time in the reader's own zone; in UTC if Slack does not know it."""
    return f"<!date^{int(at.timestamp())}^{form}|{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC>"
