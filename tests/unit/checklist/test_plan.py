"""The plan of a Dag: ids, edges and moments."""

from __future__ import annotations

import random
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.files import read_yaml
from launch_pipeline.checklist.load import checklist_files, load_phases
from launch_pipeline.checklist.model import Moment, Phase
from launch_pipeline.checklist.plan import moment_task_id, plan_dag, plan_dags

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.checklist.load import ParameterModels


def item(name: str, **more: Any) -> dict[str, Any]:
    """Write an approval, the smallest item."""
    texts = {"text": name, "how": "Attestation.", "on_failure": "Repair it.", "question": "Is it so?"}
    return {"id": name, "mode": "approval", "owner": "cto", **texts, **more}


def section(name: str, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write a section."""
    return {"id": name, "title": name.title(), "items": items, **more}


def phase(*sections: dict[str, Any], **more: Any) -> Phase:
    """Read a phase; its one Dag is ``the_dag`` unless the sections name theirs."""
    head = {
        "schema_version": 1,
        "id": "the_phase",
        "title": "The Phase",
        "when": "week 1",
        "description": "x",
    }
    dag = {} if any("dag" in part for part in sections) else {"dag": "the_dag"}
    return Phase.model_validate({**head, **dag, "sections": sections, **more})


def edges(of: Phase, dag_id: str = "the_dag") -> set[tuple[str, str]]:
    """Edges of a planned Dag."""
    return set(plan_dag(of, dag_id).edges)


def test_names_come_from_ids() -> None:
    """Task id is section and item; the ref says the phase as well."""
    (planned,) = plan_dag(phase(section("quay", item("pier"))), "the_dag").items
    assert (planned.task_id, planned.ref) == ("quay.pier", "the_phase.quay.pier")


def test_after_means_the_own_section_unless_it_names_one() -> None:
    """``item`` is a neighbour, ``section.item`` is anywhere in the phase."""
    planned = phase(
        section("one", item("aa"), item("bb", after=["aa"])), section("two", item("cc", after=["one.aa"]))
    )
    assert edges(planned) == {("one.aa", "one.bb"), ("one.aa", "two.cc")}


def test_section_waits_for_the_last_items_of_the_one_before() -> None:
    """A section's first items wait for every last item of each section it comes after, and no other does."""
    planned = phase(
        section("one", item("aa"), item("bb", after=["aa"]), item("cc", after=["aa"])),
        section("two", item("dd"), item("ee"), item("ff", after=["dd"]), after=["one"]),
    )
    inner = {("one.aa", "one.bb"), ("one.aa", "one.cc"), ("two.dd", "two.ff")}
    between = {(last, first) for last in ("one.bb", "one.cc") for first in ("two.dd", "two.ee")}
    assert edges(planned) == inner | between


def test_edge_out_of_the_section_does_not_make_an_item_its_last_or_first() -> None:
    """Only edges inside a section say what is first and last in it."""
    planned = phase(
        section("one", item("aa")),
        section("two", item("bb", after=["one.aa"]), after=["one"]),
        section("six", item("cc", after=["two.bb"]), after=["two"]),
    )
    assert edges(planned) == {("one.aa", "two.bb"), ("two.bb", "six.cc")}


def test_moment_of_a_section_holds_back_its_first_items_only() -> None:
    """What comes after a first item waits by its edge."""
    planned = phase(section("one", item("aa"), item("bb", after=["aa"]), opens={"offset": "-2h"}))
    plan = plan_dag(planned, "the_dag")
    assert dict(plan.moments) == {"opens_at_launch_time_minus_2h": Moment(offset="-2h")}
    assert set(plan.edges) == {("opens_at_launch_time_minus_2h", "one.aa"), ("one.aa", "one.bb")}


def test_moment_of_an_item_wins_over_its_section() -> None:
    """An item that opens later says so itself, also behind an edge."""
    planned = phase(
        section("one", item("aa", opens={"offset": "7d"}), item("bb"), opens={"offset": "1d"}),
        section("two", item("cc", after=["one.bb"], opens={"offset": "7d"})),
    )
    assert edges(planned) == {
        ("opens_at_launch_time_plus_1w", "one.aa"),
        ("opens_at_launch_time_plus_1d", "one.bb"),
        ("opens_at_launch_time_plus_1w", "two.cc"),
        ("one.bb", "two.cc"),
    }


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ({}, "opens_at_launch_time"),
        ({"offset": "-2h"}, "opens_at_launch_time_minus_2h"),
        ({"offset": "90m"}, "opens_at_launch_time_plus_90m"),
        ({"anchor": "launch_time_or_t_0_end", "offset": "4h"}, "opens_at_launch_time_or_t_0_end_plus_4h"),
    ],
    ids=str,
)
def test_wait_is_named_after_what_it_waits_for(moment: dict[str, str], name: str) -> None:
    """Equal moments are one task, and its name says when it ends."""
    assert moment_task_id(Moment.model_validate(moment)) == name


