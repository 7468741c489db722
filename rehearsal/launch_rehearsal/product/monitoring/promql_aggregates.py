"""Aggregate vectors over labels (querying/operators)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean, pstdev, pvariance
from typing import TYPE_CHECKING

from launch_rehearsal.product.base.series import Labels
from launch_rehearsal.product.monitoring.promql_values import (
    Expression,
    Operand,
    QueryError,
    Value,
    expression,
    only,
    scalar,
    vector,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Group = list[tuple[Labels, float]]
"""The series of one group."""


@dataclass(frozen=True)
class Grouping:
    """The labels of the groups, or those that are dropped."""

    names: tuple[str, ...] = ()
    without: bool = False

    def key(self, labels: Labels) -> Labels:
        """Return the labels of the group."""
        return without(labels, self.names) if self.without else only(labels, self.names)


def least(values: Iterable[float]) -> float:
    """Return the least value; NaN only if there is no other."""
    return min((v for v in values if not math.isnan(v)), default=math.nan)


def most(values: Iterable[float]) -> float:
    """Return the greatest value; NaN only if there is no other."""
    return max((v for v in values if not math.isnan(v)), default=math.nan)


def quantile(share: float, values: Iterable[float]) -> float:
    """Interpolate between the two values around the quantile."""
    ranked = sorted(values, key=_nan_first)
    if not ranked or math.isnan(share):
        return math.nan
    if not 0 <= share <= 1:
        return math.copysign(math.inf, share)
    place = share * (len(ranked) - 1)
    below, above = ranked[math.floor(place)], ranked[min(math.floor(place) + 1, len(ranked) - 1)]
    return below + (above - below) * (place - math.floor(place))


def _nan_first(value: float) -> tuple[bool, float]:
    return not math.isnan(value), value


def _finite(apply: Callable[[list[float]], float]) -> Callable[[Iterable[float]], float]:
    """Build a spread, which is NaN unless all values are finite."""

    def spread(values: Iterable[float]) -> float:
        found = list(values)
        return apply(found) if all(map(math.isfinite, found)) else math.nan

    return spread


REDUCTIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "min": least,
    "max": most,
    "avg": fmean,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stddev": _finite(pstdev),
    "stdvar": _finite(pvariance),
}
AGGREGATES = {*REDUCTIONS, "topk", "bottomk", "quantile", "count_values"}


def aggregated(name: str, arguments: list[Operand], grouping: Grouping) -> Expression:
    """Aggregate the series of each group. Raises QueryError for other arguments than the operator takes."""
    if len(arguments) != (1 if name in REDUCTIONS else 2):
        message = f"wrong number of arguments for aggregate expression {name}"
        raise QueryError(message)
    inner = expression(arguments[-1])
    if name in REDUCTIONS:
        return _each(inner, grouping, lambda _at, group: [((), REDUCTIONS[name]([v for _, v in group]))])
    return _WITH_PARAMETER[name](arguments[0], inner, grouping)


def _each(
    inner: Expression, grouping: Grouping, apply: Callable[[float, Group], Group], *, own: bool = False
) -> Expression:
    """Apply a function to each group; its series keep their ``own`` labels, or get those of the group."""

    def value(at: float) -> Value:
        groups: dict[Labels, Group] = defaultdict(list)
        for labels, v in vector(inner(at)).items():
            groups[grouping.key(labels)].append((labels, v))
        return {
            labels if own else tuple(sorted((*key, *labels))): v
            for key, group in groups.items()
            for labels, v in apply(at, group)
        }

    return value


def _ranked(*, largest: bool) -> Callable[[Operand, Expression, Grouping], Expression]:
    def made(parameter: Operand, inner: Expression, grouping: Grouping) -> Expression:
        number = expression(parameter)

        def first(at: float, group: Group) -> Group:
            key = (lambda pair: _nan_first(pair[1])) if largest else (lambda pair: _nan_first(-pair[1]))
            return sorted(group, key=key, reverse=True)[: max(int(scalar(number(at))), 0)]

        return _each(inner, grouping, first, own=True)

    return made


def _quantile(parameter: Operand, inner: Expression, grouping: Grouping) -> Expression:
    share = expression(parameter)
    return _each(
        inner, grouping, lambda at, group: [((), quantile(scalar(share(at)), [v for _, v in group]))]
    )


def _count_values(parameter: Operand, inner: Expression, grouping: Grouping) -> Expression:
    """Count the series of each value, which becomes a label."""

    def counted(_at: float, group: Group) -> Group:
        counts: dict[float, float] = defaultdict(float)
        for _, v in group:
            counts[v] += 1
        return [(((str(parameter), f"{v:.15g}"),), count) for v, count in counts.items()]

    return _each(inner, grouping, counted)


_WITH_PARAMETER: dict[str, Callable[[Operand, Expression, Grouping], Expression]] = {
    "topk": _ranked(largest=True),
    "bottomk": _ranked(largest=False),
    "quantile": _quantile,
    "count_values": _count_values,
}
