"""From board, checklist, contacts and memory to views: who is asked what, and where everything stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO, ROLLBACK
from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.launch import Launch, LaunchState
from launch_pipeline.ledger.schema import Entry, LedgerEntry, Outcome
from launch_pipeline.slack.bridge.projection.ledger_view import LedgerView
from launch_pipeline.slack.bridge.projection.messages import MessageCache, closed_card, deserves_a_card
from launch_pipeline.slack.bridge.projection.reminders import nudges_due
from launch_pipeline.slack.bridge.projection.views import closed, launch_view_of, sections_of
from launch_pipeline.slack.messages import notes
from launch_pipeline.slack.messages.block_kit import message_problems
from launch_pipeline.slack.messages.views import PhaseState, SectionView
from launch_pipeline.slack.protocol import BoardItem
from launch_pipeline.slack.store import Placed
from servers.records import a_record, a_seal
from servers.slack_board import LAUNCH, NOON, PUBLIC, WEEK_1, Airflow, deployment, tasks_of, voices

DESIGN = tasks_of("requirements_design_review")
AT = NOON + timedelta(days=20)
Root = tuple[LaunchState, bool]
"""State of a launch, and whether it has stopped with a failure."""


def memory(*entries: Entry, state: LaunchState = LaunchState.ACTIVE, **fields: Any) -> LedgerView:
    """Build what the ledger keeps of a launch that a conductor started."""
    launch = Launch(
        launch_id=LAUNCH, environment="production", rehearsal=False, release="2.4.0", release_sha="a" * 40,
        launch_at=AT, started_by="priya.product", state=state,
        conf={"release": "2.4.0", "previous_release": "2.3.1"},
    )  # fmt: skip
    kept = tuple(
        LedgerEntry(**entry.model_dump(), seq=number, appended_at=NOON)
        for number, entry in enumerate(entries)
    )
    return LedgerView(**{"launch": launch, "events": kept, **fields})


def section(airflow: Airflow, name: str, *, kept: LedgerView | None = None, **policy: Any) -> SectionView:
    views = sections_of(airflow.launch(), deployment(**policy), kept or LedgerView())
    return next(view for view in views if view.section_id == name)


def sealed(airflow: Airflow, *complete: bool) -> list[Entry]:
    """Seals of week 1 as it stands, one after the other."""
    seals = [
        a_seal(
            launch_id=LAUNCH, dag_id=WEEK_1, complete=one, try_number=number, records=airflow.counted(WEEK_1)
        )
        for number, one in enumerate(complete)
    ]  # fmt: skip
    return [Entry.of_seal(seal, "gate") for seal in seals]


def test_item_has_text_people_and_place() -> None:
    """Words from the checklist, people from the contacts, state from the board, the page to answer on."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.ask(DESIGN[0], headline="build green", verdict=Verdict.PASSED)
    view = section(airflow, "requirements_design_review")
    item = view.items[0]
    assert (view.section_title, view.phase_title) == (
        "Requirements & Design Review",
        "Pre-Launch Requirements (Week 1)",
    )
    assert [p.name for p in item.may_answer] == ["Priya Raman", "Milo Ferreira"]
    assert item.question == "Are these the approved requirements for 2.4.0, with nothing missing?"
    assert item.url == f"{PUBLIC}/dags/{WEEK_1}/runs/{LAUNCH}/tasks/{DESIGN[0]}/required_actions"
    assert view.url == f"{PUBLIC}/dags/{WEEK_1}/runs/{LAUNCH}/tasks/group/requirements_design_review"
    assert (item.asks, item.approvable, item.headline) == (True, True, "build green")


