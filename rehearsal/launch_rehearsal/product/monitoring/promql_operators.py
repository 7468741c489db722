"""Apply PromQL's operators between numbers and vectors (querying/operators)."""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from launch_rehearsal.product.monitoring.promql_values import (
    NAME,
    Expression,
    QueryError,
    Value,
    Vector,
    only,
    scalar,
    unique,
    vector,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from launch_rehearsal.product.base.series import Labels


def _divide(left: float, right: float) -> float:
    """Divide as floating-point numbers do: by zero it is infinite, or NaN."""
    if right:
        return left / right
    return (
        math.nan if not left or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)
    )


def _modulo(left: float, right: float) -> float:
    return math.fmod(left, right) if right and not math.isinf(left) else math.nan


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
    "^": _power,
    "atan2": math.atan2,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
SETS = ("and", "or", "unless")
LEVELS = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(COMPARISONS, 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
    "atan2": 5,
    "^": 6,
}
"""How tightly an operator binds."""


@dataclass(frozen=True)
class Matching:
    """How an operator finds the series that belong together."""

    numeric: bool = False
    """``bool``: whether a comparison gives 0 or 1, and filters nothing."""
    on: bool = False
    """Whether ``names`` are the labels that must agree, and not those that need not."""
    names: tuple[str, ...] = ()
    many: Literal["", "group_left", "group_right"] = ""
    taken: tuple[str, ...] = ()
    """Labels that the many take over from the one."""

    def key(self, labels: Labels) -> Labels:
        """Return the labels that must agree."""
        return only(labels, self.names) if self.on else without(labels, self.names)


def binary(sign: str, left: Expression, right: Expression, matching: Matching) -> Expression:
    """Apply an operator to two expressions. Raises QueryError for a modifier that it does not take."""
    if matching.numeric and sign not in COMPARISONS:
        message = f"bool modifier can only be used on comparison operators, not on {sign}"
        raise QueryError(message)
    if sign in SETS:
        if matching.many:
            message = f"no grouping allowed for {sign} operation"
            raise QueryError(message)
        return lambda at: _combined(sign, vector(left(at)), vector(right(at)), matching)
    return lambda at: _applied(sign, left(at), right(at), matching)


def _combined(sign: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """Return ``and``: the left that the right knows; ``unless``: the left that it does not; ``or``: both."""
    if sign == "or":
        known = {matching.key(labels) for labels in left}
        return left | {labels: v for labels, v in right.items() if matching.key(labels) not in known}
    known = {matching.key(labels) for labels in right}
    return {labels: v for labels, v in left.items() if (matching.key(labels) in known) is (sign == "and")}


def _applied(sign: str, left: Value, right: Value, matching: Matching) -> Value:
    if isinstance(left, dict) and isinstance(right, dict):
        return unique(_joined(sign, left, right, matching))
    if not isinstance(left, dict) and not isinstance(right, dict):
        return _of_numbers(sign, left, right, matching)
    if matching.names:
        message = "vector matching only allowed between instant vectors"
        raise QueryError(message)
    if isinstance(left, dict):
        number = scalar(right)
        return unique(_with_number(sign, left, lambda v: (v, number), matching))
    return unique(_with_number(sign, vector(right), lambda v: (left, v), matching))


def _of_numbers(sign: str, left: float, right: float, matching: Matching) -> float:
    if sign in COMPARISONS and not matching.numeric:
        message = "comparisons between scalars must use BOOL modifier"
        raise QueryError(message)
    return float((COMPARISONS | ARITHMETIC)[sign](left, right))


def _with_number(
    sign: str, found: Vector, sides: Callable[[float], tuple[float, float]], matching: Matching
) -> Iterator[tuple[Labels, float]]:
    """Yield the results of each series with a number; a comparison keeps the series' value."""
    for labels, value in found.items():
        left, right = sides(value)
        result = _result(sign, left, right, matching)
        if result is not None:
            kept = sign in COMPARISONS and not matching.numeric
            yield (labels, value) if kept else (without(labels), result)


def _result(sign: str, left: float, right: float, matching: Matching) -> float | None:
    """Return the result; None for a comparison that filters the series out."""
    if sign in ARITHMETIC:
        return ARITHMETIC[sign](left, right)
    true = COMPARISONS[sign](left, right)
    return float(true) if matching.numeric else left if true else None


def _joined(sign: str, left: Vector, right: Vector, matching: Matching) -> Iterator[tuple[Labels, float]]:
    """Yield the results of the series that belong together; many may belong to one with ``group_left``."""
    swapped = matching.many == "group_right"
    many, one = (right, left) if swapped else (left, right)
    others = _by_key(one, matching, "left" if swapped else "right")
    used: dict[Labels, Labels] = {}
    for labels, value in many.items():
        key = matching.key(labels)
        if key not in others:
            continue
        other, number = others[key]
        result = _result(sign, *((number, value) if swapped else (value, number)), matching)
        if result is None:
            continue
        if not matching.many and used.setdefault(key, labels) != labels:
            message = (
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            )
            raise QueryError(message)
        yield _labels(sign, labels, other, matching), result


def _by_key(one: Vector, matching: Matching, side: str) -> dict[Labels, tuple[Labels, float]]:
    groups: dict[Labels, list[tuple[Labels, float]]] = defaultdict(list)
    for labels, value in one.items():
        groups[matching.key(labels)].append((labels, value))
    if any(len(found) > 1 for found in groups.values()):
        message = (
            f"found duplicate series for the match group on the {side} hand-side of the operation; "
            "many-to-many matching not allowed: matching labels must be unique on one side"
        )
        raise QueryError(message)
    return {key: found[0] for key, found in groups.items()}


def _labels(sign: str, labels: Labels, other: Labels, matching: Matching) -> Labels:
    """Return the labels of a result."""
    if sign in ARITHMETIC or matching.numeric:
        labels = without(labels)
    if not matching.many:
        if matching.on:
            return only(labels, matching.names)
        return tuple(pair for pair in labels if pair[0] not in matching.names)
    mine = {name: value for name, value in labels if name not in matching.taken}
    theirs = {name: value for name, value in other if name in matching.taken and name != NAME}
    return tuple(sorted({**mine, **theirs}.items()))
