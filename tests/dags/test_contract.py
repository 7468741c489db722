"""What every Dag promises to whoever looks at the grid."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from launch_pipeline.airflow.notifiers.announce import AnnounceOperator
from launch_pipeline.airflow.operators.checklist_item import RECHECKS, ChecklistItemOperator
from launch_pipeline.airflow.operators.phase_gate import PhaseGateOperator
from launch_pipeline.airflow.operators.verify_again import VerifyAgainOperator
from launch_pipeline.airflow.policies.reopening import VERIFY_AGAIN
from launch_pipeline.airflow.sensors.launch_window import LaunchWindowSensor
from launch_pipeline.checklist.sequence import (
    AFTER_GO,
    ALL_PHASES,
    BEFORE,
    CONDUCTOR,
    GO_NO_GO,
    ROLLBACK,
    SIDE_BY_SIDE,
    SIGN_OFF,
    T_0,
    T_MINUS_2H,
    TITLES,
    WATCH,
    WEEK_4,
    title,
)
from launch_pipeline.checks.engine.product import with_readable_product
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.variables import in_prose

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

    from launch_pipeline.checklist.plan import DagPlan, PlannedItem

DAG_IDS = {
    "launch",
    "week_1_pre_launch_requirements",
    "week_2_infrastructure_setup",
    "week_2_3_application_deployment",
    "week_3_validation_testing",
    "week_3_monitoring_alerting",
    "week_3_backup_disaster_recovery",
    "week_3_team_preparation",
    "launch_day_t_minus_2h",
    "go_no_go",
    "launch_day_t_0",
    "launch_day_t_plus_1h",
    "launch_day_t_plus_4h",
    "week_4_post_launch",
    "sign_off",
    "rollback",
    "watch",
}
PHASES = sorted(DAG_IDS - {"launch", "watch"})
every_phase = pytest.mark.parametrize("dag_id", PHASES)
every_dag = pytest.mark.parametrize("dag_id", sorted(DAG_IDS))


def planned(dags: dict[str, Any], plan: DagPlan) -> list[tuple[PlannedItem, Any]]:
    """Pair the items of a plan with their tasks."""
    return [(item, dags[plan.dag_id].get_task(item.task_id)) for item in plan.items]


def edges(dag: Any) -> set[tuple[str, str]]:
    """Give every edge of a Dag as (before, after)."""
    return {(task.task_id, after) for task in dag.tasks for after in task.downstream_task_ids}


# ---- the files -------------------------------------------------------------------------------------


def test_exactly_the_sixteen_dags_are_there(bag: DagBag) -> None:
    """No import error, no Dag missing, none more."""
    assert bag.import_errors == {}
    assert set(bag.dags) == DAG_IDS


def test_one_thin_file_per_dag(dag_files: list[Path]) -> None:
    """A file is named after its Dag, and holds nothing but the call that builds it."""
    assert {path.stem for path in dag_files} == DAG_IDS
    for path in dag_files:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 12, path.name


def test_airflow_does_not_skip_a_file(dag_files: list[Path]) -> None:
    """Airflow reads only files whose bytes hold both of its words; the others vanish silently."""
    for path in dag_files:
        content = path.read_bytes()
        assert b"airflow" in content.lower(), path.name
        assert b"dag" in content, path.name


@every_dag
def test_dag_shows_its_own_file(dag_id: str, dags: dict[str, Any]) -> None:
    """The Code tab of a Dag shows the Dag's file."""
    assert dags[dag_id].fileloc.endswith(f"/dags/{dag_id}.py")


# ---- every Dag -------------------------------------------------------------------------------------


@every_dag
def test_dag_runs_when_asked_and_for_days(dag_id: str, dags: dict[str, Any]) -> None:
    """Unpaused from the start, without a schedule, and never timed out: a launch waits for days."""
    dag = dags[dag_id]
    assert dag.is_paused_upon_creation is False
    assert dag.schedule is None
    assert dag.catchup is False
    assert dag.dagrun_timeout is None
    assert dag.max_active_runs > 1
    assert dag.description
    assert dag.doc_md


@every_dag
def test_no_task_competes_for_slots(dag_id: str, dags: dict[str, Any]) -> None:
    """No pool of our own, no time-out and no limit: waiting takes no slot, so none is rationed."""
    dag = dags[dag_id]
    for task in dag.tasks:
        assert task.pool == "default_pool", task.task_id
        assert task.execution_timeout is None, task.task_id
        assert task.max_active_tis_per_dag is None, task.task_id
        assert not task.depends_on_past, task.task_id
    assert dag.max_active_tasks >= 16


@every_dag
def test_dag_can_be_stored(dag_id: str, dags: dict[str, Any]) -> None:
    """What the Dag processor stores reads back with every task and edge."""
    stored = DagSerialization.deserialize_dag(DagSerialization.to_dict(dags[dag_id])["dag"])
    assert edges(stored) == edges(dags[dag_id])
    assert set(stored.task_ids) == set(dags[dag_id].task_ids)


@every_phase
def test_phase_asks_for_no_form(dag_id: str, dags: dict[str, Any]) -> None:
    """Only the conductor has a form: a phase reads what the conductor passes on."""
    assert dict(dags[dag_id].params) == {}