def test_waivers_are_for_those_whom_the_policy_names() -> None:
    """The owner of a blocking item cannot set it aside; the people named by the policy can."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.ask(DESIGN[0])
    item = section(airflow, "requirements_design_review").items[0]
    owner, other = item.may_answer[0].slack_id or "", item.may_waive[0].slack_id or ""
    assert [person.name for person in item.may_waive] == [
        "Ada Lindqvist", "Bo Sato", "Carla Mendes", "Elias Brandt"]  # fmt: skip
    assert item.others_waive
    assert item.options_for(other) == (Answer.WAIVE, Answer.NOT_APPLICABLE)
    assert not {Answer.WAIVE, Answer.NOT_APPLICABLE} & set(item.options_for(owner))
    alone = section(airflow, "requirements_design_review", who_may_waive={item.owner: [item.owner]}).items[0]
    assert alone.may_waive == alone.may_answer
    assert not alone.others_waive
    assert set(alone.options) == set(alone.options_for(owner))


def test_who_triggered_the_launch_is_asked_last() -> None:
    """Another person must approve it, so another person is mentioned first, unless the policy allows it."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.ask(DESIGN[0])
    airflow.facts[LAUNCH] = {"triggered_by": "priya.product"}

    def asked(**policy: Any) -> list[str]:
        return [p.name for p in section(airflow, "requirements_design_review", **policy).items[0].may_answer]

    assert asked() == ["Milo Ferreira", "Priya Raman"]
    assert asked(self_approval_of_items=True) == ["Priya Raman", "Milo Ferreira"]


def test_what_the_policy_forbids_is_not_offered() -> None:
    """Where blocking items may not be waived, nobody is offered to."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.ask(DESIGN[0])
    item = section(airflow, "requirements_design_review", waive_blocking_items=False).items[0]
    assert Answer.WAIVE not in item.options
    assert Answer.NOT_APPLICABLE in item.options


def test_answer_that_was_taken_names_the_person() -> None:
    """By the name in the contacts, or the user name of a person who is not listed."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.take(DESIGN[0], "ada.technical")
    airflow.take(DESIGN[1], "mallory")
    items = section(airflow, "requirements_design_review").items
    assert [item.answered_by for item in items[:2]] == ["Ada Lindqvist", "mallory"]


def test_board_decides_which_items_there_are() -> None:
    """What a run does not have is left out; what the checklist does not know is left out, too."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    run = airflow.runs[LAUNCH, WEEK_1]
    stranger = BoardItem(task_id="gone.by", task_instance_id="x", try_number=1, state=None)
    kept = tuple(item for item in run.items if item.task_id in DESIGN[1:3])
    airflow.runs[LAUNCH, WEEK_1] = run.model_copy(update={"items": (*kept, stranger)})
    (view,) = sections_of(airflow.launch(), deployment())
    assert [item.task_id for item in view.items] == DESIGN[1:3]


def test_decisions_show_what_was_let_pass() -> None:
    """Go/no-go lists everything that is no yes, with names and reasons; its own voices are on the card."""
    airflow = Airflow()
    airflow.begin_launch(WEEK_1, GO_NO_GO)
    aside = (
        a_record(outcome=Outcome.WAIVED, reason="lands next week", launch_id=LAUNCH, dag_id=WEEK_1),
        a_record(outcome=Outcome.REJECTED, reason="not today", launch_id=LAUNCH, dag_id=GO_NO_GO),
    )
    view = section(airflow, "go_no_go", kept=memory(set_aside=aside))
    assert view.gate is RequestKind.DECISION
    (one,) = view.set_aside
    assert (one.outcome, one.by, one.reason) == (Outcome.WAIVED, "Ada Lindqvist", "lands next week")
    assert one.url.endswith("/required_actions")
    assert section(airflow, "code_quality", kept=memory(set_aside=aside)).set_aside == ()


def test_questions_know_the_form() -> None:
    """Variables that only the form has come from the ledger; without it they stay as written."""
    airflow = Airflow()
    airflow.begin_launch(ROLLBACK)
    decision = section(airflow, "decision", kept=memory()).items[0]
    assert decision.question == "Roll back from 2.4.0 to 2.3.1 now?"
    unknown = section(airflow, "decision").items[0]
    assert unknown.question == "Roll back from 2.4.0 to ${previous_release} now?"


def test_closed_section_asks_nobody() -> None:
    """Of a launch that is over."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.ask(*DESIGN)
    view = closed(section(airflow, "requirements_design_review"))
    assert not any(item.asks for item in view.items)
    assert not any(card.live for card in MessageCache().cards(view))


