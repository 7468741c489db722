"""The status tells outcomes from the ledger, never better than they are, and who must answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import typer
from rich.console import Console

from launch_pipeline.approvals.contacts import Contacts, Person, RoleHolders
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.model import CheckSpec, Item, Phase, Section
from launch_pipeline.checklist.plan import DagPlan, plan_dags
from launch_pipeline.checklist.sequence import ALL_PHASES, GO_NO_GO, T_0, T_MINUS_2H
from launch_pipeline.checklist.vocabulary import Mode, Role
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.cli.commands.status import command as status_command
from launch_pipeline.cli.commands.status.read import (
    AgainItem,
    Hold,
    LaunchStatus,
    Sources,
    read_status,
)
from launch_pipeline.cli.commands.status.render import headline, render, waited
from launch_pipeline.cli.commands.status.timeline import clock, countdown, next_window

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
    """A task that an abort or a crash ended is not shown as a person's no."""
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
    """A failing check that repeats while a person is asked waits for that person."""
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


NOW = datetime(2030, 6, 1, 8, 18, tzinfo=UTC)
LAUNCH_AT = "2030-06-01T10:00:00+00:00"


@pytest.fixture(scope="module")
def shipped() -> dict[str, DagPlan]:
    """Return the plans of the checklist as it is shipped."""
    return plan_dags(load_phases(parameter_models()))


def of_shipped(plans: dict[str, DagPlan], **fields: Any) -> LaunchStatus:
    """Return the status of a launch at ``LAUNCH_AT`` of which nothing else is known."""
    given: dict[str, Any] = {"runs": {}, "tasks": {}, "requests": [], "outcomes": {}, "launch_at": LAUNCH_AT}
    return read_status(Sources(launch_id="x", url="http://a", **given | fields), plans, None)


def test_phases_come_in_the_order_of_the_launch(shipped: dict[str, DagPlan]) -> None:
    """Go/no-go is before T-0, wherever a file of the checklist puts it."""
    titles = [phase.title for phase in of_shipped(shipped).phases]
    assert titles == [shipped[dag_id].title for dag_id in ALL_PHASES]


def test_the_first_line_is_a_clock(shipped: dict[str, DagPlan]) -> None:
    """How far away T-0 is, and what opens next, at what time."""
    late = headline(of_shipped(shipped), NOW)
    assert "window T-2h late since" in late
    line = headline(of_shipped(shipped, runs={T_MINUS_2H: {"state": "running"}}), NOW)
    assert line.startswith("T-1 h 42 · next window T-0 ")
    assert line.endswith("nothing blocks")
    assert clock(LAUNCH_AT, NOW) in line


def test_an_ended_launch_has_no_clock(shipped: dict[str, DagPlan]) -> None:
    """Nothing opens any more."""
    assert headline(of_shipped(shipped, ended_as="complete"), NOW) == "nothing blocks"


def test_a_go_is_told_as_a_go_and_by_whom(shipped: dict[str, DagPlan]) -> None:
    """No yes to go/no-go is called an approval; a no blocks; every role has its voice."""
    first, second, *others = shipped[GO_NO_GO].items
    tasks = {GO_NO_GO: [task(first.task_id, "success"), task(second.task_id, "failed")]}
    outcomes = {f"ti-{first.task_id}": "approved", f"ti-{second.task_id}": "rejected"}
    decided = {f"ti-{first.task_id}": ("Ada", ""), f"ti-{second.task_id}": ("Bo", "not yet")}
    shown = of_shipped(shipped, tasks=tasks, outcomes=outcomes, decided=decided)
    (phase,) = [phase for phase in shown.phases if phase.dag_id == GO_NO_GO]
    assert phase.counts == {"go": 1, "no go": 1, "pending": len(others)}
    assert [(voice.state, voice.by) for voice in shown.go_no_go][:2] == [("go", "Ada"), ("no go", "Bo")]
    assert [blocker.why for blocker in shown.blockers] == ["no go"]


def test_waivers_are_listed_with_name_and_reason(plans: dict[str, DagPlan]) -> None:
    """What went on without a yes is counted in the first line and told whole to programs."""
    sources = Sources(
        launch_id="x",
        url="u",
        runs={},
        tasks={DAG: [task("security.person", "skipped"), task("security.both", "skipped")]},
        requests=[],
        outcomes={"ti-security.person": "waived", "ti-security.both": "not_met"},
        decided={"ti-security.person": ("Ada", "done elsewhere")},
    )
    shown = read_status(sources, plans, None)
    assert [(w.text, w.outcome, w.by, w.reason) for w in shown.waivers] == [
        ("Text of person", "waived", "Ada", "done elsewhere")
    ]
    assert "1 waived or not applicable" in headline(shown, NOW)


def test_windows_are_told_to_programs(shipped: dict[str, DagPlan]) -> None:
    """When each opens; the later two from the end of T-0, and a rehearsal's pace counts."""
    sealed = "2030-06-01T10:30:00+00:00"
    runs = {T_0: {"state": "success"}}
    shown = of_shipped(shipped, runs=runs, t_0_sealed_at=sealed, pace=0.5)
    assert [(window.name, window.opens_at[11:16], window.state) for window in shown.windows] == [
        ("T-2h", "09:00", "not started"),
        ("T-0", "10:00", "success"),
        ("T+1h", "11:00", "not started"),
        ("T+4h", "12:30", "not started"),
    ]


