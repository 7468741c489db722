"""Writes observed values for people: numbers in a unit, durations, moments, lists and counts.

All functions are total: a value that does not fit its unit is written as it is.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.language.values import duration, moment, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LONGEST = 80
"""Characters of one value."""
_NAMED = 3
"""Values of a list that are written out."""
_LARGEST = 10**13
_STEP = 1024
_SECOND = 1000
_SIZES = ("bytes", "KiB", "MiB", "GiB", "TiB")
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_NEARLY = 0.01
"""Prometheus extrapolates counts, so that two are 2.0013."""
_LONG = 3
"""Days from which on hours say nothing."""


def cut(text: str, longest: int = LONGEST) -> str:
    """Put a text on one line, and cut it."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def figure(value: float) -> str:
    """Write a number with at most two decimals, or two digits that are not zero."""
    if value and abs(value) < 1:
        places = 1 - math.floor(math.log10(abs(value)))
        return f"{value:.{max(places, 2)}f}".rstrip("0").rstrip(".")
    return f"{value:.2f}".rstrip("0").rstrip(".")


def plainly(value: Any) -> str:
    """Write any value for a headline: ``yes``, ``none``, ``a, b, c and 2 more``."""
    return _plainly(plain(value))


def _plainly(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return figure(value) if math.isfinite(value) else "not a number"
    if isinstance(value, dict):
        return named(
            [f"{name} {_plainly(item)}" for name, item in value.items() if _single(item)], len(value)
        )
    if isinstance(value, list):
        return named([_plainly(item) for item in value if _single(item)], len(value))
    return cut(str(value)) or "an empty text"


def _single(value: Any) -> bool:
    return not isinstance(value, dict | list)


def named(texts: Sequence[Any], of: int | None = None, most: int = _NAMED) -> str:
    """List the first texts and count the rest; ``of`` counts what has no text as well."""
    count = len(texts) if of is None else of
    if not texts:
        return counted(count, "entry/entries") if count else "none"
    first = [cut(str(text)) for text in texts[:most]]
    left = count - len(first)
    return f"{', '.join(first)} and {left} more" if left > 0 else ", ".join(first)


def alone(names: Sequence[str] | None, otherwise: str = "it") -> str:
    """Name the only one of several subjects; a headline of more than one names them itself."""
    return cut(names[0]) if names and len(names) == 1 else otherwise


def counted(count: float, words: str) -> str:
    """Count things: ``no standbys``, ``1 standby``; ``entry/entries`` names an irregular plural."""
    one, _, many = words.partition("/")
    size = figure(round(count) if abs(count - round(count)) < _NEARLY else count)
    if size == "1":
        return f"1 {one}"
    return f"{'no' if size == '0' else size} {many or f'{one}s'}"


def span(seconds: float) -> str:
    """Write a duration in its one or two largest units: ``47 min``, ``1 h 20 min``, ``12 d``."""
    if abs(seconds) < 1:
        return f"{figure(seconds * _SECOND)} ms" if seconds else "0 s"
    left, parts = round(abs(seconds)), list[str]()
    for size, unit in _SPANS:
        many, left = divmod(left, size)
        if many or parts:
            parts.append(f"{many} {unit}" if many else "")
        if unit == "d" and many >= _LONG:
            break
    return ("-" if seconds < 0 else "") + " ".join(filter(None, parts[:2]))


def instant(when: datetime) -> str:
    """Write a moment in UTC: ``31 Jan 2026 14:02 UTC``."""
    return f"{when.astimezone(UTC):%-d %b %Y %H:%M} UTC"


def _percent(value: float) -> str:
    return f"{figure(value * 100)} %"


def _bytes(value: float) -> str:
    place = 0
    while abs(value) >= _STEP and place < len(_SIZES) - 1:
        value, place = value / _STEP, place + 1
    return f"{figure(round(value, 1))} {_SIZES[place]}"


def milliseconds(value: float) -> str:
    """Write milliseconds, and a minute or more as people do."""
    return span(value / _SECOND) if abs(value) >= 60 * _SECOND else f"{figure(round(value, 1))} ms"


_NUMBERS: Mapping[str, Callable[[float], str]] = {
    "percent": _percent,
    "bytes": _bytes,
    "ms": milliseconds,
    "number": figure,
}
UNITS = {
    **dict.fromkeys(_NUMBERS, False),
    **dict.fromkeys(("duration", "age", "moment", "list", "tally"), False),
    "count": True,
}
"""The units that a sentence may name, and whether a word follows."""


def in_unit(value: Any, unit: str, words: str, now: datetime) -> str:
    """Write a value in a unit; one that does not fit is written as it is."""
    if unit in _NUMBERS:
        size = _size_of(value)
        return plainly(value) if size is None else _NUMBERS[unit](size)
    if unit in {"age", "moment", "duration"}:
        return _time(value, unit, now)
    if unit == "count":
        size = len(value) if isinstance(value, list | dict) else _size_of(value)
        return plainly(value) if size is None else counted(size, words)
    if unit == "tally" and isinstance(value, dict):
        return named([f"{plainly(many)} x {name}" for name, many in value.items()])
    return plainly(value)


def _size_of(value: Any) -> float | None:
    """Return a number that is not too large to be told in words."""
    size = number(value)
    return size if size is not None and abs(size) < _LARGEST else None


def _time(value: Any, unit: str, now: datetime) -> str:
    if unit == "duration":
        seconds = _size_of(value)
        length = duration(value) if seconds is None else timedelta(seconds=seconds)
        return plainly(value) if length is None else span(length.total_seconds())
    when = moment(value)
    if when is None:
        return plainly(value)
    return instant(when) if unit == "moment" else span((now - when).total_seconds())
