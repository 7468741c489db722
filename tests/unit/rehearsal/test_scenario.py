"""How people of a rehearsal answer: by the request and by the scenario's data, never by chance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.model import Item
from launch_pipeline.checklist.sequence import ALL_PHASES
from launch_pipeline.checklist.vocabulary import Answer, Severity
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.actors.people import who_answers
from launch_rehearsal.actors.scenario import (
    DEFAULT,
    Absence,
    Limit,
    OpenRequest,
    Rejection,
    Scenario,
    Situation,
    pause,
    react,
)
from launch_rehearsal.product.base.plan import Part

NOW = Situation()
STORY = Scenario(
    rejection=Rejection(
        ref="p.s.wrong", reason="it is wrong, repair it", part=Part.REPOSITORY, repair="it is right now"
    ),
    absent=(
        Absence(
            kind="slack_channel", says="not connected: slack", reason="no Slack takes part in this story"
        ),
    ),
    limits={
        "p.s.alone": Limit(kinds=frozenset({"http_request"}), reason="only one machine takes part"),
        "p.s.elsewhere": Limit(
            kinds=frozenset({"http_request"}),
            reason="the services have no such thing",
            answer=Answer.NOT_APPLICABLE,
        ),
        "p.s.unseen": Limit(
            kinds=frozenset({"http_request"}),
            reason="nobody can see it on one machine",
            verdicts=frozenset({Verdict.INCONCLUSIVE}),
            without=Part.REDIS,
        ),
    },
    patience=30.0,
)


def item(**fields: Any) -> Item:
    given = {
        "id": "one",
        "text": "One thing",
        "mode": "check",
        "owner": "technical_lead",
        "how": "look",
        "on_failure": "repair",
        "checks": [{"http_request": {"path": "/health"}}],
    }
    return Item.model_validate(given | fields)


def result(verdict: Verdict, headline: str = "status = 503", kind: str = "http_request") -> CheckResult:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    return CheckResult(
        kind=kind,
        params={},
        authority="",
        verdict=verdict,
        headline=headline,
        started_at=moment,
        duration_ms=1,
        attempts=1,
    )


def waiting(ref: str = "p.s.one", waited: float = 10.0, *results: CheckResult, **fields: Any) -> OpenRequest:
    return OpenRequest(ref=ref, item=item(**fields), waited=waited, results=results or None)


FAILED = result(Verdict.FAILED)
PASSED = result(Verdict.PASSED, "status = 200")
APPROVAL = {"mode": "check+approval", "question": "Is it so?"}


def test_passed_evidence_is_approved() -> None:
    """Who is asked for an approval gives it when the checks have passed."""
    reaction = react(STORY, waiting("p.s.one", 10.0, PASSED, **APPROVAL), NOW)
    assert reaction is not None
    assert reaction.answer is Answer.APPROVE


def test_no_answer_comes_before_the_request_was_read() -> None:
    """An answer comes only after the item's own pause, which is the same in every rehearsal."""
    early = pause(STORY, "p.s.one") - 0.01
    assert react(STORY, waiting("p.s.one", early, PASSED, **APPROVAL), NOW) is None
    assert pause(STORY, "p.s.one") == pause(STORY, "p.s.one") != pause(STORY, "p.s.two")


def test_healing_is_waited_for() -> None:
    """While something is about to come back, a failing check that repeats is left alone."""
    assert (
        react(STORY, waiting("p.s.one", 500.0, FAILED), Situation(broken=frozenset({Part.GATEWAY}))) is None
    )


def test_patience_ends_in_a_rejection_that_names_the_check() -> None:
    """What is not repaired is rejected in the end, with the headline of the check."""
    assert react(STORY, waiting("p.s.one", 29.0, FAILED), NOW) is None
    reaction = react(STORY, waiting("p.s.one", 31.0, FAILED), NOW)
    assert reaction is not None
    assert reaction.answer is Answer.REJECT
    assert "503" in reaction.reason


