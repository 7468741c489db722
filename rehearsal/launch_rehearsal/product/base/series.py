"""Store time series as a scraper would collect them: counters, gauges, histograms."""

from __future__ import annotations

import math
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
"""Sorted names and values; the metric's own name is ``__name__``."""

KEEP_SECONDS = 600.0
"""How far back samples are kept: longer than a rehearsal, so that it can ask for a moment with ``@``."""
SAMPLE_EVERY = 0.5
"""Seconds between two samples."""
STALE_SECONDS = 5.0
"""A sample older than this is stale."""
BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2500)
"""Upper bounds of every histogram, in milliseconds."""


def labels_of(name: str, labels: Mapping[str, str]) -> Labels:
    """Build the identity of a series."""
    return tuple(sorted({**labels, "__name__": name}.items()))


@dataclass
class Samples:
    """The samples of one series, oldest first."""

    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        """Add a sample and drop those that are too old."""
        self.times.append(at)
        self.values.append(value)
        old = bisect_left(self.times, at - KEEP_SECONDS)
        del self.times[:old], self.values[:old]

    def newest(self, moment: float) -> tuple[float, float] | None:
        """Return the time and the value of the newest sample unless it is stale."""
        index = bisect_right(self.times, moment) - 1
        if index < 0 or moment - self.times[index] > STALE_SECONDS:
            return None
        return self.times[index], self.values[index]

    def within(self, begin: float, end: float) -> list[tuple[float, float]]:
        """Return the samples after the beginning of a window up to its end."""
        chosen = slice(bisect_right(self.times, begin), bisect_right(self.times, end))
        return list(zip(self.times[chosen], self.values[chosen], strict=True))


Gauges = Callable[[], Iterable[tuple[Labels, float]]]


class Store:
    """Hold the counters of the services, and the samples taken of them."""

    def __init__(self) -> None:
        self._counters: dict[Labels, float] = {}
        self._gauges: list[Gauges] = []
        self._samples: dict[Labels, Samples] = {}
        self._named: dict[str, dict[Labels, Samples]] = {}

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Increase a counter."""
        key = labels_of(name, labels)
        self._counters[key] = self._counters.get(key, 0.0) + amount

    def observe(self, name: str, milliseconds: float, **labels: str) -> None:
        """Add an observation to a histogram of milliseconds."""
        for bound in (*BUCKETS, None):
            inside = bound is None or milliseconds <= bound
            le = "+Inf" if bound is None else str(bound)
            self.count(f"{name}_bucket", 1.0 if inside else 0.0, **labels, le=le)

    def gauges(self, read: Gauges) -> None:
        """Add gauges, which are read at each sample."""
        self._gauges.append(read)

    def sample(self, *, targets: bool, at: float | None = None) -> None:
        """Sample all gauges; and the counters if the ``targets`` are reachable."""
        now = time.time() if at is None else at
        if targets:
            for labels, value in self._counters.items():
                self.put(labels, now, value)
        for read in self._gauges:
            for labels, value in read():
                self.put(labels, now, value)

    def oldest(self) -> float:
        """Return the time of the oldest sample; the beginning of time if there is none."""
        return min((one.times[0] for one in self._samples.values()), default=-math.inf)

    def put(self, labels: Labels, at: float, value: float) -> None:
        """Add one sample of a series."""
        if labels not in self._samples:
            self._samples[labels] = Samples()
            self._named.setdefault(dict(labels)["__name__"], {})[labels] = self._samples[labels]
        self._samples[labels].add(at, value)

    def select(self, matches: Callable[[Labels], bool], name: str = "") -> Iterator[tuple[Labels, Samples]]:
        """Return every series whose labels match, only looking at those of a metric if it is named."""
        asked = self._named.get(name, {}) if name else self._samples
        return ((labels, samples) for labels, samples in asked.items() if matches(labels))


SHORTEST = 8.0
"""The default of the shortest window, in seconds of this machine's clock."""