@pytest.mark.parametrize(
    ("change", "deserved"),
    [
        (lambda _: None, False),
        (lambda a: a.ask(DESIGN[0]), True),
        (lambda a: a.take(DESIGN[0]), True),
        (lambda a: a.decide(DESIGN[0], Outcome.WAIVED), True),
        (lambda a: a.heal(DESIGN[0]), False),
        (lambda a: a.change(DESIGN[0], state="failed"), True),
        (lambda a: a.change(DESIGN[0], state="upstream_failed"), False),
        (lambda a: [a.decide(task) for task in DESIGN], False),
    ],
)
def test_card_is_for_where_people_are(change: Any, deserved: bool) -> None:
    """Asked, answered or failed; what the machine passed, or never began, needs no card."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    change(airflow)
    assert deserves_a_card(section(airflow, "requirements_design_review")) is deserved


# ---- the root --------------------------------------------------------------------------------------


def test_whole_launch_shows_every_phase() -> None:
    """In order; the rollback only once it has begun."""
    airflow = Airflow()
    airflow.begin_launch(WEEK_1)
    airflow.heal(DESIGN[0])
    view = launch_view_of(airflow.launch(), deployment(), memory())
    assert len(view.phases) == 14
    assert (view.phases[0].state, view.phases[0].done, view.phases[0].total) == (PhaseState.RUNNING, 1, 39)
    assert (view.phases[1].state, view.phases[1].total) == (PhaseState.NOT_STARTED, 37)
    assert (view.triggered_by, view.launch_time) == ("Noor Bakker", AT)
    assert view.url == f"{PUBLIC}/dags/{CONDUCTOR}/runs/{LAUNCH}"
    airflow.begin(ROLLBACK)
    assert len(launch_view_of(airflow.launch(), deployment(), memory()).phases) == 15


def test_phase_on_its_own_is_a_launch_of_its_own() -> None:
    """It shows that phase, under its name where no release is known."""
    airflow = Airflow()
    airflow.facts[LAUNCH] = {"release": "", "launch_at": "2026-03-22T12:00:00+00:00"}
    airflow.begin(WEEK_1)
    view = launch_view_of(airflow.launch(), deployment())
    assert (view.release, [phase.title for phase in view.phases], view.launch_time) == (
        "01 Pre-Launch Requirements (Week 1)",
        ["01 Pre-Launch Requirements (Week 1)"],
        AT,
    )


@pytest.mark.parametrize(
    ("state", "seals", "shown"),
    [
        ("running", (), PhaseState.RUNNING),
        ("queued", (), PhaseState.RUNNING),
        ("success", (), PhaseState.FAILED),
        ("failed", (), PhaseState.FAILED),
        ("success", (True,), PhaseState.COMPLETE),
        ("failed", (True,), PhaseState.COMPLETE),
        ("success", (False,), PhaseState.FAILED),
        ("success", (False, True), PhaseState.COMPLETE),
        ("running", (True,), PhaseState.RUNNING),
    ],
)
def test_phase_is_complete_by_its_seal_alone(state: str, seals: tuple[bool, ...], shown: PhaseState) -> None:
    """However green the run is; while it runs again, an older seal says nothing."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.end(WEEK_1, state)
    known = memory(*sealed(airflow, *seals))
    assert launch_view_of(airflow.launch(), deployment(), known).phases[0].state is shown


def test_seal_counts_for_the_items_it_counted() -> None:
    """An item that was cleared since makes it say nothing; a cleared announcement does not."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    known = memory(*sealed(airflow, True))
    airflow.clear()
    airflow.end(WEEK_1)
    assert launch_view_of(airflow.launch(), deployment(), known).phases[0].state is PhaseState.COMPLETE
    airflow.clear(DESIGN[0])
    airflow.end(WEEK_1)
    assert launch_view_of(airflow.launch(), deployment(), known).phases[0].state is PhaseState.FAILED


def test_phase_that_asks_waits_for_people() -> None:
    """Until the answer was taken."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.ask(DESIGN[0])
    assert launch_view_of(airflow.launch(), deployment()).phases[0].state is PhaseState.WAITING
    airflow.take(DESIGN[0])
    assert launch_view_of(airflow.launch(), deployment()).phases[0].state is PhaseState.RUNNING


