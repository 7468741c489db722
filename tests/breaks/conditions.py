"""Every condition of the shipped checklists: an item, one of its checks, a path and a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.registry import kind, parameter_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checklist.model import CheckSpec, Item
    from launch_pipeline.checks.engine.params import Criteria


@dataclass(frozen=True, order=True)
class Condition:
    """One comparison that must hold, as the checklist or the kind writes it."""

    ref: str
    """The item: phase, section and item."""
    check: int
    """Number of the check in its item, from 1."""
    kind: str
    path: str
    wanted: str

    @property
    def about(self) -> str:
        return f"{self.ref} {self.check} {self.kind}"

    def __str__(self) -> str:
        return f"{self.about}: {self.path} {self.wanted}"


@dataclass(frozen=True)
class Check:
    """One check of an item, with its conditions."""

    ref: str
    number: int
    item: Item
    spec: CheckSpec
    conditions: tuple[Condition, ...]


@lru_cache(maxsize=1)
def every_check() -> tuple[Check, ...]:
    """Return the checks of all shipped checklists, in their order."""
    return tuple(
        _check(f"{phase.id}.{section.id}.{item.id}", number, item, spec)
        for phase in load_phases(parameter_models())
        if phase.kind == "checklist"
        for section, item in phase.items()
        for number, spec in enumerate(item.checks, 1)
    )


def every_condition() -> list[Condition]:
    """Return all conditions, in the order of the checklists."""
    return [condition for check in every_check() for condition in check.conditions]


def _check(ref: str, number: int, item: Item, spec: CheckSpec) -> Check:
    of = kind(spec.kind)
    # Not filled in: a table must not change with the values of one product.
    written = of.criteria(of.params.model_validate(spec.params))
    known = (Condition(ref, number, spec.kind, path, wanted) for path, wanted in flat(written))
    return Check(ref, number, item, spec, tuple(dict.fromkeys(known)))


def flat(criteria: Criteria) -> Iterator[tuple[str, str]]:
    """Yield every path with each of its comparisons."""
    for path, wanted in criteria.items():
        for comparison in wanted:
            yield path, comparison
