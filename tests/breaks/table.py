"""The table: one row for every condition, with the break that turns it red, or why there is none."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from launch_rehearsal.tampering.breaks import Break

if TYPE_CHECKING:
    from collections.abc import Iterable

    from breaks.conditions import Condition

TABLE = Path(__file__).parents[1] / "integration" / "rehearsal" / "breaks.yaml"
_HEAD = """\
# Written by 'make breaks' (tests/breaks); do not edit. By item and check: each condition with the break of
# the rehearsal's product under which it fails. 'with' names conditions of the check that fail as well.
"""


class Effect(StrEnum):
    """What becomes of the condition under the break."""

    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """The check cannot say; the item asks a person, so it is not green."""
    NONE = "none"


@dataclass(frozen=True)
class Row:
    """One condition and its break."""

    condition: Condition
    breaks: tuple[Break, ...]
    effect: Effect
    others: tuple[Condition, ...] = ()
    """Conditions of the same check that do not hold either."""
    reason: str = ""
    """Why there is no break."""

    @property
    def exact(self) -> bool:
        return self.effect is Effect.FAILED and not self.others

    @property
    def rank(self) -> tuple[int, int]:
        return list(Effect).index(self.effect), len(self.others)

    def plain(self) -> dict[str, Any]:
        """Return it as the table holds it."""
        said: dict[str, Any] = {"condition": f"{self.condition.path} {self.condition.wanted}"}
        if self.breaks:
            said["breaks"] = [one.plain() for one in self.breaks]
        if self.effect is not Effect.FAILED:
            said["effect"] = self.effect.value
        if self.others:
            said["with"] = [f"{other.path} {other.wanted}" for other in self.others]
        return {**said, "reason": self.reason} if self.reason else said


def write_table(rows: Iterable[Row], path: Path = TABLE) -> None:
    """Write the rows, which are in the order of the checklists."""
    lines, ref, about = [_HEAD], "", ""
    for row in rows:
        if row.condition.ref != ref:
            ref = row.condition.ref
            lines.append(f"{ref}:\n")
        if row.condition.about != about:
            about = row.condition.about
            lines.append(f"  {row.condition.check} {row.condition.kind}:\n")
        lines.append(f"  - {_line(row.plain())}")
    path.write_text("".join(lines), encoding="utf-8")


def _line(said: dict[str, Any]) -> str:
    return yaml.safe_dump(
        said, sort_keys=False, width=sys.maxsize, allow_unicode=True, default_flow_style=True
    )


def read_table(conditions: Iterable[Condition], path: Path = TABLE) -> list[Row]:
    """Read the rows of conditions that there are today; others are left out."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    known: dict[str, dict[str, Condition]] = {}
    for one in conditions:
        known.setdefault(f"{one.ref} {one.check} {one.kind}", {})[f"{one.path} {one.wanted}"] = one
    return [
        row
        for ref, checks in (tree or {}).items()
        for name, rows in checks.items()
        for given in rows
        if (row := _row(given, known.get(f"{ref} {name}", {}))) is not None
    ]


def _row(given: dict[str, Any], known: dict[str, Condition]) -> Row | None:
    condition = known.get(given["condition"])
    others = [known.get(text) for text in given.get("with", ())]
    if condition is None or None in others:
        return None
    return Row(
        condition,
        tuple(Break.model_validate(one) for one in given.get("breaks", ())),
        Effect(given.get("effect", Effect.FAILED)),
        tuple(other for other in others if other),
        given.get("reason", ""),
    )
