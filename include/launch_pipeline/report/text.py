"""Texts of records in Markdown: escaped, so that they neither format anything nor look like a mark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from launch_pipeline.report.words import advisory, clean, moment, standing, who

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.report.model import Attempt, ItemLine, Status

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def escaped(text: str) -> str:
    """Give a text as one line in which nothing means anything to Markdown or HTML."""
    harmless = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", harmless)


def code(text: str) -> str:
    """Give a text as code, which no table or further text can be made of."""
    return f"`{clean(text).replace('`', ' ').replace('|', ' ') or ' '}`"


def item_words(item: ItemLine, status: Status) -> str:
    """Say what became of an item: outcome, who and when, reason, evidence."""
    word = f"**{standing(item, status)}**"
    if item.bypass:
        word += f": marked {escaped(item.bypass.state)} by hand, without a record"
    if item.latest is None:
        return word
    told = attempt_words(item.latest)
    seen = f"<br>{escaped(item.latest.headline)}" if item.latest.headline else ""
    said = f"<br>recorded as: {escaped(item.said)}" if item.said else ""
    mark = " (advisory)" if advisory(item) and not item.ticked else ""
    before = f" · decided {len(item.earlier) + 1} times, see the annex" if item.earlier else ""
    return f"{word}{mark}{told}{before}{seen}{said}"


def attempt_words(attempt: Attempt) -> str:
    """Who, when and why."""
    by = who(attempt)
    parts = [
        f" by {escaped(by)}" if by else "",
        f" · {moment(attempt.decided_at)}",
        f" · “{escaped(attempt.reason)}”" if attempt.reason else "",
        f" · signed “{escaped(attempt.signature)}”" if attempt.signature else "",
    ]
    return "".join(parts)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Make a table of cells that are escaped already."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"
