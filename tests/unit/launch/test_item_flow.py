"""The life of an item as a table: what happened, and what follows. Without Airflow, ledger or clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.launch.item_flow import (
    OLD_WITH_EFFECTS,
    STILL_FAILING,
    Answered,
    Append,
    AppendRound,
    Ask,
    AskAgain,
    AskAnew,
    Checked,
    Counted,
    Decide,
    Decided,
    Denied,
    Deny,
    End,
    Ended,
    Ending,
    Healed,
    Pass,
    Refresh,
    Refreshed,
    Refused,
    Rest,
    Retry,
    RoundDue,
    Show,
    Take,
    Traits,
    WaitFor,
    step,
    wait_for,
)
from launch_pipeline.launch.item_records import GivenAnswer, with_rounds
from launch_pipeline.launch.item_states import State, event_of, evidence_of
from launch_pipeline.ledger.schema import Acknowledgement, Outcome
from servers.records import NOON, a_record, a_result

if TYPE_CHECKING:
    from launch_pipeline.launch.item_flow import Action, Event

MACHINE = Traits(needs_person=False, side_effects=False, in_triggerer=True, decision=False, rounds=0)
BOTH = replace(MACHINE, needs_person=True)
PERSON = replace(BOTH, in_triggerer=False)
EFFECTS = replace(BOTH, side_effects=True)
ON_WORKER = replace(BOTH, in_triggerer=False)
DECISION = replace(PERSON, decision=True)
DAILY = replace(PERSON, rounds=2)

HOUR = timedelta(hours=1)
PERSONS: Any = "the person"


def seen(verdict: Verdict = Verdict.PASSED, *, at: Any = NOON) -> Evidence:
    made = Evidence.of("ti-1", [a_result(verdict=verdict, headline=f"it {verdict}")])
    return made.model_copy(update={"observed_at": at})


GOOD, BAD, UNKNOWN = seen(), seen(Verdict.FAILED), seen(Verdict.INCONCLUSIVE)


def given(option: str = "Approve", **fields: Any) -> GivenAnswer:
    return GivenAnswer(option=option, airflow_user="ada.technical", **{"at": NOON, **fields})


def counts(option: str = "Approve", evidence: Evidence | None = None, **fields: Any) -> Counted:
    return Counted(given(option), PERSONS, evidence, HOUR, **fields)


APPROVED = a_record(outcome=Outcome.APPROVED)
REJECTED = a_record(outcome=Outcome.REJECTED)
WAIVED = a_record(outcome=Outcome.WAIVED)
FIRST = Acknowledgement.of(APPROVED, 1)
SECOND = FIRST.model_copy(update={"number": 2, "decided_at": NOON + HOUR})
OLD = seen(at=NOON - 2 * HOUR)
OLD_BAD = seen(Verdict.FAILED, at=NOON - 2 * HOUR)

TABLE: dict[str, tuple[Traits, Event, Action]] = {
    # Nothing but passing checks of an item that needs no person is a pass.
    "failed checks ask": (MACHINE, Checked(BAD), Ask(BAD)),
    "unknown is no pass": (MACHINE, Checked(UNKNOWN), Ask(UNKNOWN)),
    "nothing seen is no pass": (MACHINE, Checked(None), Ask(None)),
    "a person is needed as well": (BOTH, Checked(GOOD), Ask(GOOD)),
    "a person alone": (PERSON, Checked(None), Ask(None)),
    "checks pass": (MACHINE, Checked(GOOD), Pass(GOOD)),
    # An answer whose worker was lost counts before anything else.
    "lost answer": (BOTH, Checked(BAD, given()), Take(given(), offered=True, shown=BAD)),
    "lost answer before a pass": (MACHINE, Checked(GOOD, given()), Take(given(), offered=True, shown=GOOD)),
    "carried over": (BOTH, Checked(GOOD, confirmed=WAIVED), Append(WAIVED)),
    "carried over beside a failure": (BOTH, Checked(BAD, confirmed=WAIVED), Append(WAIVED)),
    "a lost answer comes before what is carried over": (
        BOTH, Checked(GOOD, given(), confirmed=WAIVED), Take(given(), offered=True, shown=GOOD)),
    "a pass needs nothing that is carried over": (
        MACHINE, Checked(GOOD, confirmed=WAIVED), Pass(GOOD)),
    "lost round": (DAILY, Checked(None, given(at=FIRST.decided_at), (FIRST,)), Rest((FIRST,))),
    # The open request.
    "answered": (BOTH, Answered(given()), Take(given())),
    "offered again": (BOTH, Answered(given(), offered=True), Take(given(), offered=True)),
    "healed": (BOTH, Healed(GOOD), Show(GOOD)),
    "another role's no": (DECISION, Denied("Bo Sato"), Deny("Bo Sato")),
    "round due": (DAILY, RoundDue(), AskAnew()),
    # What the rules say of an answer.
    "refused": (BOTH, Refused("not you"), AskAgain("not you")),
    "re-check": (BOTH, counts("Re-check", BAD), Retry("ada.technical asked for a re-check.")),
    "re-check keeps rounds": (DAILY, counts("Re-check", acknowledged=(FIRST,)), AskAnew()),
    "fresh evidence": (BOTH, counts("Approve", GOOD), Decide(counts("Approve", GOOD))),
    "no evidence to grow old": (PERSON, counts(), Decide(counts())),
    "old evidence": (BOTH, counts("Approve", OLD), Refresh(given(), in_triggerer=True)),
    "old evidence of a worker": (ON_WORKER, counts("Approve", OLD), Refresh(given(), in_triggerer=False)),
    "old evidence with effects": (EFFECTS, counts("Approve", OLD), AskAgain(OLD_WITH_EFFECTS)),
    "a no needs no fresh look": (BOTH, counts("Reject", OLD_BAD), Decide(counts("Reject", OLD_BAD))),
    "nor does a waiver": (EFFECTS, counts("Waive", OLD_BAD), Decide(counts("Waive", OLD_BAD))),
    "still passing": (BOTH, Refreshed(given(), GOOD), Take(given(), shown=GOOD)),
    "failing by now": (BOTH, Refreshed(given(), BAD), AskAgain(STILL_FAILING.format("it failed"), BAD)),
    "unknown by now": (
        BOTH,
        Refreshed(given(), UNKNOWN),
        AskAgain(STILL_FAILING.format("it inconclusive"), UNKNOWN),
    ),
    # From the decision to the end.
    "approved": (BOTH, Decided(APPROVED, (), NOON), Append(APPROVED)),
    "first round": (DAILY, Decided(APPROVED, (), NOON), AppendRound(Decided(APPROVED, (), NOON))),
    "round of two": (DAILY, Decided(APPROVED, (FIRST,), FIRST.decided_at), Rest((FIRST,))),
    "last round": (
        DAILY,
        Decided(APPROVED, (FIRST, SECOND), SECOND.decided_at),
        Append(with_rounds(APPROVED, (FIRST, SECOND))),
    ),
    "a waiver ends the rounds": (
        DAILY,
        Decided(WAIVED, (FIRST,), NOON),
        Append(with_rounds(WAIVED, (FIRST,))),
    ),
    "green": (BOTH, Ended(APPROVED), End(Ending.SUCCEED, APPROVED)),
    "red": (BOTH, Ended(REJECTED), End(Ending.FAIL, REJECTED)),
    **{
        f"{record.outcome} is never green": (BOTH, Ended(record), End(ending, record))
        for record, ending in (
            (WAIVED, Ending.SKIP),
            (a_record(outcome=Outcome.NOT_APPLICABLE), Ending.SKIP),
            (a_record(outcome=Outcome.NOT_MET), Ending.SKIP),
            (a_record(outcome=Outcome.NOT_REACHED), Ending.FAIL),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize(("item", "event", "action"), TABLE.values(), ids=TABLE)
def test_step(item: Traits, event: Event, action: Action) -> None:
    """What happened to an item of these traits has exactly one consequence."""
    assert step(event, item) == action


WAITS = {
    "failing checks repeat": (MACHINE, BAD, WaitFor.CHECKS),
    "so do those beside a person": (BOTH, UNKNOWN, WaitFor.CHECKS),
    "passing checks do not": (BOTH, GOOD, WaitFor.AN_ANSWER),
    "checks with effects never": (EFFECTS, BAD, WaitFor.AN_ANSWER),
    "checks of a worker never": (ON_WORKER, BAD, WaitFor.AN_ANSWER),
    "a person": (PERSON, None, WaitFor.AN_ANSWER),
    "go or no-go": (DECISION, None, WaitFor.A_NO),
}


@pytest.mark.parametrize(("item", "evidence", "waits"), WAITS.values(), ids=WAITS)
def test_what_an_open_request_waits_for(item: Traits, evidence: Evidence | None, waits: WaitFor) -> None:
    """Checks that repeat, another role's no, or an answer alone."""
    assert wait_for(item, evidence) is waits


