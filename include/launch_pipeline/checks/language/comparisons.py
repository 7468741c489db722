"""Comparisons of ``expect``: how they are written, and what they say of one observed value.

Anything but a clear yes is a no: a missing value passes only ``absent`` and ``== null``, NaN passes nothing.
Values are compared by meaning; those that cannot be compared make a comparison unknown, not false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.order import (
    SIGNS,
    Undecided,
    differ_in_writing,
    holds_version,
    ordered,
    version_like,
    versions_ordered,
)
from launch_pipeline.checks.language.patterns import found, guard_pattern
from launch_pipeline.checks.language.values import (
    LIMIT,
    alike,
    duration,
    is_nan,
    listed,
    point,
    same,
    unquoted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMS = (
    "'== x', '!= x', '< x', '<= x', '> x', '>= x', 'between a b', 'in [a, b]', 'not in [a, b]', "
    "'contains x', 'contains_all [a, b]', 'matches REGEX', 'not matches REGEX', 'age <= 26h', "
    "'version >= 1.10', 'exists', 'absent'"
)
"""The comparisons a checklist may use, as error messages list them."""

_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_AGE = re.compile(r"(<=|>=|<|>)\s*(\S+)")
_MAJOR = re.compile(r"[vV]?\d{1,6}")
"""A version of one number: Java 17, PostgreSQL 16."""
SKEW = timedelta(minutes=5)
"""Tolerated difference between clocks."""
_NEVER = datetime(1971, 1, 1, tzinfo=UTC)
"""Go, .NET and Unix write a time that was never set as their first: of the years 1, 1900 and 1970."""


class Operator(StrEnum):
    """Operators; a longer one comes before its prefix."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    AT_MOST = "<="
    AT_LEAST = ">="
    LESS = "<"
    MORE = ">"
    NOT_IN = "not in"
    NOT_MATCHES = "not matches"
    CONTAINS_ALL = "contains_all"
    CONTAINS = "contains"
    MATCHES = "matches"
    BETWEEN = "between"
    EXISTS = "exists"
    ABSENT = "absent"
    AGE = "age"
    VERSION = "version"
    IN = "in"


@dataclass(frozen=True)
class Comparison:
    """One comparison as written: the operator, its operand, and the whole text."""

    operator: Operator
    operand: str
    text: str


@dataclass(frozen=True)
class Answer:
    """Whether a comparison holds, and why not; ``unknown`` if that cannot be decided."""

    holds: bool
    note: str = ""
    unknown: bool = False


def parse_comparison(text: Any) -> Comparison:
    """Parse one comparison; raises ValueError that lists the accepted forms."""
    if not isinstance(text, str) or len(text) > LIMIT:
        message = f"{str(text)[:60]!r} is not a comparison; write one of {FORMS}"
        raise ValueError(message)
    return _comparison(text)


@lru_cache(maxsize=4096)
def _comparison(text: str) -> Comparison:
    stripped = text.strip()
    for operator in Operator:
        operand = _operand(stripped, operator)
        if operand is not None:
            comparison = Comparison(operator, operand, stripped)
            _check_operand(comparison)
            return comparison
    message = f"{text[:60]!r} is not a comparison; write one of {FORMS}"
    raise ValueError(message)


def _operand(text: str, operator: Operator) -> str | None:
    if not text.startswith(operator.value):
        return None
    rest = text[len(operator.value) :]
    ends_in_letter = operator.value[-1].isalpha()
    return rest.strip() if not (ends_in_letter and rest and not rest[0].isspace()) else None


def _check_operand(comparison: Comparison) -> None:
    operator, operand = comparison.operator, comparison.operand
    if operator in {Operator.EXISTS, Operator.ABSENT}:
        _refuse(bool(operand), comparison, f"'{operator}' takes nothing after it")
        return
    _refuse(not operand, comparison, f"'{operator}' needs a value; write '' for an empty text")
    if _PLACEHOLDER.search(operand):
        return
    if operator in {Operator.MATCHES, Operator.NOT_MATCHES}:
        guard_pattern(operand)
    elif operator in _READABLE:
        readable, fix = _READABLE[operator]
        _refuse(not readable(operand), comparison, fix)


def _refuse(wrong: bool, comparison: Comparison, fix: str) -> None:
    if wrong:
        message = f"{comparison.text[:60]!r} cannot be read: {fix}"
        raise ValueError(message)


def _bounds(operand: str) -> tuple[str, str] | None:
    words = [w for w in operand.replace(",", " ").split() if w != "and"]
    if len(words) == 2 and alike(words[0], words[1]):  # noqa: PLR2004
        return words[0], words[1]
    return None


def _age_limit(operand: str) -> tuple[str, timedelta] | None:
    match = _AGE.fullmatch(operand)
    limit = duration(match[2]) if match else None
    return (match[1], limit) if match and limit is not None else None


def _orderable(operand: str) -> bool:
    bare = unquoted(operand)
    return alike(bare, bare) is not None or version_like(bare)


def _version_limit(operand: str) -> tuple[str, str] | None:
    match = _AGE.fullmatch(operand)
    return (match[1], match[2]) if match and (version_like(match[2]) or _MAJOR.fullmatch(match[2])) else None


_LIST = (listed, "write a list that is not empty, such as ['a', 'b']")
_ORDER = (_orderable, "write a number, a duration, a version or a time with zone")
_READABLE: dict[Operator, tuple[Callable[[str], Any], str]] = {
    Operator.IN: _LIST,
    Operator.NOT_IN: _LIST,
    Operator.CONTAINS_ALL: _LIST,
    Operator.BETWEEN: (_bounds, "write two numbers, durations or times: 'between 1 900'"),
    Operator.AGE: (_age_limit, "write a sign and a duration: 'age <= 26h'"),
    Operator.VERSION: (_version_limit, "write a sign and a version: 'version >= 1.10'"),
    **dict.fromkeys((Operator.AT_MOST, Operator.AT_LEAST, Operator.LESS, Operator.MORE), _ORDER),
}
"""What must be readable in the operand, and what to write where it is not."""


