"""The plan of each Dag, independent of Airflow: sections, items, moments and edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checklist.graph import item_edges, task_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checklist.model import Item, Moment, Phase, Section


@dataclass(frozen=True)
class PlannedItem:
    """An item with its names."""

    ref: str
    """``phase.section.item``: unique over the whole checklist."""
    task_id: str
    """``section.item``: unique in its Dag."""
    item: Item


@dataclass(frozen=True)
class DagPlan:
    """Everything a Dag of the checklist consists of, in the order of the document."""

    dag_id: str
    phase: Phase
    title: str
    sections: tuple[tuple[Section, tuple[PlannedItem, ...]], ...]
    moments: tuple[tuple[str, Moment], ...]
    """Task id of each wait, and its moment."""
    edges: tuple[tuple[str, str], ...]
    """(before, after) over items and moments."""

    @property
    def items(self) -> tuple[PlannedItem, ...]:
        """Return all items in order."""
        return tuple(item for _, items in self.sections for item in items)

    def moments_before(self, task_id: str) -> tuple[Moment, ...]:
        """Return every moment that must have passed before a task may begin, at any distance upstream."""
        before, new = set[str](), {task_id}
        while new:
            before |= new
            new = {first for first, then in self.edges if then in new} - before
        return tuple(moment for name, moment in self.moments if name in before)


def plan_dags(phases: Iterable[Phase]) -> dict[str, DagPlan]:
    """Plan every Dag of the given phases, by Dag id in the order of the document."""
    plans = {}
    for phase in phases:
        for dag_id in dict.fromkeys(phase.dag or section.dag for section in phase.sections):
            plans[str(dag_id)] = plan_dag(phase, str(dag_id))
    return plans


def plan_dag(phase: Phase, dag_id: str) -> DagPlan:
    """Plan one Dag of a phase: all sections, or those that name this Dag."""
    sections = tuple(
        (section, tuple(PlannedItem(f"{phase.id}.{name}", name, i) for i, name in _named(section)))
        for section in phase.sections
        if dag_id in {phase.dag, section.dag}
    )
    mine = {item.task_id for _, items in sections for item in items}
    edges = [edge for edge in item_edges(phase) if set(edge) <= mine]
    moments, waits = _moments(sections, {after for _, after in edges})
    title = phase.title if phase.dag else sections[0][0].title
    return DagPlan(dag_id, phase, title, sections, tuple(moments.items()), (*waits, *edges))


def _named(section: Section) -> list[tuple[Item, str]]:
    return [(item, task_id(section, item)) for item in section.items]


def _moments(
    sections: tuple[tuple[Section, tuple[PlannedItem, ...]], ...], later: set[str]
) -> tuple[dict[str, Moment], list[tuple[str, str]]]:
    """Return one wait per distinct moment, and its edges to the items that it opens."""
    moments: dict[str, Moment] = {}
    waits = []
    for section, items in sections:
        for planned in items:
            # The moment of a section delays its first items; later ones wait by their edges.
            moment = planned.item.opens or (section.opens if planned.task_id not in later else None)
            if moment is not None:
                name = moment_task_id(moment)
                moments[name] = moment
                waits.append((name, planned.task_id))
    return moments, waits


def moment_task_id(moment: Moment) -> str:
    """Return the task id of a wait, from its moment: ``opens_at_launch_time_minus_2h``."""
    sign = "minus" if moment.offset.total_seconds() < 0 else "plus"
    offset = format_duration(abs(moment.offset))
    return f"opens_at_{moment.anchor}" + (f"_{sign}_{offset}" if moment.offset else "")
