"""What Slack sends is read strictly, and where it points is looked up in what is now."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.slack.bridge.interactions.answers import AnswerResults
from launch_pipeline.slack.bridge.interactions.locate import LocatedSection, locate_section
from launch_pipeline.slack.bridge.interactions.payloads import read_click, read_submission
from launch_pipeline.slack.bridge.interactions.review import evidence_request, faults, with_evidence
from launch_pipeline.slack.bridge.interactions.users import SlackUser
from launch_pipeline.slack.messages.button_values import RequestPin
from launch_pipeline.slack.messages.cards import locator
from launch_pipeline.slack.messages.review_modal import GivenReview
from launch_pipeline.slack.protocol import Board, BoardLaunch, ItemEvidence
from servers.slack import CONTACTS
from servers.slack_samples import asking, done, result, section

ADA = SlackUser(slack_id="U0LAUNCH01", name="Ada Lindqvist")
SVEN = SlackUser(slack_id="U0LAUNCH05", name="Sven Okafor")
PEOPLE = load_contacts(CONTACTS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=15,
)
BODY: dict[str, Any] = {
    "user": {"id": "U0LAUNCH01"},
    "team": {"id": "T0REHEARSAL"},
    "api_app_id": "A0REHEARSAL",
    "trigger_id": "1.2.3",
}
CLICK = BODY | {
    "container": {"channel_id": "C001LAUNCH", "message_ts": "1700000000.000001"},
    "actions": [{"action_id": "review", "value": "[]"}],
}


def refusal(read: Any, *given: Any) -> str:
    with pytest.raises(AnswerRefused) as refused:
        read(*given)
    return refused.value.code


def test_click_is_read() -> None:
    """Who, where, which value; a card that is no reply is a thread's root itself."""
    click = read_click(CLICK | {"something_new": True})
    assert (click.origin.slack_id, click.channel, click.value) == ("U0LAUNCH01", "C001LAUNCH", "[]")
    assert click.thread == "1700000000.000001"
    threaded = CLICK | {"container": CLICK["container"] | {"thread_ts": "1600000000.000001"}}
    assert read_click(threaded).thread == "1600000000.000001"
    assert read_submission(BODY | {"view": {}}).origin == click.origin


@pytest.mark.parametrize("field", sorted(CLICK))
def test_click_without_a_part_is_none(field: str) -> None:
    """Nothing is guessed."""
    assert refusal(read_click, {name: CLICK[name] for name in CLICK if name != field}) == "unreadable_click"


@given(JSON)
def test_anything_else_is_refused(body: Any) -> None:
    """Whatever it is, it is an AnswerRefused and nothing else."""
    assert refusal(read_click, body) == refusal(read_submission, body) == "unreadable_click"


@given(st.sampled_from(sorted(CLICK)), JSON)
def test_any_part_may_be_junk(field: str, junk: Any) -> None:
    """A payload with one part replaced is read, or refused."""
    for read, body in ((read_click, CLICK), (read_submission, BODY | {"view": {}})):
        with suppress(AnswerRefused):
            read(body | {field: junk})


# ---- where it points -------------------------------------------------------------------------------


def place(*items: Any) -> LocatedSection:
    contact = PEOPLE.by_slack_id(ADA.slack_id)
    assert contact is not None
    return LocatedSection(section(items=items) if items else section(), contact)


def pins(at: LocatedSection) -> list[RequestPin]:
    return [
        RequestPin(task_instance_id=i.task_instance_id, try_number=i.try_number) for i in at.section.items
    ]


def approvals(at: LocatedSection, person: SlackUser, some: list[RequestPin]) -> tuple[list[str], list[str]]:
    told = AnswerResults()
    questions = at.approvals(person, some, told)
    assert all(question.answer == Answer.APPROVE for question in questions)
    return [q.item.text for q in questions], [refused.code for _, refused in told.refused]


def test_only_what_waits_now_is_approved() -> None:
    """Of the pinned: what waits for this person and has not failed; the rest is named, once for old tries."""
    at = place(
        asking(1, "waits"),
        asking(2, "red", verdict=Verdict.FAILED),
        done(3, "done", Outcome.APPROVED, decided_by="Bo Sato"),
        asking(4, "answered", answered_by="Bo Sato"),
        asking(5, "of others", may_answer=()),
        asking(6, "idle", waits=False, state="running"),
    )
    gone = [RequestPin(task_instance_id="gone", try_number=n) for n in (1, 2)]
    codes = ["checks_not_passed", "already_decided", "already_decided", "not_waiting", "superseded"]
    assert approvals(at, ADA, [*pins(at), *gone]) == (["waits"], codes)


