"""The findings of a scanner, counted by their grade."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.parsed import WORST

if TYPE_CHECKING:
    from collections.abc import Sequence

GRADES = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class Hit:
    """One finding of a scanner."""

    rule: str
    grade: str
    text: str
    suppressed: bool = False


def graded(hits: Sequence[Hit], rules: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Count the findings of the wanted rules by grade, and list the worst ones."""
    wanted = [h for h in hits if not rules or any(fnmatchcase(h.rule, rule) for rule in rules)]
    counting = [hit for hit in wanted if not hit.suppressed]
    grades = Counter(hit.grade for hit in counting)
    facts = {grade: grades[grade] for grade in GRADES}
    facts |= {"total": len(counting), "suppressed": len(wanted) - len(counting)}
    order = sorted(counting, key=lambda hit: GRADES.index(hit.grade) if hit.grade in GRADES else 9)
    return facts, [f"{hit.grade}: {hit.rule} {hit.text}"[:200] for hit in order[:WORST]]