def test_recheck_is_asked_once_where_nothing_repeats() -> None:
    """A failing check with side effects never repeats by itself, so a person requests it, once."""
    effects = {"side_effects": ["sends a request burst"]}
    reaction = react(STORY, waiting("p.s.one", 5.0, FAILED, **effects), NOW)
    assert reaction is not None
    assert reaction.answer is Answer.RECHECK
    again = Situation(rechecked=frozenset({"p.s.one"}))
    assert react(STORY, waiting("p.s.one", 5.0, FAILED, **effects), again) is None


NO_SLACK = result(Verdict.INCONCLUSIVE, "not connected: slack_check", "slack_channel")


def test_what_takes_no_part_is_waived_with_its_reason() -> None:
    """Where an authority on the closed list cannot be asked, the owner waives and says why."""
    reaction = react(STORY, waiting("p.s.one", 5.0, NO_SLACK), NOW)
    assert reaction is not None
    assert reaction.answer is Answer.WAIVE
    assert reaction.reason == STORY.absent[0].reason


@pytest.mark.parametrize(
    "other",
    [
        result(Verdict.FAILED, "not connected: slack_check", "slack_channel"),
        result(Verdict.INCONCLUSIVE, "credentials: slack refused the token", "slack_channel"),
        result(Verdict.INCONCLUSIVE, "not connected: slack_check", "http_request"),
        result(Verdict.INCONCLUSIVE, "not connected: prometheus", "prometheus_query"),
        result(Verdict.INCONCLUSIVE, "variable 'x' is not set: add it", "slack_channel"),
    ],
    ids=lambda each: f"{each.kind}: {each.headline}",
)
def test_whatever_else_cannot_be_asked_is_no_excuse(other: CheckResult) -> None:
    """Another kind, another sentence or a failure is hoped for and rejected at last, never waived."""
    assert react(STORY, waiting("p.s.one", 5.0, other), NOW) is None
    reaction = react(STORY, waiting("p.s.one", 99.0, other), NOW)
    assert reaction is not None
    assert reaction.answer is Answer.REJECT


def test_one_trouble_without_an_excuse_spoils_the_others() -> None:
    """What takes no part does not hide the check beside it that failed."""
    assert react(STORY, waiting("p.s.one", 5.0, NO_SLACK, FAILED), NOW) is None
    assert STORY.excuse("p.s.one", (NO_SLACK, FAILED)) is None
    assert STORY.excuse("p.s.one", (NO_SLACK, PASSED)) is not None


def test_limit_and_absence_together_give_both_reasons() -> None:
    """An item with two excused checks is waived for both reasons."""
    excuse = STORY.excuse("p.s.alone", (FAILED, NO_SLACK))
    assert excuse is not None
    assert excuse.answer is Answer.WAIVE
    assert excuse.reason == "only one machine takes part no Slack takes part in this story"


@pytest.mark.parametrize(
    "other",
    [result(Verdict.INCONCLUSIVE, "no answer within 5s"), result(Verdict.FAILED, "2 rows", "postgres_query")],
)
def test_limit_excuses_only_the_trouble_it_names(other: CheckResult) -> None:
    """A limited item with another verdict, or with another check in trouble, has no excuse."""
    assert STORY.excuse("p.s.alone", (other,)) is None


def test_limit_for_want_of_a_part_ends_where_the_part_takes_part() -> None:
    """What is excused without Redis is not excused with it."""
    unseen = result(Verdict.INCONCLUSIVE, "no data")
    assert STORY.on([Part.DNS]).excuse("p.s.unseen", (unseen,)) is not None
    assert STORY.on([Part.DNS, Part.REDIS]).excuse("p.s.unseen", (unseen,)) is None


def test_unreachable_product_is_never_waived_as_out_of_reach() -> None:
    """A product that does not answer is waited for and rejected at last, not waived."""
    silent = result(Verdict.INCONCLUSIVE, "http://127.0.0.1:1 did not answer")
    reaction = react(STORY, waiting("p.s.one", 99.0, silent), NOW)
    assert reaction is not None
    assert reaction.answer is Answer.REJECT


