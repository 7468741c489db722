"""Finds out whether the series that a query looks at were there all the time that it looks at.

``increase(errors_total[24h])`` of a target that was first scraped a minute ago is a number like any other:
Prometheus says nothing of what a range lacks, and extrapolates (``rate`` in
prometheus.io/docs/prometheus/latest/querying/functions). So the query's selectors are asked for their samples
over the same time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launch_pipeline.checks.clients.promql import Look, Reading, read
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.prometheus_query.asking import Series, Server, series_of
from launch_pipeline.checks.kinds.prometheus_query.coverage import (
    HOUR,
    SHORT,
    STALE,
    THING,
    Coverage,
    Window,
    covered,
)
from launch_pipeline.checks.language.values import moment
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams

_STEPS = 360
_SHORTEST_STEP = 30.0


_BY = f"by ({', '.join(THING)})"


@dataclass(frozen=True)
class Seen:
    """The samples of the series that a query looks at."""

    selector: str
    window: Window
    series: list[Series]
    """The times at which there were samples, for each thing unless the query is a guard."""
    most: list[Series] = field(default_factory=list)
    """The most samples in a stretch, where they leave holes."""

    def cover(self, labels: Mapping[str, str]) -> Coverage:
        """Return the coverage by the series of the thing that has these labels, else by all of them."""
        found = covered(_times(self.series, labels), self.window)
        if found.reason and self.most:
            found = self._seldom(labels) or found
        return Coverage(found.share, f"{self.selector}: {found.reason}" if found.reason else "")

    def _seldom(self, labels: Mapping[str, str]) -> Coverage | None:
        """Return the coverage by samples that come one at a time, at most an hour apart; None if they do not.

        A recording rule of an hourly group is such a series; a target that flaps gives many in a row.
        """
        most = _of(self.most, labels)
        if any(value > 1 for one in most for _, value in one.points):
            return None
        times = _first_of_each(_times(most, {}), self.window.step)
        return covered(times, self.window, HOUR)


@dataclass(frozen=True)
class Watched:
    """What is known of all the series that a query looks at."""

    seen: Sequence[Seen] = ()
    optional: bool = False
    problem: str = ""

    def cover(self, labels: Mapping[str, str]) -> Coverage:
        """Return how well samples cover what one series of the result, with these labels, is computed of."""
        if self.problem:
            return Coverage(0.0, self.problem)
        choose = max if self.optional else min
        return choose(
            (one.cover(labels) for one in self.seen), key=lambda cover: (not cover.reason, cover.share)
        )


async def watched(params: PrometheusQueryParams, server: Server, now: float) -> Watched | None:
    """Find out how well samples cover what the query looks at; None if its result says so itself.

    A range of at most five minutes is now: an instant selector looks back as far. With ``or``, ``unless`` and
    ``empty: pass`` a result proves nothing about the series, so they must be there. With ``guard`` the series
    of the guard count instead. Raises Inconclusive for a rate over a range that holds too few samples.
    """
    reading = read(params.query)
    if reading.problem:
        return Watched(problem=reading.problem)
    if reading.rates and _hides(params, reading):
        await together(_refuse_short(look, server, now) for look in reading.looks)
    looks = _looks(params, reading)
    if not looks:
        return None
    seen = await together(_asked(look, params, server, now) for look in looks)
    return Watched(seen, reading.optional)


def refuse_earlier(params: PrometheusQueryParams, now: float, pace: float) -> None:
    """Raise Inconclusive while the query looks back to before ``since``; a rehearsal's ranges last less."""
    begin = moment(params.since)
    if begin is None:
        return
    over = params.window.total_seconds() if params.window else 0.0
    looks = read(params.query).looks
    oldest = min(
        (_moment(look, now).end - (look.back + over) * pace for look in looks), default=now - over * pace
    )
    missing = begin.timestamp() - oldest
    if missing > 0:
        message = f"looks back to before {begin:%Y-%m-%d %H:%M:%S %Z}, what counts; known in {missing:.0f} s"
        raise Inconclusive(message)


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
    enough = f"count(count_over_time({look.selector}[{look.back:.0f}s]) > 1)"
    if await _found(enough, moment, server):
        return
    if await _found(f"count({look.selector})", moment, server):
        message = (
            f"{look.selector}: {look.back:.0f} s hold fewer than two samples, so that no rate is known; "
            "look at a range of at least two scrape intervals"
        )
        raise Inconclusive(message[:400], retryable=True)


def _moment(look: Look, now: float) -> Window:
    end = (now if look.at is None else look.at) - look.offset
    return Window(end, end, _SHORTEST_STEP)


async def _found(query: str, window: Window, server: Server) -> list[Series]:
    return series_of(await server.ask(query, window))


async def _asked(look: Look, params: PrometheusQueryParams, server: Server, now: float) -> Seen:
    end = _moment(look, now).end
    back = look.back if look.back > STALE else 0.0
    window = Window(end - back, end, max(back / _STEPS, _SHORTEST_STEP))
    if params.guard:
        return Seen(look.selector, window, await _found(f"count({look.selector})", window, server))
    each = max(STALE, window.step, min(SHORT, back / 10))
    samples, by = f"(count_over_time({look.selector}[{each:.0f}s]))", f" {_BY} " if back else ""
    series = await _found(f"count{by}{samples}", window, server)
    whole = all(not covered(_times([one], {}), window).reason for one in series)
    most = [] if whole or not back else await _found(f"max{by}{samples}", window, server)
    return Seen(look.selector, window, series, most)


def _of(series: list[Series], labels: Mapping[str, str]) -> list[Series]:
    """Return the series of the thing that has these labels; all of them if none is known by them."""
    own = {name: labels[name] for name in THING if labels.get(name)}
    found = [one for one in series if all(one.labels.get(name) == value for name, value in own.items())]
    return found or series


def _times(series: list[Series], labels: Mapping[str, str]) -> list[float]:
    return sorted({at for one in _of(series, labels) for at, _ in one.points})


def _first_of_each(times: list[float], step: float) -> Iterator[float]:
    """Yield the time at which each sample is seen first."""
    before = float("-inf")
    for time in times:
        if time - before > 1.5 * step:
            yield time
        before = time
