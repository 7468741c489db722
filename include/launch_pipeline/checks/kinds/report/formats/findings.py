"""The findings of a scanner, counted by their grade, and what is not known of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.reports.parsed import WORST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

GRADES = ("critical", "high", "medium", "low")
COUNTS = (*GRADES, "total")
_SHOWN = 5


@dataclass(frozen=True)
class Hit:
    """One finding of a scanner."""

    names: tuple[str, ...]
    """The rule, by every name that it goes by; empty if the report does not say which it is."""
    grade: str
    """The severity; empty if the report does not say it."""
    text: str
    suppressed: bool = False
    doubt: str = ""
    """Why the grade is not known."""
    undecided: bool = False
    """Whether not even the tool knows if this is a finding."""

    def is_of(self, rules: Sequence[str]) -> bool:
        """Return whether one of the globs names its rule; all findings are wanted if there is none."""
        return not rules or any(fnmatchcase(name, rule) for name in self.names for rule in rules)


@dataclass(frozen=True)
class Counted:
    """The counts of a scanner's findings, those that cannot be known, and the worst findings."""

    facts: dict[str, Any]
    unknown: dict[str, str]
    worst: list[str] = field(default_factory=list)


def counted(hits: Iterable[Hit], rules: Sequence[str], doubts: Sequence[str] = ()) -> Counted:
    """Count the findings of the wanted rules by grade.

    ``doubts`` say why findings may be missing: with one, no count is known. A finding without a grade may
    have any: it counts for each grade that has other findings, and leaves the others unknown.
    """
    known = [_without_rule(hit) if rules and not hit.names else hit for hit in hits]
    wanted = [hit for hit in known if hit.undecided or hit.is_of(rules)]
    counting = [hit for hit in wanted if not hit.suppressed]
    worst = _worst(counting)
    suppressed = {"suppressed": len(wanted) - len(counting)}
    if doubts:
        so_far = f" (found so far: {len(counting)})" if counting else ""
        return Counted(suppressed, dict.fromkeys(COUNTS, f"{doubts[0]}{so_far}"), worst)
    facts, unknown = _counts(counting)
    return Counted(facts | suppressed, unknown, worst)


def _without_rule(hit: Hit) -> Hit:
    doubt = f"a finding does not say its rule: {hit.text}"[:200]
    return Hit((), hit.grade, hit.text, hit.suppressed, doubt, undecided=True)


def _counts(counting: Sequence[Hit]) -> tuple[dict[str, Any], dict[str, str]]:
    sure = [hit for hit in counting if not hit.undecided]
    grades = Counter(hit.grade for hit in sure)
    undecided = [hit for hit in counting if hit.undecided]
    vague = [hit for hit in counting if hit.undecided or not hit.grade]
    facts: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    for name in COUNTS:
        found, open_ones = (len(sure), undecided) if name == "total" else (grades[name], vague)
        if open_ones and not found:
            unknown[name] = open_ones[0].doubt
        else:
            facts[name] = found + len(open_ones)
    return facts, unknown


def _worst(counting: Sequence[Hit]) -> list[str]:
    order = sorted(counting, key=_rank)
    return [
        f"{hit.grade or 'unknown'}: {next(iter(hit.names), '')} {hit.text}"[:200] for hit in order[:WORST]
    ]


def _rank(hit: Hit) -> int:
    """Rank by grade: one that is not known comes after high, and one that does not count last."""
    if not hit.grade:
        return 1
    return GRADES.index(hit.grade) if hit.grade in GRADES else len(GRADES)


def never_ran(rules: Sequence[str], ran: Collection[str], why: str) -> list[str]:
    """Return the doubt of each wanted glob that names no rule that is known to have run."""
    missing = [rule for rule in rules if not any(fnmatchcase(name, rule) for name in ran)]
    if not missing:
        return []
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return [f"{why} {', '.join(missing[:_SHOWN])}{more}"[:300]]
