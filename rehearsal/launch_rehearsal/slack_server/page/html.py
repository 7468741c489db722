"""HTML out of Python values: everything is escaped unless it is HTML already."""

from __future__ import annotations

import html
import re
from datetime import datetime

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
_EMPTY = frozenset({"input", "br", "hr", "meta", "link"})


class Html(str):
    """Text that is HTML."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: str | bool | None) -> Html:
    """One element; ``class_`` is ``class``, ``data_ts`` is ``data-ts``; None and False leave one out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _EMPTY:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{''.join(map(_escaped, children))}</{name}>")


def _attribute(name: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    key = name.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{html.escape(value)}"'


def _escaped(child: object) -> str:
    if isinstance(child, Html):
        return child
    return "".join(map(_escaped, child)) if isinstance(child, list | tuple) else html.escape(str(child))


def text_of(part: dict[str, str] | None, names: dict[str, str]) -> Html:
    """A text object as a person sees it."""
    if part is None:
        return Html("")
    shown = markdown(part["text"], names) if part["type"] == "mrkdwn" else html.escape(part["text"])
    return Html(drawn(shown))


def markdown(text: str, names: dict[str, str]) -> Html:
    """Slack's markup as HTML; ``names`` maps user ids to names."""
    found: list[str] = []

    def keep(token: re.Match[str]) -> str:
        found.append(_token(token[1], names))
        return f"\x00{len(found) - 1}\x00"

    shown = html.escape(html.unescape(_TOKEN.sub(keep, text.replace("\x00", ""))))
    for pattern, replacement in _STYLES:
        shown = pattern.sub(replacement, shown)
    return Html(_HOLDER.sub(lambda holder: found[int(holder[1])], shown).replace("\n", "<br>"))


def _token(token: str, names: dict[str, str]) -> str:
    kind, rest = token[0], token[1:]
    label = rest.rpartition("|")[2]
    if kind == "@":
        user = rest.partition("|")[0]
        return tag("span", f"@{names.get(user, user)}", class_="mention", data_user=user)
    if kind == "#":
        return tag("span", f"#{label}", class_="mention")
    if kind == "!":
        return _special(rest)
    address, _, words = token.partition("|")
    if not address.startswith(("http://", "https://", "mailto:")):
        return html.escape(f"<{token}>")
    shown = html.unescape(words or address)
    return tag("a", shown, href=html.unescape(address), target="_blank", rel="noreferrer")


def _special(rest: str) -> str:
    parts = rest.split("^")
    if parts[0] == "date" and parts[1].isdigit():
        return tag("time", when(float(parts[1])), class_="time")
    return tag("span", f"@{rest.partition('|')[0]}", class_="mention loud")


def when(seconds: float) -> str:
    """A time as a person writes it: the clock today, the day otherwise."""
    at = datetime.fromtimestamp(seconds).astimezone()
    today = at.date() == datetime.now().astimezone().date()
    return f"{at:%H:%M}" if today else f"{at:%d %b, %H:%M}"
