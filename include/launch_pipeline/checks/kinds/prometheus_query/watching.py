"""Finds out whether the series that a query looks at were there all the time that it looks at.

``increase(errors_total[24h])`` of a target that was first scraped a minute ago is a number like any other:
Prometheus says nothing of what a range lacks, and extrapolates (``rate`` in
prometheus.io/docs/prometheus/latest/querying/functions). So the query's selectors are asked for their samples
over the same time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.prometheus_query.asking import Server, series_of
from launch_pipeline.checks.kinds.prometheus_query.coverage import (
    HOUR,
    SHORT,
    STALE,
    Coverage,
    Window,
    covered,
)
from launch_pipeline.checks.kinds.prometheus_query.promql import Look, Reading, read
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams

_STEPS = 360
_SHORTEST_STEP = 30.0


async def watched(params: PrometheusQueryParams, server: Server, now: float) -> Coverage | None:
    """Return how well samples cover what the query looks at; None if its result says so itself.

    A range of at most five minutes is now: an instant selector looks back as far. With ``or``, ``unless`` and
    ``empty: pass`` a result proves nothing about the series, so they must be there. With ``guard`` the series
    of the guard count instead. Raises Inconclusive for a rate over a range that holds too few samples.
    """
    reading = read(params.query)
    if reading.problem:
        return Coverage(0.0, reading.problem)
    if reading.rates and _hides(params, reading):
        await asyncio.gather(*(_refuse_short(look, server, now) for look in reading.looks))
    looks = _looks(params, reading)
    if not looks:
        return None
    covers = await asyncio.gather(*(_asked(look, params, server, now) for look in looks))
    choose = max if reading.optional else min
    return choose(covers, key=lambda cover: (not cover.reason, cover.share))


def _looks(params: PrometheusQueryParams, reading: Reading) -> list[Look]:
    over = params.window.total_seconds() if params.window else 0.0
    if params.guard:
        longest = max((look.back for look in reading.looks), default=0.0)
        return [Look(params.guard, longest + over)]
    hides = _hides(params, reading)
    looks = [look for look in reading.looks if hides or look.back > STALE]
    return [Look(look.selector, look.back + over, look.offset, look.at) for look in looks]


def _hides(params: PrometheusQueryParams, reading: Reading) -> bool:
    """Return whether a result does not show that the series were there."""
    return reading.optional or params.empty == "pass"


async def _refuse_short(look: Look, server: Server, now: float) -> None:
    """Raise Inconclusive if series are there, and a short range holds less than two samples of each.

    ``rate(a_total[1m])`` of a target that is scraped every minute never has a result.
    """
    if not 0 < look.back <= STALE:
        return
    moment = _moment(look, now)
    most = await _points(f"max(count_over_time({look.selector}[{look.back:.0f}s]))", moment, server)
    if any(value > 1 for _, value in most):
        return
    if await _points(f"count({look.selector})", moment, server):
        message = (
            f"{look.selector}: {look.back:.0f} s hold fewer than two samples, so that no rate is known; "
            "look at a range of at least two scrape intervals"
        )
        raise Inconclusive(message[:400], retryable=True)


def _moment(look: Look, now: float) -> Window:
    end = (now if look.at is None else look.at) - look.offset
    return Window(end, end, _SHORTEST_STEP)


async def _points(query: str, window: Window, server: Server) -> list[tuple[float, float]]:
    found = series_of(await server.ask(query, window))
    return [point for one in found for point in one.points]


async def _asked(look: Look, params: PrometheusQueryParams, server: Server, now: float) -> Coverage:
    end = _moment(look, now).end
    back = look.back if look.back > STALE else 0.0
    window = Window(end - back, end, max(back / _STEPS, _SHORTEST_STEP))
    each = max(STALE, window.step, min(SHORT, back / 10))
    query = (
        f"count({look.selector})" if params.guard else f"count(count_over_time({look.selector}[{each:.0f}s]))"
    )
    points = await _points(query, window, server)
    cover = covered((at for at, _ in points), window)
    if cover.reason and points and not params.guard and back > HOUR:
        most = await _points(f"max(count_over_time({look.selector}[{each:.0f}s]))", window, server)
        cover = _seldom(most, window) or cover
    reason = f"{look.selector}: {cover.reason}" if cover.reason else ""
    return Coverage(cover.share, reason)


def _seldom(most: list[tuple[float, float]], window: Window) -> Coverage | None:
    """Return the coverage by samples that come one at a time, at most an hour apart; None if they do not.

    A recording rule of an hourly group is such a series; a target that flaps gives many samples in a row.
    """
    if any(value > 1 for _, value in most):
        return None
    return covered(_first_of_each(sorted(at for at, _ in most), window.step), window, HOUR)


def _first_of_each(times: list[float], step: float) -> Iterator[float]:
    """Yield the time at which each sample is seen first."""
    before = float("-inf")
    for time in times:
        if time - before > 1.5 * step:
            yield time
        before = time
