"""The status tells outcomes from the ledger, never better than they are, and who must answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from launch_pipeline.checklist.model import CheckSpec, Item, Phase, Section
from launch_pipeline.checklist.plan import DagPlan, plan_dags
from launch_pipeline.checklist.words import Mode, Role
from launch_pipeline.cli.reading import LaunchStatus, Sources, read_status
from launch_pipeline.cli.view import render, waited
from launch_pipeline.people.contacts import Contacts, Person, RoleHolders

DAG = "week_1"


def item(name: str, mode: Mode) -> Item:
    return Item(
        id=name,
        text=f"Text of {name}",
        mode=mode,
        owner=Role.SECURITY_LEAD,
        question="Is it?" if mode.needs_person else None,
        how="look",
        on_failure="repair",
        checks=(CheckSpec.model_validate({"tcp_port": {}}),) if mode.has_checks else (),
    )


@pytest.fixture
def plans() -> dict[str, DagPlan]:
    items = (
        item("machine", Mode.CHECK),
        item("person", Mode.APPROVAL),
        item("both", Mode.CHECK_AND_APPROVAL),
    )
    section = Section(id="security", title="Security", items=items)
    phase = Phase(
        schema_version=1,
        id="week_1",
        title="Week 1",
        when="Week 1",
        dag=DAG,
        description="d",
        sections=(section,),
    )
    return plan_dags([phase])


def task(name: str, state: str | None, dag_id: str = DAG) -> dict[str, Any]:
    return {"id": f"ti-{name}", "task_id": name, "dag_id": dag_id, "dag_run_id": "x", "state": state}


def request(name: str) -> dict[str, Any]:
    return {
        "subject": "asked",
        "created_at": "2030-06-01T10:00:00Z",
        "task_instance": task(name, "awaiting_input"),
    }


def status(
    plans: dict[str, DagPlan],
    tasks: list[dict[str, Any]],
    *,
    outcomes: dict[str, str] | None = None,
    requests: tuple[dict[str, Any], ...] = (),
    contacts: Contacts | None = None,
) -> LaunchStatus:
    conductor = {"dag_id": "launch", "state": "running", "conf": {"release": "2.4.0"}}
    sources = Sources(
        launch_id="x",
        url="http://a",
        runs={"launch": conductor, DAG: {"state": "running"}},
        tasks={DAG: tasks},
        requests=list(requests),
        outcomes=outcomes,
    )
    return read_status(sources, plans, contacts)


def test_outcomes_come_from_the_record_of_this_task_instance(plans: dict[str, DagPlan]) -> None:
    """A record of an earlier try has another id and says nothing about this one."""
    tasks = [task("security.person", "success"), task("security.both", "skipped")]
    shown = status(plans, tasks, outcomes={"ti-security.person": "approved", "ti-security.both": "waived"})
    assert shown.phases[0].counts == {"approved": 1, "waived": 1, "pending": 1}
    assert shown.blockers == ()


def test_green_without_a_record_is_no_approval(plans: dict[str, DagPlan]) -> None:
    """An item that needs a person and was marked success by hand is shown as what it is, and blocks."""
    shown = status(plans, [task("security.person", "success")], outcomes={})
    assert shown.phases[0].counts["green without a record"] == 1
    assert [b.why for b in shown.blockers] == ["green without a record"]


def test_without_the_ledger_green_is_only_done(plans: dict[str, DagPlan]) -> None:
    """What cannot be known is not claimed."""
    shown = status(plans, [task("security.person", "success"), task("security.machine", "success")])
    assert shown.phases[0].counts["done"] == 2


def test_rejected_and_unreached_items_block(plans: dict[str, DagPlan]) -> None:
    """The person sees what to repair and what waits behind it."""
    tasks = [task("security.person", "failed"), task("security.both", "upstream_failed")]
    shown = status(plans, tasks, outcomes={"ti-security.person": "rejected"})
    assert [(b.text, b.why) for b in shown.blockers] == [
        ("Text of person", "rejected"),
        ("Text of both", "not reached"),
    ]


def test_a_failure_that_nobody_decided_is_no_rejection(plans: dict[str, DagPlan]) -> None:
    """A task that an abort or a crash ended is not shown as somebody's no."""
    shown = status(plans, [task("security.person", "failed")], outcomes={})
    assert shown.phases[0].counts["failed without a record"] == 1
    assert [b.why for b in shown.blockers] == ["failed without a record"]


def test_an_ended_launch_is_told_by_how_it_ended(plans: dict[str, DagPlan]) -> None:
    """The record's word wins over the state of a run, and watching ends."""
    sources = Sources(launch_id="x", url="u", runs={}, tasks={}, requests=[], outcomes={}, ended_as="aborted")
    shown = read_status(sources, plans, None)
    assert (shown.state, shown.over) == ("aborted", True)


def test_an_advisory_item_that_is_not_met_does_not_block(plans: dict[str, DagPlan]) -> None:
    """It is shown and lets the phase pass."""
    shown = status(plans, [task("security.both", "skipped")], outcomes={"ti-security.both": "not_met"})
    assert shown.phases[0].counts["not met"] == 1
    assert shown.blockers == ()


def test_a_failed_gate_blocks(plans: dict[str, DagPlan]) -> None:
    """Tasks that are no items are told as well."""
    assert [b.task_id for b in status(plans, [task("phase_gate", "failed")]).blockers] == ["phase_gate"]


def test_open_requests_name_role_people_and_place(plans: dict[str, DagPlan]) -> None:
    """Who must answer what, and where."""
    ada = Person(id="ada", name="Ada Byron", email="ada@example.test", phone="1", airflow_user="ada")
    contacts = Contacts(people=(ada,), roles={Role.SECURITY_LEAD: RoleHolders(primary="ada")})
    asked = request("security.person")
    shown = status(plans, [asked["task_instance"]], requests=(asked,), contacts=contacts)
    assert shown.phases[0].counts["asking"] == 1
    (open_request,) = shown.requests
    assert (open_request.text, open_request.role) == ("Text of person", "Security Lead")
    assert open_request.people == ("Ada Byron",)
    assert open_request.url == f"http://a/dags/{DAG}/runs/x/tasks/security.person/required_actions"


def test_a_deferred_item_with_a_request_is_asking(plans: dict[str, DagPlan]) -> None:
    """A failing check that looks again while somebody is asked waits for that person."""
    shown = status(plans, [task("security.machine", "deferred")], requests=(request("security.machine"),))
    assert shown.phases[0].counts == {"asking": 1, "pending": 2}


def test_the_terminal_shows_phases_blockers_and_people(plans: dict[str, DagPlan]) -> None:
    """Everything of the status is on the screen, brackets in texts included."""
    asked = request("security.person")
    shown = status(plans, [asked["task_instance"], task("security.both", "failed")], requests=(asked,))
    console = Console(width=120, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(render(shown))
    text = captured.get()
    for words in (
        "x",
        "release 2.4.0",
        "Week 1",
        "3 items",
        "1 asking",
        "failed without a record",
        "Text of both",
        "Security Lead",
    ):
        assert words in text


@pytest.mark.parametrize(("seconds", "words"), [(5, "5 s"), (300, "5 min"), (7300, "2 h"), (200000, "2 d")])
def test_waiting_is_told_in_the_largest_unit(seconds: int, words: str) -> None:
    """Nobody counts seconds of a day."""
    since = datetime(2030, 6, 1, tzinfo=UTC)
    now = datetime.fromtimestamp(since.timestamp() + seconds, tz=UTC)
    assert waited(since.isoformat(), now) == words
