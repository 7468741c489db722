"""The words of a Slack message, wherever they are: text, attachments, blocks and the titles of files.

What was said is looked at as people read it: a link is its label, and what is struck through is not said.
The preview of a linked page is no part of the message. See docs.slack.dev: Formatting message text, Legacy
secondary message attachments, Block Kit reference, File object.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINK = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_STRUCK = re.compile(r"(?<!\w)~([^~\s](?:[^~\n]*[^~\s])?)~(?!\w)")
_MARKED = re.compile(r"(?<!\w)([*_`]{1,3})([^*_`\s](?:[^*_`\n]*[^*_`\s])?)\1(?!\w)")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
"""The three signs that Slack escapes; the ampersand last."""
_PREVIEW = ("is_app_unfurl", "app_unfurl_url", "is_msg_unfurl", "from_url", "original_url")
"""What an attachment has that Slack or an app added for a link."""
_INLINE = {"rich_text_section", "rich_text_quote", "rich_text_preformatted"}
_TEXTS = {"plain_text", "mrkdwn", "markdown", "raw_text"}
_UNSAID = {"actions", "input", "button", "image", "file"}
"""Blocks and elements that say nothing in words, but for the title of an image."""
_ASIDE = {"accessory", "alt_text", "block_id", "value", "url", "style", "confirm"}
_GONE = {"tombstone", "hidden_by_limit"}
_DEEPEST = 20


def words_of(message: dict[str, Any]) -> tuple[str, str]:
    """Return the words of a message, a line for each part, with and without marks such as ``*bold*``."""
    said = [_shown(message.get("text"))]
    for attachment in _dicts(message.get("attachments")):
        said += _attached(attachment)
    said += _lines(message.get("blocks"))
    said += map(_title, _dicts(message.get("files")))
    marked = "\n".join(dict.fromkeys(filter(str.strip, said)))
    return marked, _MARKED.sub(r"\2", marked)


def _attached(attachment: dict[str, Any]) -> Iterator[str]:
    if any(attachment.get(name) for name in _PREVIEW) and attachment.get("is_share") is not True:
        return
    for name in ("pretext", "title", "text", "fallback"):
        yield _shown(attachment.get(name))
    for field in _dicts(attachment.get("fields")):
        yield f"{_shown(field.get('title'))} {_shown(field.get('value'))}"
    yield from _lines(attachment.get("blocks"))
    for shared in _dicts(attachment.get("message_blocks")):
        yield from _lines(shared.get("message"))


def _title(file: dict[str, Any]) -> str:
    return "" if file.get("mode") in _GONE else str(file.get("title") or file.get("name") or "")


def _lines(node: Any, level: int = 0) -> Iterator[str]:
    """Yield the lines of blocks; those of unknown blocks too, as far as they have texts."""
    if level > _DEEPEST:
        return
    if isinstance(node, list):
        for one in node:
            yield from _lines(one, level + 1)
    elif isinstance(node, dict) and node.get("type") == "image":
        yield from _lines(node.get("title"), level + 1)
    elif isinstance(node, dict) and node.get("type") not in _UNSAID:
        yield from _of_block(node, level)


def _of_block(node: dict[str, Any], level: int) -> Iterator[str]:
    sort = node.get("type")
    if sort in _INLINE:
        yield "".join(map(_inline, _dicts(node.get("elements"))))
    elif sort in _TEXTS:
        yield _shown(node.get("text"))
    else:
        for name, part in node.items():
            if name not in _ASIDE:
                yield from _lines(part, level + 1)


def _inline(element: dict[str, Any]) -> str:
    """Return an element of a line: its text, or the name of what it mentions."""
    style = element.get("style")
    if isinstance(style, dict) and style.get("strike") is True:
        return ""
    named = {"user": "user_id", "channel": "channel_id", "usergroup": "usergroup_id", "broadcast": "range"}
    sort = str(element.get("type"))
    if sort in named:
        return f"{'#' if sort == 'channel' else '@'}{element.get(named[sort]) or ''}"
    if sort == "emoji":
        return f":{element.get('name') or ''}:"
    return str(element.get("text") or element.get("fallback") or element.get("url") or "")


def _shown(text: Any) -> str:
    """Return mrkdwn as it is shown."""
    if not isinstance(text, str):
        return ""
    plain = _STRUCK.sub("", _LINK.sub(_linked, text))
    for escaped, sign in _ENTITIES:
        plain = plain.replace(escaped, sign)
    return plain


def _linked(match: re.Match[str]) -> str:
    target, label = match[1], match[2]
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    if target[0] in "@#":
        return f"{target[0]}{label.lstrip('@#')}" if label else target
    return target if label is None else label


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