@pytest.mark.parametrize(
    ("conductor", "kept", "shown"),
    [
        ("running", LaunchState.ACTIVE, (LaunchState.ACTIVE, False)),
        ("failed", LaunchState.ACTIVE, (LaunchState.ACTIVE, True)),
        ("success", LaunchState.COMPLETE, (LaunchState.COMPLETE, False)),
        ("running", LaunchState.ABORTED, (LaunchState.ABORTED, False)),
        ("failed", LaunchState.NO_GO, (LaunchState.NO_GO, False)),
        ("failed", LaunchState.ROLLED_BACK, (LaunchState.ROLLED_BACK, False)),
    ],
)
def test_launch_stands_as_the_ledger_says(conductor: str, kept: LaunchState, shown: Root) -> None:
    """Its conductor's state says only whether it goes on by itself."""
    airflow = Airflow()
    airflow.begin_launch(WEEK_1)
    airflow.end(CONDUCTOR, conductor)
    root = launch_view_of(airflow.launch(), deployment(), memory(state=kept))
    assert (root.state, root.failed) == shown


@pytest.mark.parametrize(
    ("state", "seals", "shown"),
    [
        ("running", (), (LaunchState.ACTIVE, False)),
        ("success", (True,), (LaunchState.COMPLETE, False)),
        ("success", (), (LaunchState.ACTIVE, True)),
    ],
)
def test_phase_on_its_own_ends_with_its_seal(state: str, seals: tuple[bool, ...], shown: Root) -> None:
    """No conductor, no state in the ledger."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.end(WEEK_1, state)
    told = memory(*sealed(airflow, *seals)).events
    root = launch_view_of(airflow.launch(), deployment(), LedgerView(events=told))
    assert (root.state, root.failed) == shown


# ---- hostile texts ---------------------------------------------------------------------------------

NASTY = [
    "<!here>",
    "<@U0LAUNCH01>",
    "*",
    "```",
    "\u202e",
    "\x00",
    "{{ conn }}",
    "&" * 900,
    "x" * 4000,
    "🚀",
    "\n",
]
TEXTS = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=40)), max_size=5).map("".join)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(TEXTS, TEXTS, TEXTS, st.sampled_from(["ask", "end", "taken"])), min_size=40, max_size=40
    ),
    TEXTS,
    TEXTS,
)
def test_hostile_texts_break_nothing(fields: list[tuple[str, str, str, str]], release: str, who: str) -> None:
    """Whatever evidence, reasons, names and the form hold: every message is one that Slack accepts."""
    airflow = Airflow()
    airflow.facts[LAUNCH] = {"release": release, "environment": who, "triggered_by": who, "launch_at": who}
    airflow.begin(WEEK_1)
    for item, (headline, reason, name, how) in zip(airflow.runs[LAUNCH, WEEK_1].items, fields, strict=False):
        if how == "ask":
            airflow.ask_for_failure(item.task_id, headline)
        elif how == "end":
            airflow.decide(item.task_id, Outcome.WAIVED, name, reason=reason)
        else:
            airflow.take(item.task_id, name)
    known = deployment()
    views = sections_of(airflow.launch(), known)
    made = [card.message for view in views for card in MessageCache().cards(view)]
    made.append(MessageCache().root(launch_view_of(airflow.launch(), known)).message)
    made += [call.message for call in nudges_due(views, (), known.policy, NOON + timedelta(hours=9))]
    made += [notes.request_note(view) for view in views]
    for message in made:
        assert message_problems(message.model_dump(mode="json", exclude_none=True)) == []


@pytest.mark.parametrize("dag_id", [WEEK_1, "unknown"])
@pytest.mark.parametrize("section_id", ["code_quality", "unknown"])
def test_card_of_an_unknown_section_can_be_closed(dag_id: str, section_id: str) -> None:
    """The checklist may have changed since."""
    placed = Placed(
        channel="C1", launch_id=LAUNCH, key=f"section/{dag_id}/{section_id}/0", ts="1.000001", updated_at=NOON
    )
    shown = closed_card(placed, deployment(), rehearsal=True)
    assert shown.message.text.startswith("REHEARSAL · ")
    assert not shown.live


def test_every_section_of_the_checklist_can_be_shown() -> None:
    """All 288 items, asked at once."""
    known = deployment()
    airflow = Airflow()
    airflow.begin_launch(*known.plans)
    for dag_id, plan in known.plans.items():
        airflow.ask(*(one.task_id for one in plan.items), dag_id=dag_id)
    views = sections_of(airflow.launch(), known, memory())
    assert sum(len(view.items) for view in views) == 288
    assert {view.section_id for view in views if view.gate is RequestKind.DECISION} >= {
        "go_no_go",
        "decision",
    }
    assert all(card.live for view in views for card in MessageCache().cards(view))
    assert voices()[0] in {item.task_id for view in views for item in view.items}