@every_dag
def test_no_required_param_where_tasks_start_in_the_triggerer(dag_id: str, dags: dict[str, Any]) -> None:
    """A required parameter in such a Dag can kill the triggerer."""
    dag = dags[dag_id]
    if any(task.start_from_trigger for task in dag.tasks):
        for owner in (dag, *dag.tasks):
            # Raises where a value is missing or wrong before anybody has typed one.
            owner.params.validate()


@every_phase
def test_tags_say_what_and_when(dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """A Dag is found by the week or day of the document and by its kind."""
    phase = plans[dag_id].phase
    assert set(dags[dag_id].tags) == {"launch", phase.when, phase.kind}


# ---- items -----------------------------------------------------------------------------------------


def test_every_item_is_one_task_exactly_once(dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """272 lines of the document, four decisions, four signatures and the rollback's eight: 288 tasks."""
    refs = Counter(
        task.spec.ref
        for dag in dags.values()
        for task in dag.tasks
        if isinstance(task, ChecklistItemOperator)
    )
    assert refs == Counter(item.ref for plan in plans.values() for item in plan.items)
    assert set(refs.values()) == {1}
    assert refs.total() == 288


@every_phase
def test_tasks_are_items_moments_gate_and_announcement(
    dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]
) -> None:
    """The grid shows the items in the document's order, and little else."""
    dag, plan = dags[dag_id], plans[dag_id]
    kinds = {task.task_id: type(task) for task in dag.tasks}
    expected: dict[str, type] = {VERIFY_AGAIN: VerifyAgainOperator} if dag_id == GO_NO_GO else {}
    expected |= {name: LaunchWindowSensor for name, _ in plan.moments}
    expected |= {item.task_id: ChecklistItemOperator for item in plan.items}
    expected |= {"phase_gate": PhaseGateOperator, "announce": AnnounceOperator}
    assert kinds == expected
    assert list(kinds) == list(expected)


@every_phase
def test_task_shows_its_item(dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """Name, owner and documentation of a task are those of its item."""
    names = with_readable_product({})
    for item, task in planned(dags, plans[dag_id]):
        assert task.task_display_name == item.item.text
        assert task.owner == item.item.owner
        for words in (item.item.text, item.item.how, item.item.on_failure, item.item.question or ""):
            assert in_prose(words, names) in task.doc_md, item.ref


@every_phase
def test_sections_are_groups(dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """A section of the document is one group in the grid, in order and under its title."""
    groups = dags[dag_id].task_group.get_task_group_dict()
    shown = {name: group.label for name, group in groups.items() if name}
    titles = {name: groups[name].group_display_name for name in shown}
    assert titles == {section.id: section.title for section, _ in plans[dag_id].sections}


@every_phase
def test_item_outlives_what_comes_before(
    dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]
) -> None:
    """A waived item is skipped and holds nothing back; a re-check is a new try, as often as it takes."""
    for item, task in planned(dags, plans[dag_id]):
        assert task.trigger_rule == "none_failed", item.ref
        assert task.retries == RECHECKS, item.ref
        assert task.retry_delay.total_seconds() == 0, item.ref
        assert not task.retry_exponential_backoff, item.ref


@every_phase
def test_request_is_constant(dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """Airflow keeps a request's first words for ever: nobody is named in it, and no answer is preset."""
    for item, task in planned(dags, plans[dag_id]):
        assert task.subject == item.item.text
        assert not task.assigned_users
        assert not task.defaults
        assert not task.multiple
        assert task.response_timeout is None
        assert ("Approve" in task.options) == (item.item.mode.needs_person and item.item.gate == "approval")


@every_phase
def test_items_start_in_the_triggerer_where_all_their_kinds_may(
    dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]
) -> None:
    """Checks that only wait for the network never take a worker; the others never take the event loop."""
    for item, task in planned(dags, plans[dag_id]):
        kinds = [kind(check.kind).runs_on for check in item.item.checks]
        assert task.start_from_trigger is (bool(kinds) and set(kinds) == {"triggerer"}), item.ref
        assert bool(task.start_trigger_args) is task.start_from_trigger


@every_phase
def test_moments_wait_in_the_triggerer(dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """A window that opens in days holds no worker."""
    for name, moment in plans[dag_id].moments:
        task = dags[dag_id].get_task(name)
        assert task.start_from_trigger is True
        assert task.moment == moment.model_dump(mode="json")


@every_phase
def test_edges_are_those_of_the_plan(dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """What precedes what is what the checklist says, and nothing crosses Dags."""
    around = {"phase_gate", "announce", VERIFY_AGAIN}
    inner = {edge for edge in edges(dags[dag_id]) if not around & set(edge)}
    assert inner == set(plans[dag_id].edges)


# ---- the end of a phase ----------------------------------------------------------------------------


@every_phase
def test_gate_looks_at_every_item_whatever_happened(
    dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]
) -> None:
    """The gate comes after every item, runs in any case, and alone decides how the run ends."""
    gate = dags[dag_id].get_task("phase_gate")
    assert gate.trigger_rule == "all_done"
    assert gate.upstream_task_ids == {item.task_id for item in plans[dag_id].items}
    assert gate.downstream_task_ids == {"announce"}
    # A worker that was lost is replaced; what the gate refuses fails at once (AirflowFailException).
    assert gate.retries > 0
    leaves = {task.task_id for task in dags[dag_id].tasks if not task.downstream_task_ids}
    assert leaves == {"announce"}


@every_phase
def test_announcement_never_changes_how_a_run_ended(dag_id: str, dags: dict[str, Any]) -> None:
    """A teardown always runs, and its state is not the run's."""
    announce = dags[dag_id].get_task("announce")
    assert announce.is_teardown
    assert announce.on_failure_fail_dagrun is False
    assert announce.upstream_task_ids == {"phase_gate"}
    assert announce.retries > 0


# ---- the conductor ---------------------------------------------------------------------------------


def test_conductor_runs_the_phases_in_the_order_of_the_document(dags: dict[str, Any]) -> None:
    """Weeks one to three, four phases side by side, the launch day with go/no-go in it, the week after."""
    before = ["admit", *BEFORE]
    expected = set(zip(before, BEFORE, strict=False))
    expected |= {(BEFORE[-1], side) for side in SIDE_BY_SIDE} | {(side, T_MINUS_2H) for side in SIDE_BY_SIDE}
    day = [T_MINUS_2H, GO_NO_GO, *AFTER_GO, WEEK_4, SIGN_OFF, "complete"]
    expected |= set(pairwise(day))
    expected |= {(step, ROLLBACK) for step in (GO_NO_GO, *AFTER_GO)} | {("admit", WATCH)}
    assert AFTER_GO[0] == T_0
    assert edges(dags[CONDUCTOR]) == expected


def test_decisions_open_after_another_look_at_everything(
    dags: dict[str, Any], plans: dict[str, DagPlan]
) -> None:
    """Whatever the look says they open; the phase's gate asks for the items alone."""
    dag = dags[GO_NO_GO]
    decisions = {item.task_id for item in plans[GO_NO_GO].items}
    look = dag.get_task(VERIFY_AGAIN)
    assert (look.upstream_task_ids, look.downstream_task_ids) == (set(), decisions)
    assert dag.get_task("phase_gate").upstream_task_ids == decisions


def test_conductor_waits_without_a_worker_and_trusts_seals_only(dags: dict[str, Any]) -> None:
    """A step runs its phase deferred, and goes on whatever state its run ends in."""
    for dag_id in ALL_PHASES:
        step = dags[CONDUCTOR].get_task(dag_id)
        assert step.trigger_dag_id == dag_id
        assert step.deferrable
        assert step.wait_for_completion
        assert {str(state) for state in step.allowed_states} == {"success", "failed"}
        assert not step.failed_states
        assert step.trigger_rule == ("one_success" if dag_id == ROLLBACK else "all_success")


def test_nothing_is_a_template(dags: dict[str, Any]) -> None:
    """What a person or a checklist writes is text: no task has a field that Airflow renders."""
    tasks = [task for dag in dags.values() for task in dag.tasks]
    assert len(tasks) > 272
    assert {task.task_id: task.template_fields for task in tasks if task.template_fields} == {}


def test_nothing_but_a_person_or_the_conductor_begins_a_run(dags: dict[str, Any]) -> None:
    """No backfill, no asset; a person's run of a phase is refused by its first task."""
    assert set(dags[CONDUCTOR].allowed_run_types) == {"manual"}
    for dag_id in ALL_PHASES:
        assert set(dags[dag_id].allowed_run_types) == {"manual", "operator_triggered"}


def test_only_the_conductor_has_a_form(dags: dict[str, Any]) -> None:
    """Six fields; a newcomer finds the Dag by its tag."""
    assert {dag_id for dag_id, dag in dags.items() if dag.params} == {CONDUCTOR}
    assert list(dags[CONDUCTOR].params) == [
        "release",
        "release_sha",
        "previous_release",
        "launch_at",
        "environment",
        "rehearsal",
    ]
    assert set(dags[CONDUCTOR].tags) == {"launch", "start here"}
    assert not any(task.start_from_trigger for task in dags[CONDUCTOR].tasks)


# ---- names -----------------------------------------------------------------------------------------


def test_titles_cover_all_dags_in_order() -> None:
    """Airflow sorts Dags by name; the numbers put them in the order of a launch."""
    in_order = [CONDUCTOR, *ALL_PHASES, WATCH]
    assert set(TITLES) == DAG_IDS == set(in_order)
    assert sorted(TITLES, key=TITLES.__getitem__) == in_order
    assert [int(TITLES[dag_id][:2]) for dag_id in in_order] == list(range(17))


@every_phase
def test_title_is_the_documents_own(dag_id: str, dags: dict[str, Any], plans: dict[str, DagPlan]) -> None:
    """Behind the number stands the title of the chapter or of the window."""
    assert title(dag_id).endswith(plans[dag_id].title)
    assert dags[dag_id].dag_display_name == title(dag_id)
