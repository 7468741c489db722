"""What cards show of holds, other looks and what is verified again, and what a hold's form gives back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.slack.messages import cards, elements
from launch_pipeline.slack.messages.button_values import CardLocator, LaunchLocator
from launch_pipeline.slack.messages.hold_modal import hold_modal, read_hold, reason_error
from launch_pipeline.slack.messages.item_status import Rank, status_of
from servers.slack_samples import (
    CHANGES,
    LOOK,
    RED,
    asking,
    changed_go_no_go,
    done,
    go_no_go,
    held_launch,
    item,
    launch,
    section,
)

if TYPE_CHECKING:
    from launch_pipeline.slack.messages.block_kit import Message

HOLD = LaunchLocator(launch_id="shop-2.4.0", hold=True)
REASON = "*bold* <!channel> <script>alert(1)</script>"


def words(message: Message) -> str:
    return json.dumps(message.posted(), ensure_ascii=False)


def buttons(message: Message) -> dict[str, Any]:
    rows = [block["elements"] for block in message.posted()["blocks"] if block["type"] == "actions"]
    return {button["action_id"]: button for row in rows for button in row}


# ---- what must not be shown ------------------------------------------------------------------------


def test_nothing_is_shown_of_a_launch_that_nobody_changed() -> None:
    """No hold, no list, no reason, and no button before the ledger has the launch."""
    shown = words(cards.launch_root(launch())) + words(cards.decision_card(go_no_go()))
    shown += words(cards.section_cards(section())[0])
    for word in ("hold", "Verified again", "longer true", "Changed since", "commit"):
        assert word not in shown.replace("threshold", "")
    assert set(buttons(cards.launch_root(launch()))) == {elements.OPEN}


def test_reasons_stay_text() -> None:
    """Mentions, marks and HTML of a person's reason are shown as they were typed."""
    hold = held_launch().hold
    assert hold is not None
    bad = held_launch().model_copy(update={"hold": hold.model_copy(update={"reason": REASON})})
    change = CHANGES[1].model_copy(update={"reason": REASON, "by": REASON, "details": (REASON,)})
    for made in (
        cards.launch_root(bad),
        cards.decision_card(changed_go_no_go().model_copy(update={"changes": (change,)})),
        cards.section_cards(section(items=(item(1, "a", state="deferred", again=REASON),)))[0],
    ):
        shown = words(made)
        assert "<!channel>" not in shown
        assert "<script" not in shown
        assert "&lt;!channel&gt;" in shown


def test_only_one_of_the_two_buttons_is_offered() -> None:
    """Resume while it is on hold, Hold while it is not; each names its launch."""
    on_hold = buttons(cards.launch_root(held_launch()))
    assert elements.HOLD not in on_hold
    value = LaunchLocator.decode(on_hold[elements.RESUME]["value"])
    assert value == LaunchLocator(launch_id="shop-2.4.0", hold=False)
    going = buttons(cards.launch_root(held_launch().model_copy(update={"hold": None})))
    assert elements.RESUME not in going
    assert LaunchLocator.decode(going[elements.HOLD]["value"]) == HOLD


@pytest.mark.parametrize(
    "value",
    ["", "[]", "[2]", '[2,"x","hold",1]', '[1,"x","hold"]', '[true,"x","hold"]', '[2,"x","end"]',
     '[2,"x y","hold"]', '[2,null,"hold"]', None, 7, "x" * 4000],
)  # fmt: skip
def test_other_values_are_no_locator(value: object) -> None:
    """Only what this version wrote is read."""
    with pytest.raises(AnswerRefused):
        LaunchLocator.decode(value)


def test_locators_are_not_mixed_up() -> None:
    """A card's value holds no launch, and a launch's value answers no card."""
    pinned = cards.locator(section(), section().items[:1], 0).encode()
    with pytest.raises(AnswerRefused):
        LaunchLocator.decode(pinned)
    with pytest.raises(AnswerRefused):
        CardLocator.decode(HOLD.encode())


# ---- what must be shown ----------------------------------------------------------------------------


def test_root_says_who_holds_it_and_what_is_red() -> None:
    """Since when, by whom and why it is held; what is no longer true; how much is verified again."""
    shown = words(cards.launch_root(held_launch()))
    for word in ("Launch is on hold", "Priya Raman", "the CDN's incident", "commit `77aa01c9be42`",
                 "No longer true: 1", "2 of 3 replicas", "<@U0LAUNCH15>", "3 verified again",
                 "211 still true, 2 no longer true, 1 could not be looked at"):  # fmt: skip
        assert word in shown