def compare(comparison: Comparison, actual: Any, now: datetime) -> Answer:
    """Compare one observed value; never raises."""
    operator = comparison.operator
    if is_nan(actual):
        return Answer(holds=False, note="not a number", unknown=True)
    if actual is None and not expects_nothing(comparison):
        return Answer(holds=False, note="missing")
    try:
        if operator in SIGNS:
            return Answer(holds=ordered(operator.value, actual, unquoted(comparison.operand)))
        if operator is Operator.AGE:
            return _aged(actual, comparison.operand, now)
        return _OTHERS[operator](actual, comparison.operand)
    except Undecided as error:
        return Answer(holds=False, note=str(error), unknown=True)


def expects_nothing(comparison: Comparison) -> bool:
    """Return whether a comparison holds for a value that is missing."""
    return comparison.text in {"absent", "== null"}


def _aged(actual: Any, operand: str, now: datetime) -> Answer:
    limit, then = _age_limit(operand), point(actual)
    if limit is None or then is None:
        return Answer(holds=False, note="not a time with zone", unknown=True)
    if then < _NEVER:
        return Answer(holds=False, note="stands for never")
    age = now - then
    if age < -SKEW:
        return Answer(holds=False, note="lies in the future: a clock is wrong", unknown=True)
    return Answer(holds=SIGNS[limit[0]](age, limit[1]))


def _between(actual: Any, operand: str) -> Answer:
    bounds = _bounds(operand)
    if bounds is None:
        return Answer(holds=False, note="the bounds are different types")
    return Answer(holds=ordered(">=", actual, bounds[0]) and ordered("<=", actual, bounds[1]))


def _version(actual: Any, operand: str) -> Answer:
    limit = _version_limit(operand)
    return Answer(holds=limit is not None and versions_ordered(limit[0], actual, limit[1]))


def _not_equal(actual: Any, operand: str) -> Answer:
    wanted = unquoted(operand)
    if wanted == "null":
        return Answer(holds=actual is not None)
    mixed = isinstance(actual, int | float | list | dict) and not _same_sort(actual, wanted)
    if mixed:
        return Answer(holds=False, note="cannot be compared: different types")
    return _differs(actual, (wanted,))


def _differs(actual: Any, others: Sequence[str]) -> Answer:
    """Return whether a value is none of the others; unknown where it may only be written in another way."""
    if any(same(actual, other) for other in others):
        return Answer(holds=False)
    alike_in_meaning = [other for other in others if differ_in_writing(actual, other)]
    if alike_in_meaning:
        return Answer(holds=False, note=f"may mean the same as {alike_in_meaning[0]!r}", unknown=True)
    return Answer(holds=True)


def _same_sort(actual: Any, wanted: str) -> bool:
    if isinstance(actual, bool):
        return wanted.lower() in {"true", "false"}
    if isinstance(actual, list):
        return listed(wanted) is not None
    return wanted.startswith("{") if isinstance(actual, dict) else alike(actual, wanted) is not None


def _member(actual: Any, operand: str, *, wanted: bool) -> Answer:
    choices = listed(operand)
    if not choices or isinstance(actual, list | dict):
        return Answer(holds=False, note="not one value and a list" if choices else "the list is empty")
    if not wanted:
        return _differs(actual, choices)
    return Answer(holds=any(same(actual, choice) for choice in choices))


def _has(actual: Any, wanted: str) -> bool | None:
    if isinstance(actual, str):
        return holds_version(actual, wanted) if wanted else None
    if isinstance(actual, list):
        return any(same(element, wanted) for element in actual)
    return wanted in actual if isinstance(actual, dict) else None


def _contains(actual: Any, operand: str) -> Answer:
    has = _has(actual, unquoted(operand))
    return Answer(holds=bool(has), note="neither text, list nor mapping" if has is None else "")


def _contains_all(actual: Any, operand: str) -> Answer:
    choices = listed(operand)
    if not choices:
        return Answer(holds=False, note="the list is empty")
    lacking = [choice for choice in choices if not _has(actual, choice)]
    return Answer(holds=not lacking, note=f"lacks {', '.join(lacking)}"[:200] if lacking else "")


def _matched(actual: Any, operand: str, *, wanted: bool) -> Answer:
    if isinstance(actual, bool) or not isinstance(actual, str | int | float):
        return Answer(holds=False, note="not a text")
    try:
        return Answer(holds=found(operand, str(actual)) is wanted)
    except ValueError as error:
        return Answer(holds=False, note=str(error)[:200], unknown=True)


_OTHERS: dict[Operator, Callable[[Any, str], Answer]] = {
    Operator.EQUAL: lambda actual, operand: Answer(holds=same(actual, unquoted(operand))),
    Operator.NOT_EQUAL: _not_equal,
    Operator.IN: lambda actual, operand: _member(actual, operand, wanted=True),
    Operator.NOT_IN: lambda actual, operand: _member(actual, operand, wanted=False),
    Operator.CONTAINS: _contains,
    Operator.CONTAINS_ALL: _contains_all,
    Operator.MATCHES: lambda actual, operand: _matched(actual, operand, wanted=True),
    Operator.NOT_MATCHES: lambda actual, operand: _matched(actual, operand, wanted=False),
    Operator.BETWEEN: _between,
    Operator.VERSION: _version,
    Operator.EXISTS: lambda actual, _operand: Answer(holds=actual is not None),
    Operator.ABSENT: lambda actual, _operand: Answer(holds=actual is None),
}
