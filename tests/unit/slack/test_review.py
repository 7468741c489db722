"""Locators and submissions: what comes back from Slack is read strictly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.messages.button_values import CardLocator, RequestPin, ReviewLocator
from launch_pipeline.slack.messages.review_modal import (
    nothing_chosen,
    read_review,
    review_errors,
    review_modal,
)
from servers.slack_samples import section

if TYPE_CHECKING:
    from collections.abc import Callable

PINS = (RequestPin(task_instance_id="0195f0c1-0000-7000-8000-000000000002", try_number=1),)
CARD = CardLocator(launch_id="shop", dag_id="week_1", section_id="quality", part=0, pins=PINS)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def submission(**values: dict[str, Any]) -> dict[str, Any]:
    """Build the view as Slack sends it back, filled in."""
    view = review_modal(section(), "U0LAUNCH01", "C001LAUNCH", "1.000001").payload()
    named = {name.replace("_", "."): value for name, value in values.items()}
    return view | {"state": {"values": named}}


def chosen(value: str) -> dict[str, Any]:
    return {"answer": {"type": "static_select", "selected_option": {"value": value}}}


def typed(what: str, value: str | None) -> dict[str, Any]:
    return {what: {"type": "plain_text_input", "value": value}}


def test_locators_come_back() -> None:
    """What is written is read, and is short."""
    assert CardLocator.decode(CARD.encode()) == CARD
    review = ReviewLocator(card=CARD, channel="C001LAUNCH", message_ts="1.000001")
    assert ReviewLocator.decode(review.encode()) == review


def test_longest_locator_fits() -> None:
    """The longest ids that Airflow has stay within a button's value."""
    pin = RequestPin(task_instance_id="x" * 64, try_number=99_999)
    card = CardLocator(launch_id="l" * 250, dag_id="d" * 250, section_id="s" * 250, part=99, pins=(pin,) * 12)
    assert len(card.encode()) <= 2000
    assert (
        len(ReviewLocator(card=card, channel="C" + "1" * 30, message_ts="9" * 12 + ".000001").encode())
        <= 3000
    )


def test_submission_is_read_by_question() -> None:
    """Answers come with the pin of their question; what was left open gives none."""
    sent = submission(
        answer_0={"answer": {"type": "static_select", "selected_option": None}},
        reason_0=typed("reason", None),
        answer_1=chosen("Reject"),
        reason_1=typed("reason", "  two files were never reviewed "),
    )
    review = read_review(sent)
    (answer,) = review.answers
    assert (answer.number, answer.answer, answer.reason) == (1, "Reject", "two files were never reviewed")
    assert answer.pin.task_instance_id.endswith("3")
    assert review.locator.message_ts == "1.000001"


def test_refusals_stand_below_their_inputs() -> None:
    """A missing reason is shown at the reason, a wrong signature at the signature, the rest at the answer."""
    refused = {
        0: AnswerRefused("reason_missing", "Say why."),
        1: AnswerRefused("signature_mismatch", "Type your full name."),
        2: AnswerRefused("not_your_role", "x" * 500),
    }
    errors = review_errors(refused)["errors"]
    assert list(errors) == ["reason.0", "signature.1", "answer.2"]
    assert len(errors["answer.2"]) == 150
    assert list(nothing_chosen()["errors"]) == ["answer.0"]


@settings(max_examples=300, deadline=None)
@given(st.one_of(JSON, JSON.map(lambda value: json.dumps(value, default=str)), st.text()))
def test_fuzzed_locators_are_refused_in_words(value: Any) -> None:
    """Nothing that we did not write raises anything but a refusal."""
    for kind in (CardLocator, ReviewLocator):
        with pytest.raises(AnswerRefused) as refusal:
            kind.decode(value)
        assert refusal.value.code == "unreadable_card"


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from(["state", "private_metadata", "values", "block", "element", "option"]))
def test_fuzzed_submissions_are_refused_or_read(value: Any, place: str) -> None:
    """A tampered payload is refused, or says nothing; it never breaks the bridge."""
    sent = submission(answer_0=chosen("Approve"))
    state = sent["state"]["values"]
    replace: dict[str, Callable[[], object]] = {
        "state": lambda: sent.update(state=value),
        "private_metadata": lambda: sent.update(private_metadata=value),
        "values": lambda: sent["state"].update(values=value),
        "block": lambda: state.update({"answer.0": value}),
        "element": lambda: state["answer.0"].update(answer=value),
        "option": lambda: state["answer.0"]["answer"].update(selected_option=value),
    }
    replace[place]()
    try:
        review = read_review(sent)
    except AnswerRefused:
        return
    assert all(isinstance(answer.answer, str) for answer in review.answers)
