"""How much of a window is covered by samples, and why that is too little."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from launch_pipeline.checklist.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

STALE = 300.0
"""Seconds after which a sample is no longer of now: Prometheus' own ``--query.lookback-delta``."""
_LEAST = 3
"""Points that show a window; two show a moment."""
_MISSED = 2.5
"""Intervals between two samples that are no hole: one sample may be missing, and none comes on the second."""
THING = ("cluster", "env", "environment", "namespace", "job", "service", "app")
"""Labels of the observed thing: a series that ended was replaced by another one that has the same."""
HOUR = 3600.0
"""The longest interval between two samples of a rule or an exporter that runs seldom."""
SHORT = 900.0
"""Seconds of an interval between samples that is usual for slow exporters and rules."""
_SHARE = 0.1
"""The share of a window that may be a hole: a restart, a roll-out of the server."""


@dataclass(frozen=True)
class Window:
    """A stretch of time (epoch, s), and the step at which it is looked at."""

    begin: float
    end: float
    step: float

    @property
    def span(self) -> float:
        """Return the length in seconds."""
        return self.end - self.begin


@dataclass(frozen=True)
class Coverage:
    """The share of a window near a sample, and why that is too little; no reason if it is enough."""

    share: float
    reason: str = ""


def covered(times: Iterable[float], window: Window, slowest: float = STALE) -> Coverage:
    """Return how much of the window the samples cover.

    A hole is longer than two and a half of the series' own intervals, and longer than a tenth of the window
    or 15 minutes. The interval is the median, at most ``slowest`` seconds or the step. Holes may be a tenth
    of the window, or five minutes of a window of at least ten. So a scrape every minute, one missed scrape,
    a restart of Prometheus or a federation every five minutes cover it.
    """
    known = sorted({time for time in times if time <= window.end + window.step})
    points = [time for time in known if time >= window.begin - window.step]
    if not points:
        return Coverage(0.0, _ended(known[-1], window) if known else "no data: there are no samples")
    if window.span <= 0:
        return Coverage(1.0)
    interval = _interval(points, window, slowest)
    if window.end - points[-1] > max(STALE, _MISSED * interval):
        return Coverage(_share(points, interval, window), _ended(points[-1], window))
    share = _share(points, interval, window)
    allowed = max(_SHARE * window.span, min(STALE, window.span / 2))
    whole = len(points) >= _LEAST and (1 - share) * window.span <= allowed
    return Coverage(share, "" if whole else _holes(points, share, window))


def _interval(points: list[float], window: Window, slowest: float) -> float:
    gaps = [later - sooner for sooner, later in pairwise(points)]
    usual = median(gaps) if gaps else window.step
    return min(max(usual, window.step), max(slowest, window.step))


def _share(points: list[float], interval: float, window: Window) -> float:
    allowed = max(_MISSED * interval, min(SHORT, _SHARE * window.span))
    gaps = (later - sooner for sooner, later in pairwise([window.begin, *points, window.end]))
    missing = sum(gap for gap in gaps if gap > allowed)
    return max(0.0, 1 - missing / window.span)


def _ended(newest: float, window: Window) -> str:
    return f"no data: the newest sample is {window.end - newest:.0f} s old"


def _holes(points: list[float], share: float, window: Window) -> str:
    span = format_duration(timedelta(seconds=round(window.span)))
    seen = f"{len(points)} samples from {_moment(points[0])} to {_moment(points[-1])}"
    return f"samples cover {share:.0%} of the {span} that were asked for: {seen}"


def _moment(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M}"
