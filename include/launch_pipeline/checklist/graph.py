"""The order of items inside a phase: edges, and their validation."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from launch_pipeline.checklist.messages import one_of
from launch_pipeline.errors import ChecklistError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checklist.model import Item, Phase, Section


def task_id(section: Section, item: Item) -> str:
    """Return the permanent name of an item inside its Dag, which does not depend on its position."""
    return f"{section.id}.{item.id}"


def predecessor(section: Section, after: str) -> str:
    """Return the task id of an ``after``: in the item's own section unless it names one."""
    return after if "." in after else f"{section.id}.{after}"


def item_edges(phase: Phase) -> list[tuple[str, str]]:
    """Return the edges between items as (before, after), in the order of the document.

    A section after another begins when all last items of that one are done.
    """
    edges = [
        (predecessor(section, before), task_id(section, item))
        for section, item in phase.items()
        for before in item.after
    ]
    inner = set(edges)
    by_id = {section.id: section for section in phase.sections}
    for section in phase.sections:
        for before in section.after:
            firsts = _ends(section, {b for _, b in _inside(section, inner)})
            lasts = _ends(by_id[before], {a for a, _ in _inside(by_id[before], inner)})
            edges += [(last, first) for last in lasts for first in firsts]
    return list(dict.fromkeys(edges))


def _inside(section: Section, edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    own = {task_id(section, item) for item in section.items}
    return [edge for edge in edges if set(edge) <= own]


def _ends(section: Section, bound: set[str]) -> list[str]:
    return [name for item in section.items if (name := task_id(section, item)) not in bound]


def graph_problems(source: str, phase: Phase) -> list[ChecklistError]:
    """Find duplicate ids, dangling edges, edges across Dags and cycles."""
    problems = [*_duplicates(source, phase), *_dangling(source, phase)]
    return problems or [*_across_dags(source, phase), *_cycle(source, phase)]


def _duplicates(source: str, phase: Phase) -> list[ChecklistError]:
    places = [(s.id, f"section {s.id!r}") for s in phase.sections]
    places += [(task_id(s, i), f"item {i.id!r}") for s, i in phase.items()]
    seen: set[str] = set()
    problems = []
    for place, what in places:
        if place in seen:
            problems.append(ChecklistError(source, place, f"{what} is defined twice.", "Rename one of them."))
        seen.add(place)
    return problems


def _dangling(source: str, phase: Phase) -> list[ChecklistError]:
    sections = [section.id for section in phase.sections]
    items = [task_id(section, item) for section, item in phase.items()]
    problems = [
        _nowhere(source, section.id, "section", before, one_of(before, sections))
        for section in phase.sections
        for before in section.after
        if before not in sections
    ]
    for section, item in phase.items():
        near = [other.id for other in section.items if other is not item]
        problems += [
            _nowhere(source, task_id(section, item), "item", before, _fix(before, near, items))
            for before in item.after
            if predecessor(section, before) not in items
        ]
    return problems


def _nowhere(source: str, place: str, what: str, before: str, fix: str) -> ChecklistError:
    return ChecklistError(source, place, f"'after' names {what} {before!r}, which does not exist here.", fix)


def _fix(before: str, near: list[str], items: list[str]) -> str:
    if "." in before:
        return one_of(before, items)
    return f"{one_of(before, near)} Of another section of this phase: 'section.item'."


def _across_dags(source: str, phase: Phase) -> list[ChecklistError]:
    by_section = {section.id: section.dag for section in phase.sections}
    by_item = {task_id(section, item): section.dag for section, item in phase.items()}
    edges = [(s.id, before, by_section[before], s.dag) for s in phase.sections for before in s.after]
    edges += [
        (task_id(section, item), before, by_item[predecessor(section, before)], section.dag)
        for section, item in phase.items()
        for before in item.after
    ]
    return [
        ChecklistError(
            source,
            place,
            f"'after' names {before!r} of another Dag, {its_dag}.",
            "Remove it: a window opens only after the one before it is sealed.",
        )
        for place, before, its_dag, dag in edges
        if its_dag != dag
    ]


def _cycle(source: str, phase: Phase) -> list[ChecklistError]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for before, after in item_edges(phase):
        sorter.add(after, before)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        problem = f"waits for itself: {circle}."
        return [ChecklistError(source, error.args[1][0], problem, "Remove one 'after' of this circle.")]
    return []
