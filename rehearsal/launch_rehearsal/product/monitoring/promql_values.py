"""Define the values of PromQL's expressions (querying/basics), and what every operator does with labels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from launch_rehearsal.product.base.series import Labels

Vector = dict[Labels, float]
Value = float | Vector
Points = list[tuple[float, float]]
"""Times (epoch, s) and values."""
Expression = Callable[[float], Value]
"""Maps a moment (epoch, s) to the value at that moment."""
NAME = "__name__"
SCRAPE_INTERVAL = 30
"""Seconds between two samples, in the time of the monitored system."""


class QueryError(ValueError):
    """The query is outside the supported part of PromQL."""


@dataclass(frozen=True)
class Window:
    """A range: series over a stretch of time."""

    series: Callable[[float], dict[Labels, Points]]
    """Maps the end of the window to the samples within."""
    seconds: float
    """Length as written in the query."""
    real: float
    """Length on this machine's clock: shorter in a rehearsal."""
    steps: bool = False
    """Whether the samples are the steps of a subquery, of which there are as many as the query says."""
    moved: Callable[[float], float] = float
    """Maps the moment of the query to the end of the window, as ``offset`` and ``@`` say."""
    equal: Labels = ()
    """Labels that the selector fixes."""

    def at(self, moment: float) -> dict[Labels, Points]:
        """Return the samples of the window that a query at this moment looks at."""
        return {labels: found for labels, found in self.series(self.moved(moment)).items() if found}

    def count(self, points: Points) -> float:
        """Return how many samples there are in the monitored system's time.

        Those of a compressed range are counted as a scraper would have taken them, less the gaps.
        """
        if self.steps or math.isclose(self.seconds, self.real):
            return float(len(points))
        gaps = [later[0] - sooner[0] for sooner, later in pairwise(points)]
        span = max(sum(gaps), 1e-9)
        holes = sum(gap for gap in gaps if gap > 2.0)  # noqa: PLR2004 - several missed samples
        return float(math.floor(self.seconds / SCRAPE_INTERVAL * (1 - holes / span)))


@dataclass(frozen=True)
class Selector:
    """An instant selector: the newest samples of the series."""

    newest: Callable[[float], dict[Labels, tuple[float, float]]]
    moved: Callable[[float], float] = float
    equal: Labels = ()
    """Labels that it fixes."""

    def __call__(self, moment: float) -> Value:
        """Return the values."""
        return {labels: value for labels, (_, value) in self.newest(self.moved(moment)).items()}

    def times(self, moment: float) -> Vector:
        """Return the times of the samples."""
        return {labels: time for labels, (time, _) in self.newest(self.moved(moment)).items()}


Operand = Expression | Window | str


def expression(operand: Operand) -> Expression:
    """Return an operand that is a number or a vector. Raises QueryError for a range or a text."""
    if isinstance(operand, Window):
        message = "a range needs a function around it"
        raise QueryError(message)
    if isinstance(operand, str):
        message = f"unexpected text {operand!r}"
        raise QueryError(message)
    return operand


def vector_of(value: Value) -> Vector:
    """Convert a value into a vector."""
    return value if isinstance(value, dict) else {(): value}


def vector(value: Value) -> Vector:
    """Return a vector. Raises QueryError for a number."""
    if isinstance(value, dict):
        return value
    message = "expected a vector, found a number"
    raise QueryError(message)


def scalar(value: Value) -> float:
    """Return a number. Raises QueryError for a vector."""
    if not isinstance(value, dict):
        return value
    message = "expected a number, found a vector"
    raise QueryError(message)


def unique(found: Iterable[tuple[Labels, float]]) -> Vector:
    """Build a vector. Raises QueryError if two series have the same labels."""
    made: Vector = {}
    for labels, value in found:
        if labels in made:
            message = "vector cannot contain metrics with the same labelset"
            raise QueryError(message)
        made[labels] = value
    return made


def without(labels: Labels, names: Collection[str] = ()) -> Labels:
    """Return the labels without these and without the metric's name."""
    return tuple(pair for pair in labels if pair[0] != NAME and pair[0] not in names)


def only(labels: Labels, names: Collection[str]) -> Labels:
    """Return these labels alone."""
    return tuple(pair for pair in labels if pair[0] in names)


def pattern(text: str) -> re.Pattern[str]:
    """Read a regular expression. Raises QueryError for one that RE2 does not read."""
    if re.search(r"\(\?<?[=!]", text):
        message = f"error parsing regexp {text!r}: RE2 knows no look-around"
        raise QueryError(message)
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        message = f"error parsing regexp {text!r}: {error}"
        raise QueryError(message) from None
