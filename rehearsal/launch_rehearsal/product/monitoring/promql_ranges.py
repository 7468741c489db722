"""Apply PromQL's functions of ranges (querying/functions).

Rates are per second of this machine's clock, since the traffic is not compressed. A slope is per second of
the monitored system's time, as the growth of memory is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import fmean, linear_regression, pstdev, pvariance

from launch_rehearsal.product.monitoring.promql_aggregates import least, most, quantile
from launch_rehearsal.product.monitoring.promql_values import (
    Expression,
    Operand,
    Points,
    QueryError,
    Value,
    Window,
    expression,
    scalar,
    unique,
    without,
)

Made = tuple[Callable[[list[Operand]], Expression], tuple[int, ...]]
"""What builds a function, and how many arguments it takes."""
_REACH = 1.1
"""Intervals between samples over which an increase is extrapolated to the edge of its range."""


def window(operand: Operand) -> Window:
    """Return an operand that is a range. Raises QueryError for another one."""
    if isinstance(operand, Window):
        return operand
    message = "this function takes a range such as [5m]"
    raise QueryError(message)


def _over(apply: Callable[[Points, Window, float], float | None], *, named: bool = False) -> Made:
    """Build a function of samples, their window and its end; ``named`` keeps the metric's name."""

    def made(arguments: list[Operand]) -> Expression:
        over = window(arguments[0])

        def value(at: float) -> Value:
            found = {labels: apply(points, over, over.moved(at)) for labels, points in over.at(at).items()}
            return unique(
                (labels if named else without(labels), v) for labels, v in found.items() if v is not None
            )

        return value

    return made, (1,)


def _of_values(apply: Callable[[list[float]], float]) -> Made:
    return _over(lambda points, _over, _end: apply([v for _, v in points]))


def _extrapolated(points: Points, over: Window, end: float, *, counter: bool) -> float | None:
    """Return the increase, extrapolated as Prometheus does to edges that are near; None for one sample."""
    if len(points) < 2:  # noqa: PLR2004 - one sample has no increase
        return None
    delta = points[-1][1] - points[0][1] + (_lost(points) if counter else 0.0)
    span = points[-1][0] - points[0][0]
    usual = span / (len(points) - 1)
    before, after = points[0][0] - (end - over.real), end - points[-1][0]
    if counter and delta > 0 and points[0][1] >= 0:
        before = min(before, span * points[0][1] / delta)
    reach = span + sum(edge if edge < usual * _REACH else usual / 2 for edge in (before, after))
    return delta * reach / span


def _lost(points: Points) -> float:
    """Return what a counter had counted before each of its resets."""
    return sum(sooner for (_, sooner), (_, later) in pairwise(points) if later < sooner)


def _increase(points: Points, over: Window, end: float) -> float | None:
    return _extrapolated(points, over, end, counter=True)


def _delta(points: Points, over: Window, end: float) -> float | None:
    return _extrapolated(points, over, end, counter=False)


def _rate(points: Points, over: Window, end: float) -> float | None:
    found = _increase(points, over, end)
    return None if found is None else found / over.real


def _last_two(points: Points, *, counter: bool) -> tuple[float, float] | None:
    """Return the difference of the last two samples in value and time."""
    if len(points) < 2:  # noqa: PLR2004 - one sample has no difference
        return None
    (began, before), (ended, now) = points[-2:]
    return (now if counter and now < before else now - before), ended - began


def _irate(points: Points, _window: Window, _end: float) -> float | None:
    found = _last_two(points, counter=True)
    return None if found is None else found[0] / found[1]


def _idelta(points: Points, _window: Window, _end: float) -> float | None:
    found = _last_two(points, counter=False)
    return None if found is None else found[0]


def _line(points: Points, over: Window, end: float) -> tuple[float, float] | None:
    """Return the slope per second of the monitored system's time, and the value at the end of the window."""
    if len(points) < 2:  # noqa: PLR2004 - one sample has no slope
        return None
    scale = over.seconds / over.real
    slope, value = linear_regression([(at - end) * scale for at, _ in points], [v for _, v in points])
    return slope, value


def _deriv(points: Points, over: Window, end: float) -> float | None:
    line = _line(points, over, end)
    return None if line is None else line[0]


def _predicted(arguments: list[Operand]) -> Expression:
    ahead = expression(arguments[1])

    def value(at: float) -> Value:
        def later(points: Points, over: Window, end: float) -> float | None:
            line = _line(points, over, end)
            return None if line is None else line[1] + line[0] * scalar(ahead(at))

        return _over(later)[0](arguments[:1])(at)

    return value


def _quantile(arguments: list[Operand]) -> Expression:
    share = expression(arguments[0])

    def value(at: float) -> Value:
        wanted = scalar(share(at))
        return _of_values(lambda values: quantile(wanted, values))[0](arguments[1:])(at)

    return value


def _absent(arguments: list[Operand]) -> Expression:
    over = window(arguments[0])
    return lambda at: {} if over.at(at) else {over.equal: 1.0}


def _changes(values: list[float]) -> float:
    pairs = pairwise(values)
    return float(sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs))


def _resets(values: list[float]) -> float:
    return float(sum(later < sooner for sooner, later in pairwise(values)))


def _sum(points: Points, over: Window, _end: float) -> float:
    return fmean(v for _, v in points) * over.count(points)


RANGES: dict[str, Made] = {
    "rate": _over(_rate),
    "increase": _over(_increase),
    "delta": _over(_delta),
    "irate": _over(_irate),
    "idelta": _over(_idelta),
    "deriv": _over(_deriv),
    "predict_linear": (_predicted, (2,)),
    "changes": _of_values(_changes),
    "resets": _of_values(_resets),
    "avg_over_time": _of_values(fmean),
    "min_over_time": _of_values(least),
    "max_over_time": _of_values(most),
    "sum_over_time": _over(_sum),
    "count_over_time": _over(lambda points, over, _end: over.count(points)),
    "present_over_time": _of_values(lambda _: 1.0),
    "last_over_time": _over(lambda points, _over, _end: points[-1][1], named=True),
    "stddev_over_time": _of_values(pstdev),
    "stdvar_over_time": _of_values(pvariance),
    "quantile_over_time": (_quantile, (2,)),
    "absent_over_time": (_absent, (1,)),
}
