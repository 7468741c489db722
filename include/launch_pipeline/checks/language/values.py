"""Parses values that can be written in several ways: numbers, durations, moments.

All functions are total: they return None if a value does not have the wanted meaning.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?")
_INTEGER = re.compile(r"[+-]?\d{1,40}")
_PART = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?(?:[eE][+-]?\d{1,2})?)\s?([a-z]{3,7}|ns|us|µs|ms|s|m|h|d|w|y)(?![a-z])"
)
_PARTS = re.compile(rf"(?:{_PART.pattern}[\s,]{{0,2}})+")
_CLOCK = re.compile(r"(?:^|\s)(\d{1,9}):(\d\d):(\d\d(?:\.\d{1,9})?)$")
_ISO = re.compile(
    r"P(?=.)(?:(?P<w>\d+)W)?(?:(?P<d>[\d.]+)D)?(?:T(?=.)(?:(?P<h>[\d.]+)H)?(?:(?P<m>[\d.]+)M)?(?:(?P<s>[\d.]+)S)?)?"
)
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
    "y": 31536000,
}
_NAMES = {
    name: unit
    for unit, names in {"s": "sec second", "m": "min minute", "h": "hour", "d": "day", "w": "week"}.items()
    for single in names.split()
    for name in (single, f"{single}s")
}
"""The units as words; months and years are none, since their length differs."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.{0,30})?")
_COMPACT = re.compile(r"\d{8}T\d{6}(?:\.\d{1,9})?(?:Z|[+-]\d{4})")
_OF_MAIL = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})")
_EPOCHS = ((10**9, 1), (10**12, 10**3), (10**15, 10**6), (10**18, 10**9))
"""The least number of each unit, and its parts of a second; they reach from 2001 to 2286."""
_ITEM = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^,'"\[\]]+?))\s*(?:,|$)""")
_LONGEST_DURATION = 100
LIMIT = 8000
"""Maximum length of an operand, in characters."""

Ordered = float | timedelta | datetime
"""Values with an order: numbers, durations, moments."""


def is_nan(value: Any) -> bool:
    """Return whether the value is NaN or infinite, also as Prometheus writes it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, str) and value.strip().lower() in {"nan", "+inf", "-inf"}


def number(value: Any) -> float | None:
    """Parse a finite number, or a string that is one; booleans are not numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return None
    text = value.strip()
    result: float = int(text) if _INTEGER.fullmatch(text) else float(text)
    return result if math.isfinite(result) else None


def duration(value: Any) -> timedelta | None:
    """Parse a duration as Prometheus, Go, PostgreSQL and ISO 8601 write it.

    ``15d``, ``1d12h``, ``1.0368e+06s``, ``12 days 02:00:00``, ``90 min`` and ``P1DT12H`` are durations. A
    month is none, since its length differs.
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_DURATION:
        return None
    text = value.strip()
    negative = text.startswith("-")
    seconds = _seconds(text.removeprefix("-"))
    try:
        return None if seconds is None else timedelta(seconds=-seconds if negative else seconds)
    except OverflowError:
        return None


def _seconds(text: str) -> float | None:
    iso = _ISO.fullmatch(text)
    try:
        if iso:
            return sum(float(size) * _SECONDS[unit] for unit, size in iso.groupdict().items() if size)
        clock = _CLOCK.search(text)
        days = text[: clock.start()] if clock else text
        seconds = _of_clock(clock) if clock else 0.0
        if not days:
            return seconds if clock else None
        return _of_parts(days, seconds)
    except (KeyError, ValueError):
        return None


def _of_clock(clock: re.Match[str]) -> float:
    hours, minutes, seconds = map(float, clock.groups())
    return hours * 3600 + minutes * 60 + seconds


def _of_parts(text: str, seconds: float) -> float | None:
    """Add the parts of ``1d12h`` or ``2 days``; raises KeyError for an unknown unit."""
    if not _PARTS.fullmatch(text):
        return None
    for size, unit in _PART.findall(text):
        seconds += float(size) * _SECONDS[_NAMES.get(unit, unit)]
    return seconds


def moment(value: Any) -> datetime | None:
    """Parse an ISO 8601 date-time with zone; a bare date is its midnight in UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
        return None
    try:
        read = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if read.tzinfo is None and len(value.strip()) == len("2000-01-01"):
        return read.replace(tzinfo=UTC)
    return read if read.tzinfo else None