def test_advisory_item_out_of_reach_is_rejected() -> None:
    """An advisory item that cannot be shown becomes not met, which stops nothing."""
    reaction = react(STORY, waiting("p.s.one", 5.0, NO_SLACK, severity="advisory"), NOW)
    assert reaction is not None
    assert reaction.answer is Answer.REJECT


def test_the_one_rejection_is_said_once() -> None:
    """The scenario's rejection comes at the first failure and not again after the repair."""
    failing = waiting("p.s.wrong", 5.0, FAILED)
    reaction = react(STORY, failing, NOW)
    assert reaction is not None
    assert reaction.answer is Answer.REJECT
    assert react(STORY, failing, Situation(rejected=True)) is None


@pytest.mark.parametrize(
    ("ref", "answer"), [("p.s.alone", Answer.WAIVE), ("p.s.elsewhere", Answer.NOT_APPLICABLE)]
)
def test_named_items_get_their_own_reason(ref: str, answer: Answer) -> None:
    """Limits are waived and what does not apply is said so, each with the scenario's own words."""
    reaction = react(STORY, waiting(ref, 5.0, FAILED), NOW)
    assert reaction is not None
    assert reaction.answer is answer
    assert reaction.reason == STORY.limits[ref].reason


@pytest.mark.parametrize(("style", "answer"), [("decision", Answer.GO), ("signature", Answer.SIGN)])
def test_decisions_and_signatures_affirm(style: str, answer: Answer) -> None:
    """Go/no-go ends with go, the sign-off with a signature."""
    fields = {"mode": "approval", "checks": [], "gate": style, "question": "Go?"}
    reaction = react(STORY, waiting("p.s.one", 5.0, **fields), NOW)
    assert reaction is not None
    assert reaction.answer is answer


def test_go_waits_while_something_is_in_doubt() -> None:
    """No decision is given until everything before it was found true; a signature does not wait for that."""
    decision = {"mode": "approval", "checks": [], "gate": "decision", "question": "Go?"}
    signature = {**decision, "gate": "signature"}
    doubt = Situation(doubt=True)
    assert react(STORY, waiting("p.s.one", 500.0, **decision), doubt) is None
    assert react(STORY, waiting("p.s.one", 5.0, **signature), doubt) is not None
    assert react(STORY, waiting("p.s.one", 5.0, **decision), NOW) is not None


def test_default_scenario_names_items_that_exist() -> None:
    """Every item of the scenario is in the checklist, and every reason is long enough to count."""
    refs = {f"{p.id}.{s.id}.{i.id}" for p in load_phases(parameter_models()) for s, i in p.items()}
    no, moved, regression = DEFAULT.rejection, DEFAULT.postponement, DEFAULT.regression
    assert no is not None
    assert moved is not None
    assert regression is not None
    assert set(DEFAULT.limits) | {no.ref, regression.ref} <= refs
    assert {moved.after, regression.after} <= set(ALL_PHASES)
    reasons = [each.reason for each in (*DEFAULT.limits.values(), *DEFAULT.absent, moved)] + [no.repair]
    assert all(len(reason) >= 20 for reason in reasons)
    assert set(DEFAULT.heals_after) | {no.part} == set(DEFAULT.broken)
    assert regression.part not in DEFAULT.broken, "it breaks once its item is sealed"


def test_everything_that_is_set_aside_has_somebody_who_may() -> None:
    """Each excused item of the checklist is waived by a person with Slack who does not answer for it."""
    contacts = load_contacts(include_folder() / "contacts.example.yaml")
    items = {f"{p.id}.{s.id}.{i.id}": i for p in load_phases(parameter_models()) for s, i in p.items()}
    blocking = [items[ref] for ref in DEFAULT.limits if items[ref].severity is Severity.BLOCKING]
    assert blocking
    for one in blocking:
        for answer in (Answer.WAIVE, Answer.NOT_APPLICABLE):
            may = who_answers(one, answer, contacts, Policy())
            assert may
            assert not [person for person in may if person in contacts.holders(one.owner)]
        assert who_answers(one, Answer.REJECT, contacts, Policy()) == contacts.holders(one.owner)
