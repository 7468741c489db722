"""Apply PromQL's operators and functions to values (querying/operators, querying/functions)."""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from launch_rehearsal.product.base.series import Labels

COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

Vector = dict[Labels, float]
Value = float | Vector
Expression = Callable[[float], Value]
"""Maps a moment (epoch, s) to the value at that moment."""


class QueryError(ValueError):
    """The query is outside the supported part of PromQL."""


@dataclass(frozen=True)
class Window:
    """A range: series over a stretch of time."""

    series: Callable[[float], dict[Labels, list[tuple[float, float]]]]
    seconds: float
    """As written in the query."""


def vector_of(value: Value) -> Vector:
    """Convert a value into a vector."""
    return value if isinstance(value, dict) else {(): value}


def _bare(labels: Labels, without: str = "__name__") -> Labels:
    return tuple(pair for pair in labels if pair[0] not in {"__name__", without})


def divide(left: float, right: float) -> float:
    """Divide as floating-point numbers do: by zero it is infinite, or NaN."""
    if right:
        return left / right
    return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left)


def either_of(left: Expression, right: Expression) -> Expression:
    """Return ``a or b``: all of the left, and those of the right that the left lacks."""

    def value(at: float) -> Value:
        first = {_bare(labels): v for labels, v in vector_of(left(at)).items()}
        return {**vector_of(right(at)), **first}

    return value


def arithmetic(left: Expression, right: Expression, apply: Callable[[float, float], float]) -> Expression:
    """Apply an operator to numbers, or to the series with the same labels."""

    def value(at: float) -> Value:
        first, second = left(at), right(at)
        if isinstance(first, dict) and isinstance(second, dict):
            others = {_bare(labels): v for labels, v in second.items()}
            return {
                _bare(labels): apply(v, others[_bare(labels)])
                for labels, v in first.items()
                if _bare(labels) in others
            }
        if isinstance(first, dict):
            number = second if isinstance(second, float) else math.nan
            return {_bare(labels): apply(v, number) for labels, v in first.items()}
        if isinstance(second, dict):
            return {_bare(labels): apply(first, v) for labels, v in second.items()}
        return apply(first, second)

    return value


def filtered(left: Expression, right: Expression, sign: str) -> Expression:
    """Keep the series for which the comparison with a number holds."""

    def value(at: float) -> Value:
        number = right(at)
        if isinstance(number, dict):
            message = "a comparison takes a number on its right"
            raise QueryError(message)
        return {labels: v for labels, v in vector_of(left(at)).items() if COMPARISONS[sign](v, number)}

    return value


def aggregated(inner: Expression, by: tuple[str, ...], apply: Callable[[list[float]], float]) -> Expression:
    """Aggregate the series with the same labels."""

    def value(at: float) -> Value:
        groups: dict[Labels, list[float]] = defaultdict(list)
        for labels, v in vector_of(inner(at)).items():
            groups[tuple(pair for pair in labels if pair[0] in by)].append(v)
        return {labels: apply(values) for labels, values in groups.items()}

    return value


def topk(inner: Expression, number: int) -> Expression:
    """Keep the largest values."""

    def value(at: float) -> Value:
        ranked = sorted(vector_of(inner(at)).items(), key=lambda pair: pair[1], reverse=True)
        return dict(ranked[:number])

    return value


def _over(
    apply: Callable[[list[tuple[float, float]], float], float | None],
) -> Callable[[list[Expression | Window]], Expression]:
    """Build a function over a range from one over its samples and its written length."""

    def made(arguments: list[Expression | Window]) -> Expression:
        window = arguments[0]
        if not isinstance(window, Window):
            message = "this function takes a range such as [5m]"
            raise QueryError(message)

        def value(at: float) -> Value:
            found = {labels: apply(s, window.seconds) for labels, s in window.series(at).items()}
            return {_bare(labels): v for labels, v in found.items() if v is not None}

        return value

    return made


def _increase(samples: list[tuple[float, float]], _seconds: float) -> float | None:
    return samples[-1][1] - samples[0][1] if len(samples) > 1 else None


def _rate(samples: list[tuple[float, float]], _seconds: float) -> float | None:
    if len(samples) < 2:  # noqa: PLR2004 - as Prometheus: one sample has no rate
        return None
    return (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])


def _deriv(samples: list[tuple[float, float]], seconds: float) -> float | None:
    """Return the slope per second of the rehearsal's time."""
    return (samples[-1][1] - samples[0][1]) / seconds if len(samples) > 1 else None


SCRAPE_INTERVAL = 30
"""Seconds between two samples, in the time of the monitored system."""


def _count(samples: list[tuple[float, float]], seconds: float) -> float:
    """Return how many samples the window has in its own time: all, less the gaps."""
    gaps = [later[0] - sooner[0] for sooner, later in pairwise(samples)]
    span = max(sum(gaps), 1e-9)
    holes = sum(gap for gap in gaps if gap > 2.0)  # noqa: PLR2004 - several missed samples
    return math.floor(seconds / SCRAPE_INTERVAL * (1 - holes / span))


def _quantile(arguments: list[Expression | Window]) -> Expression:
    share, buckets = arguments
    if isinstance(share, Window) or isinstance(buckets, Window):
        message = "histogram_quantile takes a number and a vector"
        raise QueryError(message)

    def value(at: float) -> Value:
        wanted = share(at)
        groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
        for labels, v in vector_of(buckets(at)).items():
            groups[_bare(labels, "le")].append((float(dict(labels)["le"].replace("+Inf", "inf")), v))
        number = wanted if isinstance(wanted, float) else math.nan
        return {labels: quantile(number, sorted(found)) for labels, found in groups.items()}

    return value


def quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """Interpolate within the bucket of the quantile; NaN if nothing was counted."""
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return math.nan
    rank, below, floor = share * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return floor if math.isinf(bound) else floor + (bound - floor) * (rank - below) / (count - below)
        below, floor = count, bound
    return floor


def _constant_vector(arguments: list[Expression | Window]) -> Expression:
    inner = arguments[0]
    if isinstance(inner, Window):
        message = "vector takes a number"
        raise QueryError(message)
    return lambda at: vector_of(inner(at))


AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "min": min,
    "max": max,
    "avg": fmean,
    "count": lambda values: float(len(values)),
    "topk": max,
}
FUNCTIONS: dict[str, Callable[[list[Expression | Window]], Expression]] = {
    "rate": _over(_rate),
    "increase": _over(_increase),
    "deriv": _over(_deriv),
    "avg_over_time": _over(lambda samples, _: fmean(v for _, v in samples)),
    "min_over_time": _over(lambda samples, _: min(v for _, v in samples)),
    "max_over_time": _over(lambda samples, _: max(v for _, v in samples)),
    "count_over_time": _over(_count),
    "histogram_quantile": _quantile,
    "vector": _constant_vector,
}