@pytest.mark.parametrize(
    ("at", "states", "expected"),
    [
        ("07:00", {}, "T-2h"),
        # Its run has begun and waits for its moment.
        ("07:59", {T_MINUS_2H: "running"}, "T-2h"),
        ("08:01", {T_MINUS_2H: "running"}, "T-0"),
        ("10:20", {T_MINUS_2H: "success"}, "T-0"),
        ("10:20", {T_MINUS_2H: "success", T_0: "running"}, "T+1h"),
    ],
)
def test_the_next_window_is_the_one_that_people_wait_for(
    shipped: dict[str, DagPlan], at: str, states: dict[str, str], expected: str
) -> None:
    """One that is open is not next; one whose moment has passed without it is."""
    runs = {dag_id: {"state": state} for dag_id, state in states.items()}
    found = next_window(
        of_shipped(shipped, runs=runs).windows, datetime.fromisoformat(f"2030-06-01T{at}+00:00")
    )
    assert found
    assert found.name == expected


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(102, "T-1 h 42"), (9, "T-9 min"), (-5, "T+5 min"), (-65, "T+1 h 05"), (4500, "T-3 d 3 h")],
)
def test_the_countdown_is_in_the_unit_that_matters(minutes: int, words: str) -> None:
    """Days, hours, or minutes."""
    assert countdown((NOW + timedelta(minutes=minutes)).isoformat(), NOW) == words


def test_watching_into_a_pipe_prints_what_changes(
    plans: dict[str, DagPlan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once, then whenever something is not as it was; it ends with the launch."""
    monkeypatch.setattr(status_command, "WATCH_EVERY", 0.0)
    begun = status(plans, [task("security.person", "running")])
    later = status(plans, [task("security.person", "success")])
    over = later.model_copy(update={"state": "complete"})
    looks = iter([begun, begun, begun, later, later, over])
    with pytest.raises(typer.Exit):
        status_command._watch(lambda: next(looks))
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line[2:3] == "x"] == [
        "▶ x  running",
        "▶ x  running",
        "✓ x  complete",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(5, "5 s"), (300, "5 min"), (7300, "2 h"), (200000, "2 d")])
def test_waiting_is_told_in_the_largest_unit(seconds: int, words: str) -> None:
    """A wait of a day is not shown in seconds."""
    since = datetime(2030, 6, 1, tzinfo=UTC)
    now = datetime.fromtimestamp(since.timestamp() + seconds, tz=UTC)
    assert waited(since.isoformat(), now) == words


def reopened(name: str, *, red: bool) -> AgainItem:
    return AgainItem(
        dag_id=DAG, task_id=f"security.{name}", text=f"Text of {name}", role="Security Lead",
        why=("the release commit was changed",), no_longer_true=red, since="2030-06-01T10:00:00+00:00",
    )  # fmt: skip


def changed(plans: dict[str, DagPlan], state: str, *, red: bool, hold: Hold | None = None) -> LaunchStatus:
    conductor = {"dag_id": "launch", "state": "running", "conf": {"release": "2.4.0"}}
    sources = Sources(
        launch_id="x", url="http://a", runs={"launch": conductor, DAG: {"state": "running"}},
        tasks={DAG: [task("security.machine", state)]}, requests=[],
        outcomes={"ti-security.machine": "passed"}, release="2.4.1", release_sha="b" * 40,
        hold=hold, again=(reopened("machine", red=red),),
    )  # fmt: skip
    return read_status(sources, plans, None)


@pytest.mark.parametrize(
    ("state", "red", "word"),
    [
        ("success", False, "to be verified again"),
        ("success", True, "no longer true"),
        ("running", True, "working"),
        ("failed", False, "to be verified again"),
    ],
)
def test_outcome_that_no_longer_counts_is_not_shown_as_one(
    plans: dict[str, DagPlan], state: str, red: bool, word: str
) -> None:
    """Green from before a change is not green; what runs again is at work; only a regression blocks."""
    shown = changed(plans, state, red=red)
    assert shown.phases[0].counts == {word: 1, "pending": 2}
    assert bool(shown.blockers) is (word == "no longer true")


def test_hold_and_what_is_verified_again_are_shown(plans: dict[str, DagPlan]) -> None:
    """With reasons and owners, the release in force, and as text, whatever it contains."""
    hold = Hold(since="2030-06-01T10:00:00+00:00", by="Priya Raman", reason="[red]the CDN[/red]")
    status_now = changed(plans, "success", red=True, hold=hold)
    assert headline(status_now, datetime(2030, 6, 1, 12, tzinfo=UTC)).startswith("ON HOLD · 1 no longer true")
    console = Console(width=200, record=True, file=StringIO())
    console.print(render(status_now, datetime(2030, 6, 1, 12, tzinfo=UTC)))
    shown = console.export_text()
    for word in ("by Priya Raman: [red]the CDN[/red]", "release 2.4.1 (commit bbbbbbbbbbbb)",
                 "No longer true (1)", "the release commit was changed", "Security Lead"):  # fmt: skip
        assert word in shown
    assert LaunchStatus.model_validate_json(status_now.model_dump_json()) == status_now
    over = status_now.model_copy(update={"state": "aborted"})
    assert "ON HOLD" not in headline(over, datetime(2030, 6, 1, 12, tzinfo=UTC))