def test_other_try_is_another_request() -> None:
    """The id alone is not enough: a retry keeps it and asks anew."""
    at = place(asking(1, "waits", try_number=2))
    old = RequestPin(task_instance_id=at.section.items[0].task_instance_id, try_number=1)
    assert approvals(at, ADA, [old]) == ([], ["superseded"])


def test_who_has_none_of_it_is_refused() -> None:
    """With the roles that have."""
    at = place(asking(1, "waits"))
    assert refusal(at.approvals, SVEN, pins(at), AnswerResults()) == "not_your_role"


def test_modal_shows_what_the_card_shows() -> None:
    """Its part of a long section; of a reminder what it names; of an old card what is there now."""
    items = tuple(asking(number, f"item {number}") for number in range(1, 31))
    at = place(*items)
    second = locator(at.section, items[10:11], 1)
    assert [item.text for item in at.shown(second).items] == [f"item {n}" for n in range(11, 21)]
    reminder = locator(at.section, items[28:], 0)
    assert [item.text for item in at.shown(reminder).items] == ["item 29", "item 30"]
    for stale in (locator(at.section, (), 99), locator(at.section, (asking(77, "gone"),), 2)):
        assert [item.text for item in at.shown(stale).items] == [f"item {n}" for n in range(21, 31)]


def find(launch_id: str, person: SlackUser, section_id: str = "code_quality") -> str:
    view = section()
    board = Board(launches=(BoardLaunch(launch_id=view.launch_id),))
    card = locator(view, view.items, 0).model_copy(update={"launch_id": launch_id, "section_id": section_id})

    async def inside() -> LocatedSection:
        return await locate_section(board, card, person, PEOPLE, lambda *_: (view,))

    return asyncio.run(inside()).section.section_id


def test_place_is_found_or_said_to_be_gone() -> None:
    """A launch that ended, a missing section and an unknown person: each has its own sentence."""
    known = section()
    assert find(known.launch_id, ADA, known.section_id) == known.section_id
    assert refusal(find, "another", ADA) == "launch_over"
    assert refusal(find, known.launch_id, ADA, "elsewhere") == "superseded"
    stranger = SlackUser(slack_id="U0STRANGER", name="?")
    assert refusal(find, known.launch_id, stranger) == "unknown_person"


# ---- evidence and first look -----------------------------------------------------------------------


def test_evidence_of_another_try_is_not_shown() -> None:
    """What the checks of an earlier task instance saw is not this one's evidence."""
    view = section(items=(asking(1, "one"), asking(2, "two")))
    request = evidence_request(view, ADA.slack_id)
    assert request is not None
    assert request.task_ids == tuple(item.task_id for item in view.items)
    seen = (result("report", Verdict.PASSED, "fine"),)
    one, two = view.items
    told = [
        ItemEvidence(task_id=one.task_id, task_instance_id=one.task_instance_id, results=seen),
        ItemEvidence(task_id=two.task_id, task_instance_id="earlier", results=seen),
    ]
    assert [item.results for item in with_evidence(view, told).items] == [seen, ()]
    assert evidence_request(view, "U0STRANGER") is None


def given_answer(answer: str, reason: str = "", signature: str = "") -> GivenReview:
    pin = RequestPin(task_instance_id="x", try_number=1)
    return GivenReview(number=3, pin=pin, answer=answer, reason=reason, signature=signature)


@pytest.mark.parametrize(
    ("given_now", "code"),
    [
        (given_answer("Approve"), None),
        (given_answer("Re-check"), None),
        (given_answer("No go", "the database is not ready"), None),
        (given_answer("Sign", signature="Ada Lindqvist"), None),
        (given_answer("Obey"), "unknown_option"),
        (given_answer("Reject", "too    shortly"), None),
        (given_answer("Reject", "no     way"), "reason_missing"),
        (given_answer("Reject", "\u200b\u3164\u2800 " * 9), "reason_missing"),
        (given_answer("Waive"), "reason_missing"),
        (given_answer("Not applicable"), "reason_missing"),
        (given_answer("Decline"), "reason_missing"),
        (given_answer("Sign"), "signature_missing"),
    ],
)
def test_plain_faults_are_found_at_once(given_now: GivenReview, code: str | None) -> None:
    """What needs nobody else to be seen is told in the form, by question."""
    found = faults([given_now])
    assert [(number, fault.code) for number, fault in found.items()] == ([(3, code)] if code else [])
