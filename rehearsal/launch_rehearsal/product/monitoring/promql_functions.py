"""Apply PromQL's functions of numbers and vectors (querying/functions)."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from launch_rehearsal.product.monitoring.promql_ranges import RANGES, Made
from launch_rehearsal.product.monitoring.promql_values import (
    Expression,
    Operand,
    QueryError,
    Selector,
    Value,
    expression,
    pattern,
    scalar,
    unique,
    vector,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_rehearsal.product.base.series import Labels


def function(name: str, arguments: list[Operand]) -> Expression:
    """Build a function. Raises QueryError for a wrong number or sort of arguments."""
    made, numbers = FUNCTIONS[name]
    if len(arguments) not in numbers:
        message = f"{name} takes {' or '.join(map(str, numbers))} arguments, not {len(arguments)}"
        raise QueryError(message)
    return made(arguments)


def _each(apply: Callable[..., float], *numbers: int) -> Made:
    """Build a function of each value and of numbers."""

    def made(arguments: list[Operand]) -> Expression:
        inner, *others = (expression(one) for one in arguments)

        def value(at: float) -> Value:
            parameters = [scalar(other(at)) for other in others]
            return unique((without(labels), apply(v, *parameters)) for labels, v in vector(inner(at)).items())

        return value

    return made, numbers or (1,)


def _clamp(value: float, least: float, most: float) -> float:
    return math.nan if math.isnan(value) else max(least, min(most, value))


def _round(value: float, nearest: float = 1.0) -> float:
    return math.floor(value / nearest + 0.5) * nearest if math.isfinite(value) else value


def _log(log: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: log(value) if value > 0 else -math.inf if value == 0 else math.nan


def _constant(arguments: list[Operand]) -> Expression:
    inner = expression(arguments[0])
    return lambda at: {(): scalar(inner(at))}


def _scalar(arguments: list[Operand]) -> Expression:
    inner = expression(arguments[0])

    def value(at: float) -> Value:
        found = list(vector(inner(at)).values())
        return found[0] if len(found) == 1 else math.nan

    return value


def _time(_arguments: list[Operand]) -> Expression:
    return lambda at: at


def _timestamp(arguments: list[Operand]) -> Expression:
    """Return the times of the samples of a selector; of another vector the moment of the query."""
    inner = expression(arguments[0])

    def value(at: float) -> Value:
        times = inner.times(at) if isinstance(inner, Selector) else dict.fromkeys(vector(inner(at)), at)
        return unique((without(labels), time) for labels, time in times.items())

    return value


def _absent(arguments: list[Operand]) -> Expression:
    inner = expression(arguments[0])
    labels = inner.equal if isinstance(inner, Selector) else ()
    return lambda at: {} if vector(inner(at)) else {labels: 1.0}


def _sorted(*, descending: bool) -> Made:
    def made(arguments: list[Operand]) -> Expression:
        inner = expression(arguments[0])
        return lambda at: dict(
            sorted(vector(inner(at)).items(), key=lambda pair: pair[1], reverse=descending)
        )

    return made, (1,)


def _text(operand: Operand) -> str:
    if isinstance(operand, str):
        return operand
    message = "expected a text in quotes"
    raise QueryError(message)


def _label_replaced(arguments: list[Operand]) -> Expression:
    inner = expression(arguments[0])
    target, replacement, source, wanted = map(_text, arguments[1:])
    matcher, template = pattern(wanted), re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", replacement)

    def replaced(labels: Labels) -> Labels:
        named = dict(labels)
        match = matcher.fullmatch(named.get(source, ""))
        if match is None:
            return labels
        named[target] = match.expand(template)
        return tuple(sorted(pair for pair in named.items() if pair[1]))

    return lambda at: unique((replaced(labels), v) for labels, v in vector(inner(at)).items())


def _histogram_quantile(arguments: list[Operand]) -> Expression:
    share, buckets = map(expression, arguments)

    def value(at: float) -> Value:
        wanted = scalar(share(at))
        groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
        for labels, v in vector(buckets(at)).items():
            if bound := dict(labels).get("le"):
                groups[without(labels, ("le",))].append((float(bound.replace("Inf", "inf")), v))
        return {labels: within_buckets(wanted, sorted(found)) for labels, found in groups.items()}

    return value


def within_buckets(share: float, buckets: list[tuple[float, float]]) -> float:
    """Interpolate within the bucket of the quantile; NaN if nothing was counted."""
    total = buckets[-1][1] if buckets and math.isinf(buckets[-1][0]) else 0.0
    if math.isnan(share) or not total > 0:
        return math.nan
    if not 0 <= share <= 1:
        return math.copysign(math.inf, share)
    rank = share * total
    for (floor, below), (bound, count) in pairwise([(0.0, 0.0), *buckets]):
        if count >= rank and count > below:
            return floor if math.isinf(bound) else floor + (bound - floor) * (rank - below) / (count - below)
    return math.nan


FUNCTIONS: dict[str, Made] = {
    **RANGES,
    "abs": _each(abs),
    "absent": (_absent, (1,)),
    "ceil": _each(lambda v: float(math.ceil(v)) if math.isfinite(v) else v),
    "clamp": _each(_clamp, 3),
    "clamp_max": _each(lambda v, most: _clamp(v, -math.inf, most), 2),
    "clamp_min": _each(lambda v, least: _clamp(v, least, math.inf), 2),
    "exp": _each(lambda v: math.exp(min(v, 709.0))),
    "floor": _each(lambda v: float(math.floor(v)) if math.isfinite(v) else v),
    "histogram_quantile": (_histogram_quantile, (2,)),
    "label_replace": (_label_replaced, (5,)),
    "ln": _each(_log(math.log)),
    "log10": _each(_log(math.log10)),
    "log2": _each(_log(math.log2)),
    "round": _each(_round, 1, 2),
    "scalar": (_scalar, (1,)),
    "sgn": _each(lambda v: math.copysign(1.0, v) if v else v),
    "sort": _sorted(descending=False),
    "sort_desc": _sorted(descending=True),
    "sqrt": _each(lambda v: math.sqrt(v) if v >= 0 else math.nan),
    "time": (_time, (0,)),
    "timestamp": (_timestamp, (1,)),
    "vector": (_constant, (1,)),
}
