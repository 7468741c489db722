"""Write texts of records in Markdown, escaped so that they format nothing and imitate no mark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.report.words import (
    advisory,
    moment,
    outcome_word,
    reopened,
    status_text,
    verified_again,
    who,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.report.model import Attempt, ItemLine, Status

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")


def escaped(text: str) -> str:
    """Return a text on one line, escaped for Markdown and HTML."""
    harmless = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", harmless)


def code(text: str) -> str:
    """Return a text as inline code that is safe inside a table."""
    return f"`{one_line(text).replace('`', ' ').replace('|', ' ') or ' '}`"


def item_words(item: ItemLine, status: Status) -> str:
    """Describe an item: outcome, who and when, reason, evidence."""
    word = f"**{status_text(item, status)}**"
    if item.bypass:
        word += f": marked {escaped(item.bypass.state)} by hand, without a record"
    if item.reopened:
        word += f" {escaped(reopened(item))}"
    if item.latest is None:
        return word
    if item.reopened:
        return f"{word}<br>before: {outcome_word(item, item.latest)}{attempt_words(item.latest)}"
    told = attempt_words(item.latest)
    seen = f"<br>{escaped(item.latest.headline)}" if item.latest.headline else ""
    said = f"<br>recorded as: {escaped(item.said)}" if item.said else ""
    mark = " (advisory)" if advisory(item) and not item.ticked else ""
    before = f" · decided {len(item.earlier) + 1} times, see the annex" if item.earlier else ""
    return f"{word}{mark}{told}{before}{seen}{said}"


def attempt_words(attempt: Attempt) -> str:
    """Say who decided, when and why."""
    by = who(attempt)
    parts = [
        f" by {escaped(by)}" if by else "",
        f" · {moment(attempt.decided_at)}",
        f" · “{escaped(attempt.reason)}”" if attempt.reason else "",
        f" · signed “{escaped(attempt.signature)}”" if attempt.signature else "",
        f" · {escaped(again)}" if (again := verified_again(attempt)) else "",
    ]
    return "".join(parts)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Build a table of cells that are already escaped."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"
