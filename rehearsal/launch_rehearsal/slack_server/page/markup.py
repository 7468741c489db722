"""Convert Slack's text objects and its mrkdwn into HTML."""

from __future__ import annotations

import html
import re
from datetime import datetime

from markupsafe import Markup

from launch_rehearsal.slack_server.page.symbols import drawn

_TOKEN = re.compile(r"<([^<>]{1,3500})>")
_BREAK = "\u200b"
_EDGE = rf"[\w{_BREAK}]"
_INNER = rf"[^\s{_BREAK}]"
_STYLES = (
    (re.compile(rf"(?<!{_EDGE})`([^`\n]+)`(?!{_EDGE})"), r"<code>\1</code>"),
    (re.compile(rf"(?<!{_EDGE})\*(?={_INNER})([^*\n]*?{_INNER})\*(?!{_EDGE})"), r"<b>\1</b>"),
    (re.compile(rf"(?<!{_EDGE})_(?={_INNER})([^_\n]*?{_INNER})_(?!{_EDGE})"), r"<i>\1</i>"),
    (re.compile(rf"(?<!{_EDGE})~(?={_INNER})([^~\n]*?{_INNER})~(?!{_EDGE})"), r"<s>\1</s>"),
)
_HOLDER = re.compile("\x00(\\d+)\x00")


def text_of(part: dict[str, str] | None, names: dict[str, str]) -> Markup:
    """Return a text object as a person sees it, and nothing for none."""
    if part is None:
        return Markup()
    return drawn(markdown(part["text"], names) if part["type"] == "mrkdwn" else part["text"])


def markdown(text: str, names: dict[str, str]) -> Markup:
    """Convert Slack's markup into HTML; ``names`` maps user ids to names."""
    found: list[str] = []

    def keep(token: re.Match[str]) -> str:
        found.append(_token(token[1], names))
        return f"\x00{len(found) - 1}\x00"

    shown = html.escape(html.unescape(_TOKEN.sub(keep, text.replace("\x00", ""))))
    for pattern, replacement in _STYLES:
        shown = pattern.sub(replacement, shown)
    shown = _HOLDER.sub(lambda holder: found[int(holder[1])], shown).replace("\n", "<br>")
    return Markup(shown)  # noqa: S704 - escaped above, token by token


def _token(token: str, names: dict[str, str]) -> str:
    kind, rest = token[0], token[1:]
    label = rest.rpartition("|")[2]
    if kind == "@":
        user = rest.partition("|")[0]
        mention = Markup('<span class="mention" data-user="{}">@{}</span>')
        return mention.format(user, names.get(user, user))
    if kind == "#":
        return Markup('<span class="mention">#{}</span>').format(label)
    if kind == "!":
        return _special(rest)
    address, _, words = token.partition("|")
    if not address.startswith(("http://", "https://", "mailto:")):
        return html.escape(f"<{token}>")
    link = Markup('<a href="{}" target="_blank" rel="noreferrer">{}</a>')
    return link.format(html.unescape(address), html.unescape(words or address))


def _special(rest: str) -> str:
    parts = rest.split("^")
    if parts[0] == "date" and parts[1].isdigit():
        return Markup('<time class="time">{}</time>').format(when(float(parts[1])))
    return Markup('<span class="mention loud">@{}</span>').format(rest.partition("|")[0])


def when(seconds: float) -> str:
    """Format a time: the clock if it is today, day and clock otherwise."""
    at = datetime.fromtimestamp(seconds).astimezone()
    today = at.date() == datetime.now().astimezone().date()
    return f"{at:%H:%M}" if today else f"{at:%d %b, %H:%M}"
