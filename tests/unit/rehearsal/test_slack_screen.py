"""A simulated person in Slack: what is read from cards, and what is typed into the modal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import OperationError
from launch_pipeline.slack.messages.button_values import CardLocator, RequestPin, ReviewLocator
from launch_pipeline.slack.messages.elements import APPROVE_MINE, REVIEW
from launch_pipeline.slack.messages.review_modal import CALLBACK
from launch_rehearsal.actors.slack_screen import Card, Screen, Wish
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator

ADA, CHANNEL, TS = "U0LAUNCH01", "C001LAUNCH", "1700000000.000100"
ONE, TWO = (RequestPin(task_instance_id=f"ti-{n}", try_number=1) for n in (1, 2))
LOCATOR = CardLocator(launch_id="l", dag_id="week", section_id="s", part=0, pins=(ONE, TWO))
CARD = Card(CHANNEL, TS, frozenset({ONE, TWO}), frozenset({ONE, TWO}))
PLACE = f"/control/people/{ADA}"


@pytest.fixture
def slack() -> Iterator[ScriptedHttp]:
    """Start the fake Slack as far as a screen needs it."""
    with ScriptedHttp() as server:
        server.reply("POST", f"{PLACE}/click", {"acked": True})
        server.reply("POST", f"{PLACE}/close", {"ok": True})
        view = ReviewLocator(card=LOCATOR, channel=CHANNEL, message_ts=TS).encode()
        modal = {"callback_id": CALLBACK, "submit": {"text": "Send"}, "private_metadata": view}
        server.reply("GET", f"{PLACE}/view", {}, {"callback_id": CALLBACK}, modal)
        yield server


def _sent(slack: ScriptedHttp, what: str) -> Any:
    return [request["body"] for request in slack.seen("POST", f"{PLACE}/{what}")]


def test_answers_are_typed_where_the_modal_asks(slack: ScriptedHttp) -> None:
    """The second question is answered with its reason, the first left open; a loading modal is waited for."""
    slack.reply("POST", f"{PLACE}/submit", {"closed": True, "notice": "", "errors": {}})
    Screen(slack.url, ADA).answer(CARD, [Wish(TWO, Answer.WAIVE, "not in this release")])
    assert _sent(slack, "submit") == [{"values": {"answer.1": "Waive", "reason.1": "not in this release"}}]
    assert [click["action_id"] for click in _sent(slack, "click")] == [REVIEW]


def test_one_tap_approves_only_where_it_says_the_same(slack: ScriptedHttp) -> None:
    """All approvable items approved: one tap. One of them differs: the modal."""
    screen = Screen(slack.url, ADA)
    screen.answer(CARD, [Wish(ONE, Answer.APPROVE), Wish(TWO, Answer.APPROVE)])
    slack.reply("POST", f"{PLACE}/submit", {"closed": True, "notice": "", "errors": {}})
    screen.answer(CARD, [Wish(ONE, Answer.APPROVE), Wish(TWO, Answer.REJECT, "it is not ready at all")])
    assert [click["action_id"] for click in _sent(slack, "click")] == [APPROVE_MINE, REVIEW]


def test_what_the_modal_refuses_is_told_and_closed(slack: ScriptedHttp) -> None:
    """The words below the input are the reason, and the modal does not stay on the screen."""
    errors = {"reason.0": "'Waive' needs a reason."}
    slack.reply("POST", f"{PLACE}/submit", {"closed": False, "notice": "", "errors": errors})
    with pytest.raises(OperationError, match="needs a reason"):
        Screen(slack.url, ADA).answer(CARD, [Wish(ONE, Answer.WAIVE)])
    assert _sent(slack, "close") == [{}]


def test_a_click_that_nobody_answers_is_told(slack: ScriptedHttp) -> None:
    """Slack says that the app did not answer."""
    slack._replies["POST", f"{PLACE}/click"] = [{"acked": False}]
    with pytest.raises(OperationError, match="did not answer"):
        Screen(slack.url, ADA).answer(CARD, [Wish(ONE, Answer.APPROVE)])


def test_cards_are_messages_with_a_review_button(slack: ScriptedHttp) -> None:
    """Ephemeral messages and notes are no cards; what one tap would approve is told apart."""
    mine = LOCATOR.model_copy(update={"pins": (ONE,)})
    buttons = [
        {"action_id": APPROVE_MINE, "value": mine.encode()},
        {"action_id": REVIEW, "value": LOCATOR.encode()},
    ]
    card = {"ts": TS, "only_for": None, "blocks": [{"type": "actions", "elements": buttons}]}
    others = [{**card, "only_for": ADA}, {"ts": TS, "only_for": None, "text": "a note"}]
    slack.reply("GET", "/control/state", {"channels": [{"id": CHANNEL, "messages": [card, *others]}]})
    expected = Card(CHANNEL, TS, frozenset({ONE, TWO}), frozenset({ONE}))
    assert Screen(slack.url, ADA).cards() == [expected]
