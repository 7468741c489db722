"""Values that a fact could have instead: the opposite, nothing, too much, another time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.comparisons import Operator
from launch_pipeline.checks.language.values import listed
from launch_rehearsal.tampering.breaks import Act

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.checks.language.comparisons import Comparison

LONG_AGO, FAR_AHEAD = "2001-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_EPOCH = 1_500_000_000
_HUGE = 1_000_000_000
_FILTER = re.compile(r"([A-Za-z_][\w.]*) *(==|!=) *'([^']*)'")
_LITERAL = re.compile(r"[A-Za-z0-9 _-]{3,}")


@dataclass(frozen=True)
class Change:
    """What is done to a fact."""

    act: Act
    put: Any = None


def others(value: Any) -> Iterator[Change]:
    """Yield what could be done to a value, whatever is wanted of it."""
    if isinstance(value, bool):
        yield Change(Act.PUT, not value)
    elif isinstance(value, int | float):
        yield from (Change(Act.PUT, one) for one in _numbers(value))
    elif isinstance(value, str):
        yield from (Change(Act.PUT, one) for one in _texts(value))
    elif isinstance(value, list):
        yield Change(Act.PUT, [])
        if value:
            yield Change(Act.DOUBLE)
        if len(value) > 1:
            yield Change(Act.FIRST)
    elif isinstance(value, dict):
        yield Change(Act.PUT, {})
    yield Change(Act.DROP)


def _numbers(value: float) -> Iterator[float]:
    if value > _EPOCH:
        yield from (1_000_000_000, 4_102_444_800)
    yield from (one for one in (0, -1, _HUGE, value + 1, 1) if one != value)


def _texts(value: str) -> Iterator[str]:
    if _NUMBER.fullmatch(value):
        yield from (f"{number:g}" if number != _HUGE else str(_HUGE) for number in _numbers(float(value)))
    elif _TIME.fullmatch(value):
        yield from (LONG_AGO, FAR_AHEAD)
    elif value.lower() in {"true", "false"}:
        yield str(value.lower() == "false").lower()
    yield from (one for one in ("broken", "") if one != value)


def literals_of(path: str) -> list[str]:
    """Return the texts that a path compares with."""
    return re.findall(r"'([^']+)'", path)


def unwanted_texts(wanted: str) -> list[str]:
    """Return words that a pattern does not want to find."""
    return _LITERAL.findall(wanted) if wanted.startswith("not matches") else []


def elements(paths: Iterable[str]) -> Iterator[Any]:
    """Yield elements that filters look for: ``[?rule.level=='high']`` finds ``{rule: {level: high}}``."""
    yield {"broken": True}
    for path in paths:
        for name, sign, text in _FILTER.findall(path):
            element: Any = text if sign == "==" else "broken"
            for step in reversed(name.split(".")):
                element = {step: element}
            yield element
    yield "broken"


def bad_values(comparison: Comparison) -> list[Any]:
    """Return values for which a comparison does not hold."""
    operand = comparison.operand.strip()
    if _NUMBER.fullmatch(operand):
        return [_plain(float(operand) + step) for step in _STEPS.get(comparison.operator, ())]
    texts: dict[Operator, list[Any]] = {
        Operator.BETWEEN: _beyond(operand),
        Operator.NOT_EQUAL: [operand],
        Operator.NOT_IN: list(listed(operand) or ())[:1],
        Operator.NOT_MATCHES: sorted(_LITERAL.findall(operand), key=len)[-1:],
        Operator.VERSION: ["0.1.0", "99.0.0"],
    }
    return texts.get(comparison.operator, [])


_STEPS = {
    Operator.LESS: (1, 10_000),
    Operator.AT_MOST: (1, 10_000),
    Operator.MORE: (-1,),
    Operator.AT_LEAST: (-1,),
    Operator.EQUAL: (1,),
    Operator.NOT_EQUAL: (0,),
}
"""How far from its number a comparison does not hold any more."""


def _beyond(operand: str) -> list[float]:
    numbers = [float(one) for one in operand.split() if _NUMBER.fullmatch(one)]
    return [_plain(one + step) for one, step in zip(numbers, (-1, 1), strict=False)]


def _plain(number: float) -> float:
    return int(number) if number.is_integer() else number
