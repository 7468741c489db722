"""Parses values that can be written in several ways: numbers, durations, moments.

All functions are total: they return None if a value does not have the wanted meaning.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?")
_INTEGER = re.compile(r"[+-]?\d{1,40}")
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d|w|y)")
_PARTS = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.{0,30})?")
_ITEM = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^,'"\[\]]+?))\s*(?:,|$)""")
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
    """Parse ``15d``, ``1h``, ``1d12h`` or ``2w1d``, as Prometheus and people write durations."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _PARTS.fullmatch(value.strip()):
        return None
    seconds = sum(float(size) * _SECONDS[unit] for size, unit in _PART.findall(value))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return None


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
