"""Plain JSON data of any value, and its one canonical form with a digest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel

CUT = "… [cut]"
"""Marks an omission."""
_MANY = (Mapping, set, frozenset, list, tuple)
_DEEPEST = 60
"""Levels of nested data that are kept."""
_DIGITS = 4300
"""Python neither writes nor reads a longer number in decimals."""


def plain(value: Any, level: int = 0) -> Any:
    """Convert any value to JSON data: NaN, infinities, times and bytes become strings.

    Levels beyond 60 are cut, and a number of thousands of digits is replaced by its size.
    """
    # By exact type first: nearly all of the thousands of values in evidence have these.
    kind = type(value)
    if kind is str:
        clean = value.isascii() and "\x00" not in value
        return value if clean else value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    if value is None or kind is bool:
        return value
    if kind is int or kind is float:
        return _plain_number(value)
    if kind is dict or kind is list or isinstance(value, _MANY):
        return _plain_many(value, level) if level < _DEEPEST else CUT
    return _plain_other(value, level)


def _plain_number(value: float) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value).replace("inf", "Infinity").replace("nan", "NaN")
    # A digit has more than three bits.
    return value if value.bit_length() < 3 * _DIGITS else f"a number of {value.bit_length()} bits"


def _plain_many(value: Any, level: int) -> Any:
    if isinstance(value, Mapping):
        return {plain(str(name)): plain(item, level + 1) for name, item in value.items()}
    many = [plain(item, level + 1) for item in value]
    return sorted(many, key=canonical_json) if isinstance(value, set | frozenset) else many


def _plain_other(value: Any, level: int) -> Any:
    if isinstance(value, BaseModel):
        return plain(value.model_dump(), level)
    if isinstance(value, Enum):
        return plain(value.value, level)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    for sort in (int, float, str):
        if isinstance(value, sort):
            return plain(sort(value))
    return value.hex() if isinstance(value, bytes) else plain(str(value))


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON, as ``sha256:...``."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()
