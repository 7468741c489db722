"""The control of a count: were there any lines to count, and did they arrive up to now.

That nothing matches says nothing of streams that never had a line, or whose agent stopped an hour ago.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.language.values import duration, number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|`[^`]*`)|(?P<note>\#[^\n]*)|(?P<sign>[{}])|(?P<range>\[[^\]]*\])""",
    re.DOTALL,
)
_LAG = timedelta(minutes=5)
"""The lag of ingestion that is always accepted, and the pause between the lines of a quiet service."""
_SHARE = 0.1
"""The share of a longer window that may be without lines at its end."""


def streams(query: str) -> list[str]:
    """Return the stream selectors of a LogQL query, without the filters that follow them.

    Braces stand only around these, and in strings (grafana.com/docs/loki/latest/query).
    """
    found, begin = [], -1
    for token in _TOKEN.finditer(query):
        if token[0] == "{":
            begin = token.start()
        elif token[0] == "}" and begin >= 0:
            found.append(query[begin : token.end()])
            begin = -1
    return list(dict.fromkeys(found))


def longest(query: str, otherwise: timedelta) -> timedelta:
    """Return the longest range of a metric query in LogQL."""
    ranges = (token[0][1:-1].strip() for token in _TOKEN.finditer(query) if token.lastgroup == "range")
    known = [found for text in ranges if (found := _range(text)) is not None]
    return max(known, default=otherwise)


def _range(text: str) -> timedelta | None:
    seconds = number(text)
    return duration(text) if seconds is None else timedelta(seconds=seconds)


def doubt(what: str, newest: datetime | None, now: datetime, window: timedelta) -> str:
    """Return why the lines of the window do not tell how many there are; an empty string if they do."""
    over = format_duration(window)
    if newest is None:
        return f"{what} has no line at all in the last {over}, so that none matches proves nothing"
    age = timedelta(seconds=round((now - newest).total_seconds()))
    if age < -_LAG:
        return f"the newest line of {what} is of a time to come: whether others arrive is not known"
    if age > max(_LAG, window * _SHARE):
        return f"the newest line of {what} is {format_duration(age)} old: later ones may not have arrived"
    return ""


def of_all(document: dict[str, Any]) -> tuple[int, float | None] | None:
    """Return the number of all documents of the window, and the newest (epoch, s); None if it is not said.

    A gateway may filter the answer's aggregations out; then the control is that shards were searched.
    """
    found = document.get("aggregations")
    for name in ("all", "recent"):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("doc_count"), int):
        return None
    newest = number((found.get("newest") or {}).get("value"))
    return found["doc_count"], None if newest is None else newest / 1000


def aggregation(window: timedelta) -> dict[str, Any]:
    """Build the aggregation of all documents of the window; ``global`` is not bound by the query.

    A document that is stamped with a moment to come does not show that documents arrive now.
    """
    recent = {"range": {"@timestamp": {"gte": f"now-{round(window.total_seconds())}s", "lte": "now+1m"}}}
    newest = {"newest": {"max": {"field": "@timestamp"}}}
    return {"all": {"global": {}, "aggs": {"recent": {"filter": recent, "aggs": newest}}}}


def first(doubts: Iterable[str]) -> str:
    """Return the first doubt, else an empty string."""
    return next(filter(None, doubts), "")