def test_sections_with_dags_of_their_own_are_planned_apart() -> None:
    """A window is titled by its section and holds its own moments only."""
    planned = phase(
        section("one", item("aa"), dag="dag_one", opens={"offset": "-2h"}),
        section("two", item("bb"), dag="dag_two", opens={"offset": "1h"}),
    )
    plans = plan_dags([planned])
    assert list(plans) == ["dag_one", "dag_two"]
    assert [plan.title for plan in plans.values()] == ["One", "Two"]
    assert [[name for name, _ in plan.moments] for plan in plans.values()] == [
        ["opens_at_launch_time_minus_2h"],
        ["opens_at_launch_time_plus_1h"],
    ]


@pytest.mark.parametrize("path", checklist_files(), ids=lambda path: path.name)
def test_order_in_the_file_changes_no_name_and_no_edge(path: Path) -> None:
    """Reordering items or sections of a file leaves every task id, ref and edge as it was."""
    raw = read_yaml(path)
    before = plan_dags([Phase.model_validate(raw)])
    shuffle = random.Random(272).shuffle  # noqa: S311 - no secret
    shuffle(raw["sections"])
    for part in raw["sections"]:
        shuffle(part["items"])
    after = plan_dags([Phase.model_validate(raw)])
    assert set(after) == set(before)
    for dag_id, plan in before.items():
        other = after[dag_id]
        assert {planned.ref: planned.item for planned in plan.items} == {p.ref: p.item for p in other.items}
        assert set(plan.edges) == set(other.edges)
        assert dict(plan.moments) == dict(other.moments)


def test_shipped_plans_can_be_run(kinds: ParameterModels) -> None:
    """Every edge joins tasks of its own Dag, once, and no task waits for itself."""
    for plan in plan_dags(load_phases(kinds)).values():
        tasks = {planned.task_id for planned in plan.items} | {name for name, _ in plan.moments}
        assert {name for edge in plan.edges for name in edge} <= tasks
        assert len(set(plan.edges)) == len(plan.edges)
        sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(tasks, ()))
        for first, then in plan.edges:
            sorter.add(then, first)
        assert len(list(sorter.static_order())) == len(tasks)


def test_windows_open_at_their_times(kinds: ParameterModels) -> None:
    """The launch day and the week after open when the document says."""
    plans = plan_dags(load_phases(kinds))
    moments = {dag_id: [name for name, _ in plan.moments] for dag_id, plan in plans.items() if plan.moments}
    assert moments == {
        "launch_day_t_minus_2h": ["opens_at_launch_time_minus_2h"],
        "launch_day_t_0": ["opens_at_launch_time"],
        "launch_day_t_plus_1h": ["opens_at_launch_time_or_t_0_end_plus_1h"],
        "launch_day_t_plus_4h": ["opens_at_launch_time_or_t_0_end_plus_4h"],
        "week_4_post_launch": ["opens_at_launch_time_plus_1w", "opens_at_launch_time_plus_1d"],
    }