def point(value: Any) -> datetime | None:
    """Parse a point in time also as HTTP writes it, or as its seconds, or parts of them, since 1970.

    A number that would lie before 2001 is none: it counts something else.
    """
    if (read := moment(value)) is not None:
        return read
    if (since := number(value)) is not None:
        return _since_1970(since)
    text = value.strip() if isinstance(value, str) else ""
    try:
        if _COMPACT.fullmatch(text):
            return datetime.fromisoformat(text)
        return parsedate_to_datetime(text) if _OF_MAIL.fullmatch(text) else None
    except ValueError:
        return None


def _since_1970(since: float) -> datetime | None:
    for least, parts in _EPOCHS:
        if least <= since < 10 * least:
            return datetime.fromtimestamp(since / parts, UTC)
    return None


def alike(left: Any, right: Any) -> tuple[Ordered, Ordered] | None:
    """Parse both as numbers, else as durations, else as moments; None if they differ in type."""
    for read in (number, duration, moment):
        pair = read(left), read(right)
        if pair[0] is not None and pair[1] is not None:
            return pair[0], pair[1]
    return None


def unquoted(text: str) -> str:
    """Remove one pair of quotes: ``'a b'`` is ``a b``."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def listed(text: str) -> tuple[str, ...] | None:
    """Parse ``['a','b']``, ``[200, 204]`` or a JSON list into the strings of its elements."""
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")) or len(stripped) > LIMIT:
        return None
    from_json = parsed(stripped)
    if isinstance(from_json, list):
        return tuple(e if isinstance(e, str) else json.dumps(e) for e in from_json)
    return _bare_elements(stripped[1:-1])


def _bare_elements(inner: str) -> tuple[str, ...] | None:
    elements: list[str] = []
    place = 0
    while place < len(inner):
        match = _ITEM.match(inner, place)
        if match is None:
            return None
        elements.append(next(group for group in match.groups() if group is not None))
        place = match.end()
    return tuple(elements)


def parsed(text: str) -> Any:
    """Parse JSON; None if it is not JSON."""
    if len(text) > LIMIT:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def same(actual: Any, wanted: str) -> bool:
    """Return whether an observed value equals the operand.

    Strings are compared as strings, so that version ``1.10`` is not ``1.1``; booleans by name in any
    case; durations and moments by meaning. NaN equals nothing.
    """
    if actual is None:
        return wanted == "null"
    if isinstance(actual, bool):
        return wanted.lower() == str(actual).lower()
    if isinstance(actual, int | float):
        return number(actual) is not None and number(actual) == number(wanted)
    if isinstance(actual, str):
        return _same_text(actual, wanted)
    return _same_structure(actual, wanted)


def _same_text(actual: str, wanted: str) -> bool:
    if is_nan(actual):
        return False
    if actual == wanted:
        return True
    if wanted.lower() in {"true", "false"}:
        return actual.lower() == wanted.lower()
    meanings = ((read(actual), read(wanted)) for read in (duration, moment))
    return any(left is not None and left == right for left, right in meanings)


def _same_structure(actual: Any, wanted: str) -> bool:
    other = parsed(wanted)
    if other is None and isinstance(actual, list):
        texts = listed(wanted)
        return texts is not None and len(texts) == len(actual) and all(map(same, actual, texts))
    try:
        return type(other) is type(actual) and json.dumps(other, sort_keys=True) == json.dumps(
            actual, sort_keys=True, default=str
        )
    except (ValueError, TypeError, RecursionError):
        return False
