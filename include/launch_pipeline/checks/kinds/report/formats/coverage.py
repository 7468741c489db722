"""The facts of coverage, whatever tool counted it: a rate is that of the counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROUNDING = 0.01
"""By how much a stated rate may differ from the counts: some tools cut it after two digits."""


@dataclass(frozen=True)
class Share:
    """How many of how many lines, or branches, were run."""

    covered: int
    total: int

    @property
    def rate(self) -> float:
        """The part of them that was run."""
        return self.covered / self.total

    def __str__(self) -> str:
        """Write the counts."""
        return f"{self.covered} of {self.total}"


def share(covered: Any, total: Any, what: str) -> Share:
    """Return the share; raises ValueError unless both are counts and one is within the other."""
    counts = [number(value) for value in (covered, total)]
    whole = [int(value) for value in counts if value is not None and value >= 0 and value == int(value)]
    if len(whole) < len(counts) or whole[0] > whole[1]:
        message = f"it says that {str(covered)[:20]} of {str(total)[:20]} {what} are covered"
        raise ValueError(message)
    return Share(whole[0], whole[1])


def agreeing(stated: Any, counts: Share, what: str) -> Share:
    """Return the counts; raises ValueError if the stated rate is not theirs."""
    rate = number(stated)
    if rate is None or not 0 <= rate <= 1:
        message = f"its {what} is {str(stated)[:20]!r}, not a number from 0 to 1; a percentage is no rate"
        raise ValueError(message)
    if counts.total and abs(rate - counts.rate) > _ROUNDING:
        message = f"its {what} is {rate:g}, but it counts {counts}"
        raise ValueError(message)
    return counts


def summed(shares: Iterable[Share]) -> Share:
    """Return the share of all of them."""
    listed = list(shares)
    return Share(sum(one.covered for one in listed), sum(one.total for one in listed))


def coverage_facts(
    lines: Share, branches: Share | None, doubt: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the facts, and those that are unknown; raises ValueError where no line was measured."""
    if not lines.total:
        message = "it covers no line at all"
        raise ValueError(message)
    facts: dict[str, Any] = {"line_rate": lines.rate, "lines": lines.total, "covered": lines.covered}
    if branches is None or not branches.total:
        return facts, {"branch_rate": doubt or "the report counts no branches; let the tool measure them"}
    return {**facts, "branch_rate": branches.rate}, {}