def test_deciders_see_what_is_red_before_they_answer() -> None:
    """What is no longer true stands above the answers; the look and the changes below the button."""
    shown = words(cards.decision_card(changed_go_no_go()))
    places = [
        shown.index(word)
        for word in ("No longer true: 1", "Technical Lead", "Decide…", "211 still true", "Changed since")
    ]
    assert places == sorted(places)
    assert "True again · Backups are restorable" in shown
    assert "❓ Status page is up" in shown
    assert shown.index("Retargeted") < shown.index("Postponed")


def test_lists_are_bounded() -> None:
    """Hundreds of each leave a card that Slack takes, and the rest is counted."""
    many = LOOK.model_copy(update={"no_longer_true": LOOK.no_longer_true[:1] * 200})
    full = {"regressions": (RED,) * 200, "look": many, "changes": CHANGES * 100}
    whole = cards.decision_card(changed_go_no_go().model_copy(update=full))
    assert words(whole).count("more") >= 3
    cards.launch_root(held_launch().model_copy(update={"regressions": (RED,) * 200, "look": many}))


@pytest.mark.parametrize(
    ("fields", "rank", "word"),
    [
        ({"state": "running"}, Rank.MOVING, "Verified again"),
        ({"state": None}, Rank.MOVING, "Verified again"),
        ({"state": "deferred", "no_longer_true": True}, Rank.RED, "No longer true"),
        ({"state": "failed"}, Rank.ENDED_BADLY, "Failed"),
    ],
)
def test_item_that_runs_again_says_why(fields: dict[str, Any], rank: Rank, word: str) -> None:
    """From the moment that it was reopened, while its task runs as well."""
    one = item(1, "TLS is valid", again="the release commit was changed", **fields)
    assert (status_of(one).rank, status_of(one).word) == (rank, word)
    assert "the release commit was changed" in words(cards.section_cards(section(items=(one,)))[0])


def test_item_that_asks_again_says_why_beside_its_request() -> None:
    """The person sees that this is not the question of last week."""
    one = asking(1, "Runbook is current", again="the launch time was moved")
    assert "Verified again: the launch time was moved" in words(cards.section_cards(section(items=(one,)))[0])


def test_decision_that_is_asked_again_says_why() -> None:
    """The deciders see what took their Go back."""
    why = "“All replicas are ready” is no longer true"
    first, *rest = changed_go_no_go().items
    taken = first.model_copy(update={"outcome": None, "state": "awaiting_input", "waits": True, "again": why})
    card = cards.decision_card(changed_go_no_go().model_copy(update={"items": (taken, *rest)}))
    assert f"Asked again: {why}" in words(card)
    assert "*1 of 4 said Go*" in words(card)


def test_item_that_was_verified_again_is_done() -> None:
    """Its new record counts."""
    assert status_of(done(1, "a", Outcome.APPROVED)).rank is Rank.DONE


# ---- the form --------------------------------------------------------------------------------------


def sent(value: object, metadata: object = None) -> dict[str, Any]:
    given = {"reason": {"reason": {"type": "plain_text_input", "value": value}}}
    return {"private_metadata": metadata or HOLD.encode(), "state": {"values": given}}


def test_form_gives_back_launch_and_reason() -> None:
    """What was asked is what was meant."""
    modal = hold_modal(HOLD).payload()
    given = read_hold(sent(" the CDN is down ", modal["private_metadata"]))
    assert (given.located, given.reason) == (HOLD, "the CDN is down")
    assert read_hold(sent(None)).reason == ""
    assert reason_error("x" * 400)["errors"]["reason"].endswith("…")


@pytest.mark.parametrize(
    "view",
    [{}, sent(7), sent("x", "[]"), sent("\ud800"), sent("x" * 9000), {**sent("x"), "state": []},
     {**sent("x"), "state": {"values": {"reason": []}}}, {**sent("x"), "state": {"values": {}}}],
)  # fmt: skip
def test_other_forms_are_refused(view: dict[str, Any]) -> None:
    """Nothing is guessed."""
    with pytest.raises(AnswerRefused):
        read_hold(view)
