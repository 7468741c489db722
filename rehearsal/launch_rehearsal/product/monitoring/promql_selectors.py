"""Select the samples that a query looks at, at the moments that it names (querying/basics)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from launch_rehearsal.product.base.series import SAMPLE_EVERY
from launch_rehearsal.product.monitoring.promql_values import (
    NAME,
    Expression,
    Points,
    QueryError,
    Selector,
    Value,
    Window,
    pattern,
    unique,
    vector_of,
    without,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from launch_rehearsal.product.base.series import Labels, Samples, Store

_STEP = 60.0
"""The step of a subquery that names none: the default of ``evaluation_interval``."""


@dataclass(frozen=True)
class Matcher:
    """A condition on a label."""

    label: str
    sign: str
    wanted: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return pattern(self.wanted)

    def holds(self, value: str) -> bool:
        """Return whether the label may have this value; an absent label has the empty one."""
        if self.sign in {"=", "!="}:
            return (value == self.wanted) is (self.sign == "=")
        return bool(self._pattern.fullmatch(value)) is (self.sign == "=~")


@dataclass(frozen=True)
class Brackets:
    """A range as written, and the step of a subquery: 0 for the default, None for a range of samples."""

    seconds: float
    step: float | None


Modifiers = tuple[float, float | None]
"""Seconds of ``offset``, and the moment of ``@``."""


class Source:
    """The store, and how a length in the monitored system's time is compressed."""

    def __init__(self, store: Store, real: Callable[[float], float]) -> None:
        self._store = store
        self._real = real

    def selected(
        self, matchers: list[Matcher], brackets: Brackets | None, modifiers: Modifiers
    ) -> Selector | Window:
        """Build a selector of the newest samples, or of a range."""
        if not [one for one in matchers if not one.holds("")]:
            message = "vector selector must contain at least one non-empty matcher"
            raise QueryError(message)
        equal, moved = _fixed(matchers), self._moved(modifiers)
        if brackets is None:
            return Selector(lambda at: dict(self._newest(matchers, at)), moved, equal)
        real = self._real(brackets.seconds)
        return Window(
            lambda end: {labels: one.within(end - real, end) for labels, one in self._chosen(matchers)},
            brackets.seconds,
            real,
            moved=moved,
            equal=equal,
        )

    def stepped(self, inner: Expression, brackets: Brackets, modifiers: Modifiers) -> Window:
        """Build a subquery; its steps are as many as the query says, however short it is in a rehearsal."""
        if brackets.step is None:
            message = "ranges only allowed for vector selectors; a subquery is written as [range:step]"
            raise QueryError(message)
        step, real = brackets.step or _STEP, self._real(brackets.seconds)
        scale = real / brackets.seconds

        def series(end: float) -> dict[Labels, Points]:
            found: dict[Labels, Points] = defaultdict(list)
            known: dict[float, Value] = {}
            for at in _moments(end, brackets.seconds, step, scale):
                seen = at if scale == 1 else end - (end - at) // SAMPLE_EVERY * SAMPLE_EVERY
                if seen not in known:
                    known[seen] = inner(seen)
                for labels, value in vector_of(known[seen]).items():
                    found[labels].append((at, value))
            return found

        return Window(series, brackets.seconds, real, steps=True, moved=self._moved(modifiers))

    def _moved(self, modifiers: Modifiers) -> Callable[[float], float]:
        back, fixed = modifiers
        offset = math.copysign(self._real(abs(back)), back) if back else 0.0

        def moved(at: float) -> float:
            return (at if fixed is None else remembered(self._store, self._real, fixed, at)) - offset

        return moved

    def _chosen(self, matchers: list[Matcher]) -> Iterator[tuple[Labels, Samples]]:
        def matches(labels: Labels) -> bool:
            named = dict(labels)
            return all(matcher.holds(named.get(matcher.label, "")) for matcher in matchers)

        names = (one.wanted for one in matchers if one.label == NAME and one.sign == "=")
        return self._store.select(matches, next(names, ""))

    def _newest(self, matchers: list[Matcher], at: float) -> Iterator[tuple[Labels, tuple[float, float]]]:
        for labels, samples in self._chosen(matchers):
            point = samples.newest(at)
            if point is not None:
                yield labels, point


def remembered(store: Store, real: Callable[[float], float], moment: float, now: float) -> float:
    """Return a moment of which there may be samples: one before the first of them is as near as an offset."""
    return moment if moment >= store.oldest() else now - real(now - moment)


def _fixed(matchers: list[Matcher]) -> Labels:
    """Return the labels that a selector fixes: those with one ``=`` alone."""
    names = [one.label for one in matchers]
    fixed = (one for one in matchers if one.sign == "=" and one.label != NAME and names.count(one.label) == 1)
    return tuple(sorted((one.label, one.wanted) for one in fixed))


def _moments(end: float, seconds: float, step: float, scale: float) -> list[float]:
    """Return the moments of a subquery, oldest first: multiples of its step, unless it is compressed."""
    last = end // step * step if scale == 1 else end
    count = math.ceil((last - (end - seconds)) / step - 1e-9)
    return [last - number * step * scale for number in range(count - 1, -1, -1)]


def negative(inner: Expression) -> Expression:
    """Return the negative."""

    def value(at: float) -> Value:
        found = inner(at)
        if isinstance(found, dict):
            return unique((without(labels), -v) for labels, v in found.items())
        return -found

    return value
