"""Durations as people write them in a checklist: ``30s``, ``15m``, ``26h``, ``7d``, ``-2h``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORM = re.compile(r"(?P<sign>[+-]?)(?P<number>[0-9]{1,13}(?:\.[0-9]{1,6})?)(?P<unit>ms|s|m|h|d|w)")
_LONGEST = timedelta(weeks=5300)
_Written = Annotated[
    str,
    Field(
        pattern=r"^([+-]?[0-9]{1,13}(\.[0-9]{1,6})?(ms|s|m|h|d|w)|0)$",
        description="A number and ms, s, m, h, d or w, such as 15m; 0 needs no unit.",
    ),
]


def parse_duration(text: Any) -> timedelta:
    """Parse ``15m`` as fifteen minutes, to the millisecond; zero needs no unit.

    Raises ValueError with the accepted form, and for more than a century.
    """
    if isinstance(text, timedelta):
        return text
    if str(text) == "0":
        return timedelta()
    match = _FORM.fullmatch(str(text).strip())
    if match is None:
        message = (
            f"{str(text)[:40]!r} is not a duration; write a number and ms, s, m, h, d or w, such as '15m'"
        )
        raise ValueError(message)
    unit = timedelta(**{_UNITS[match["unit"]]: 1})
    milliseconds = float(match["number"]) * (unit / timedelta(milliseconds=1))
    if milliseconds > _LONGEST / timedelta(milliseconds=1):
        message = f"{str(text)!r} is longer than a century; write a shorter duration, such as '15m'"
        raise ValueError(message)
    value = timedelta(milliseconds=round(milliseconds))
    return -value if match["sign"] == "-" else value


def format_duration(value: timedelta) -> str:
    """Format a duration in the largest unit that divides it: ``timedelta(hours=2)`` is ``2h``."""
    milliseconds = round(value / timedelta(milliseconds=1))
    for unit in ("w", "d", "h", "m", "s"):
        size = timedelta(**{_UNITS[unit]: 1}) // timedelta(milliseconds=1)
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=_Written | Literal[0]),
    PlainSerializer(format_duration, return_type=str),
]
