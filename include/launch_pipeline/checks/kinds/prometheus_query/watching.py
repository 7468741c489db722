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
from launch_pipeline.checks.kinds.prometheus_query.coverage import SHORT, STALE, Coverage, Window, covered
from launch_pipeline.checks.kinds.prometheus_query.promql import Look, Reading, read

if TYPE_CHECKING:
    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams

_STEPS = 360
_SHORTEST_STEP = 30.0


async def watched(params: PrometheusQueryParams, server: Server, now: float) -> Coverage | None:
    """Return how well samples cover what the query looks at; None if its result says so itself.

    A range of at most five minutes is now: an instant selector looks back as far. With ``or``, ``unless`` and
    ``empty: pass`` a result proves nothing about the series, so they must be there. With ``guard`` the series
    of the guard count instead.
    """
    reading = read(params.query)
    if reading.problem:
        return Coverage(0.0, reading.problem)
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
    hides = reading.optional or params.empty == "pass"
    looks = [look for look in reading.looks if hides or look.back > STALE]
    return [Look(look.selector, look.back + over, look.offset, look.at) for look in looks]


async def _asked(look: Look, params: PrometheusQueryParams, server: Server, now: float) -> Coverage:
    end = (now if look.at is None else look.at) - look.offset
    back = look.back if look.back > STALE else 0.0
    window = Window(end - back, end, max(back / _STEPS, _SHORTEST_STEP))
    each = max(STALE, window.step, min(SHORT, back / 10))
    query = (
        f"count({look.selector})" if params.guard else f"count(count_over_time({look.selector}[{each:.0f}s]))"
    )
    found = series_of(await server.ask(query, window))
    cover = covered((at for one in found for at, _ in one.points), window)
    reason = f"{look.selector}: {cover.reason}" if cover.reason else ""
    return Coverage(cover.share, reason)
