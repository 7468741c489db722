"""Values of PostgreSQL as ``expect`` reads them back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg import DataError
from psycopg.adapt import Buffer, Loader
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.string import TextLoader

from launch_pipeline.checks.canonical import plain

if TYPE_CHECKING:
    import psycopg

STYLES = "SET LOCAL intervalstyle = iso_8601; SET LOCAL datestyle = iso"
"""The styles that :func:`load_as_written` expects (PostgreSQL: 8.5.2, 8.5.5); the order of days stays."""
_RANGES = tuple(
    f"{of}{sort}" for of in ("int4", "int8", "num", "ts", "tstz", "date") for sort in ("range", "multirange")
)
_SIZE = r"(-?\d+(?:\.\d+)?)"
_ISO = re.compile(rf"P(?:{_SIZE}D)?(?:T(?:{_SIZE}H)?(?:{_SIZE}M)?(?:{_SIZE}S)?)?")
_MICROSECOND = timedelta(microseconds=1)


class _IntervalLoader(Loader):
    """Intervals as durations; one with months, whose length differs, stays as PostgreSQL writes it."""

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode()
        found = _ISO.fullmatch(text)
        if found is None:
            return text
        days, hours, minutes, seconds = (float(size or 0) for size in found.groups())
        return duration_text(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))


def _or_as_written(base: type[Loader]) -> type[Loader]:
    """Return a loader that leaves ``infinity`` and years before Christ as they are written."""

    class Tolerant(base):  # type: ignore[misc, valid-type]  # chosen at run time
        def load(self, data: Buffer) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    return Tolerant


_LOADERS: dict[str, type[Loader]] = {
    "interval": _IntervalLoader,
    "date": _or_as_written(DateLoader),
    "timestamp": _or_as_written(TimestampLoader),
    "timestamptz": _or_as_written(TimestamptzLoader),
    **dict.fromkeys(_RANGES, TextLoader),
}


def load_as_written(session: psycopg.AsyncConnection[Any]) -> None:
    """Make a session return values that psycopg would change, or refuse, as PostgreSQL writes them."""
    for name, loader in _LOADERS.items():
        session.adapters.register_loader(name, loader)


def readable(value: Any) -> Any:
    """Return a value as JSON: decimals are numbers, intervals durations, bytes as PostgreSQL writes them."""
    if isinstance(value, Decimal):
        return float(value) if value != value.to_integral_value() or not value.is_finite() else int(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    if isinstance(value, Mapping):
        return {str(name): readable(item) for name, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list | tuple) else plain(value)


def duration_text(value: timedelta) -> str:
    """Write a duration exactly: ``12d``, ``1h30m``, ``-2.5s``."""
    whole, micro = divmod(abs(value) // _MICROSECOND, 1_000_000)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fraction = f".{micro:06d}".rstrip("0") if micro else ""
    sizes = ((days, "d"), (hours, "h"), (minutes, "m"))
    parts = [f"{size}{unit}" for size, unit in sizes if size]
    if seconds or fraction or not parts:
        parts.append(f"{seconds}{fraction}s")
    return ("-" if value < timedelta() else "") + "".join(parts)
