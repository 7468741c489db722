"""Time series of the stand-in, as a scraper would have collected them: counters, gauges, histograms."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
"""Sorted names and values; the metric's own name is ``__name__``."""

KEEP_SECONDS = 90.0
"""How far back anybody can look."""
STALE_SECONDS = 5.0
"""A sample older than this says nothing about now."""
BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2500)
"""Upper bounds of every histogram, in milliseconds."""


def labels_of(name: str, labels: Mapping[str, str]) -> Labels:
    """Make the identity of a series."""
    return tuple(sorted({**labels, "__name__": name}.items()))


@dataclass
class Samples:
    """The samples of one series, oldest first."""

    times: deque[float] = field(default_factory=deque)
    values: deque[float] = field(default_factory=deque)

    def add(self, at: float, value: float) -> None:
        """Keep a sample and forget what is too old."""
        self.times.append(at)
        self.values.append(value)
        while self.times[0] < at - KEEP_SECONDS:
            self.times.popleft()
            self.values.popleft()

    def at(self, moment: float) -> float | None:
        """Give the newest value that is not stale."""
        index = bisect_right(self.times, moment) - 1
        if index < 0 or moment - self.times[index] > STALE_SECONDS:
            return None
        return self.values[index]

    def within(self, begin: float, end: float) -> list[tuple[float, float]]:
        """Give the samples of a window."""
        return [pair for pair in zip(self.times, self.values, strict=True) if begin <= pair[0] <= end]


Gauges = Callable[[], Iterable[tuple[Labels, float]]]


class Store:
    """What the services count, and the samples that are taken of it."""

    def __init__(self) -> None:
        self._counters: dict[Labels, float] = {}
        self._gauges: list[Gauges] = []
        self._samples: dict[Labels, Samples] = {}

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Raise a counter."""
        key = labels_of(name, labels)
        self._counters[key] = self._counters.get(key, 0.0) + amount

    def observe(self, name: str, milliseconds: float, **labels: str) -> None:
        """Add to a histogram of milliseconds."""
        for bound in (*BUCKETS, None):
            inside = bound is None or milliseconds <= bound
            le = "+Inf" if bound is None else str(bound)
            self.count(f"{name}_bucket", 1.0 if inside else 0.0, **labels, le=le)

    def gauges(self, read: Gauges) -> None:
        """Add what is read anew at each sample."""
        self._gauges.append(read)

    def sample(self, *, targets: bool, at: float | None = None) -> None:
        """Take a sample of everything; of counters only where the ``targets`` can be reached."""
        now = time.time() if at is None else at
        if targets:
            for labels, value in self._counters.items():
                self._samples.setdefault(labels, Samples()).add(now, value)
        for read in self._gauges:
            for labels, value in read():
                self._samples.setdefault(labels, Samples()).add(now, value)

    def select(self, matches: Callable[[Labels], bool]) -> Iterator[tuple[Labels, Samples]]:
        """Give every series whose labels match."""
        return ((labels, samples) for labels, samples in self._samples.items() if matches(labels))


SHORTEST = 8.0
"""Seconds of this machine's clock that every window has at least, unless said otherwise."""