ANSWER = {
    "chosen_options": ["Approve"],
    "params_input": {},
    "responded_at": NOON.isoformat(),
    "responded_by_user": {"id": "1", "name": "ada.technical"},
}
KEPT = {"answer": given().model_dump(mode="json")}
READ: dict[str, tuple[State, Any, dict[str, Any], Event | None]] = {
    "the look comes first": (State.BEGINNING, None, {}, None),
    "after a pause as well": (State.BEGINNING, NOON.isoformat(), {"evidence": GOOD.payload()}, None),
    "the triggerer has looked": (State.CHECKED, GOOD.payload(), {}, None),
    "removed and returned": (State.ASKED, None, {}, None),
    "an answer": (State.ASKED, ANSWER, {}, Answered(given())),
    "an answer during a pause": (State.BEGINNING, ANSWER, {"evidence": None}, Answered(given())),
    "an answer to healed checks": (State.HEALED, ANSWER, {"evidence": GOOD.payload()}, Answered(given())),
    "healed": (State.ASKED, GOOD.payload(), {}, Healed(GOOD)),
    "healed, after a pause": (State.HEALED, NOON.isoformat(), {"evidence": GOOD.payload()}, Healed(GOOD)),
    "denied": (State.ASKED, {"denied_by": "Bo Sato"}, {}, Denied("Bo Sato")),
    "denied, after a pause": (State.DENIED, NOON.isoformat(), {"by": "Bo Sato"}, Denied("Bo Sato")),
    "an answer that waited": (State.ANSWERED, NOON.isoformat(), KEPT, Answered(given(), offered=True)),
    "looked at again": (State.REFRESHING, BAD.payload(), KEPT, Refreshed(given(), BAD)),
    "looked for nothing": (State.REFRESHING, None, KEPT, Answered(given(), offered=True)),
    "a round": (State.RESTING, NOON.isoformat(), {}, RoundDue()),
}


@pytest.mark.parametrize(("state", "event", "held", "happened"), READ.values(), ids=READ)
def test_what_an_airflow_event_means(
    state: State, event: Any, held: dict[str, Any], happened: Event | None
) -> None:
    """The state in which the task waited says how Airflow's event is read."""
    assert event_of(state, event, held) == happened


def test_every_state_is_read() -> None:
    """No state is without a row above."""
    assert {state for state, *_ in READ.values()} == set(State)


def test_evidence_before_the_request() -> None:
    """From the triggerer's event, or as it was held; the event of a timer is no evidence."""
    assert evidence_of(State.CHECKED, BAD.payload(), {}) == BAD
    assert evidence_of(State.BEGINNING, NOON.isoformat(), {"evidence": GOOD.payload()}) == GOOD
    assert evidence_of(State.BEGINNING, None, {}) is None
    assert evidence_of(State.ASKED, None, {}) is None
