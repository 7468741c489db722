"""Cards, modals and notes: golden files, order, splitting, and who may tap what.

``UPDATE_GOLDEN=1`` writes the golden files anew; look at the difference before keeping it.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, Next, SetAside
from launch_pipeline.slack.messages import cards, elements, hold_modal, notes, review_modal
from launch_pipeline.slack.messages.block_kit import Message
from launch_pipeline.slack.messages.button_values import CardLocator, LaunchLocator
from launch_pipeline.slack.messages.item_status import status_of
from servers.slack_samples import (
    ADA,
    AIRFLOW,
    AT,
    CARLA,
    SVEN,
    asking,
    changed_go_no_go,
    done,
    go_no_go,
    held_launch,
    item,
    launch,
    phase_note,
    section,
    voices,
)

if TYPE_CHECKING:
    from launch_pipeline.slack.messages.block_kit import View

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "slack" / "golden"
REFUSED = AnswerRefused("not_your_role", "This belongs to the Security Lead: Sven Okafor may answer.")


def launch_note(kind: LaunchNoteKind, **fields: Any) -> LaunchNote:
    fixed: dict[str, Any] = {"key": f"shop-2.4.0/{kind}", "launch_id": "shop-2.4.0", "rehearsal": True}
    return LaunchNote(kind=kind, **fixed | {"what": "Shop 2.4.0", "url": AIRFLOW} | fields)


def postponed() -> LaunchNote:
    return launch_note(
        LaunchNoteKind.POSTPONED, by=("Priya Raman",), reason="the payment provider has a window",
        at=AT + timedelta(days=21), was=AT + timedelta(days=20),
        next=Next(what="Launch Day, T-2h", at=AT + timedelta(days=21, hours=-2)),
    )  # fmt: skip


def rollback() -> LaunchNote:
    return launch_note(
        LaunchNoteKind.ROLLBACK_OFFERED, what="Launch (T-0)", mentioned=(ADA, SVEN),
        failing=phase_note().failing, waivers=phase_note().waivers,
    )  # fmt: skip


PICTURES: dict[str, Message | View] = {
    "section_card": cards.section_cards(section())[0],
    "go_no_go_card": cards.decision_card(go_no_go()),
    "sign_off_card": cards.decision_card(go_no_go(RequestKind.SIGNATURE)),
    "launch_root": cards.launch_root(launch()),
    "go_no_go_after_changes": cards.decision_card(changed_go_no_go()),
    "launch_on_hold": cards.launch_root(held_launch()),
    "hold_modal": hold_modal.hold_modal(LaunchLocator(launch_id="shop-2.4.0", hold=True)),
    "review_modal": review_modal.review_modal(section(), "U0LAUNCH01", "C001LAUNCH", "1.000001"),
    "signature_modal": review_modal.review_modal(
        go_no_go(RequestKind.SIGNATURE), "U0LAUNCH04", "C001LAUNCH", "1.000001"
    ),
    "phase_failed": notes.phase_note(phase_note()),
    "phase_complete": notes.phase_note(
        phase_note(complete=True, failing=(), bypasses=(), problems=(), rehearsal=False,
                   next=Next(what="Infrastructure Setup (Week 2)", at=AT))
    ),
    "launch_postponed": notes.launch_note(postponed()),
    "rollback_offered": notes.launch_note(rollback()),
    "request": notes.request_note(section()),
    "reminder": notes.reminder(section(), section().items),
    "escalation": notes.escalation(section(), section().items),
    "refusal": notes.refusal(REFUSED, "Code review completed", AIRFLOW),
    "receipt": notes.receipt(
        [("Code review completed", "Approve")], [("No critical TODOs", REFUSED)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_message_is_as_it_was_looked_at(name: str) -> None:
    """What people read changes only on purpose."""
    picture = PICTURES[name]
    payload = picture.posted() if isinstance(picture, Message) else picture.payload()
    made = json.dumps(payload, indent=1, ensure_ascii=False) + "\n"
    file = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(made, encoding="utf-8")
    assert made == file.read_text(encoding="utf-8")


def words(message: Message) -> str:
    return json.dumps(message.posted(), ensure_ascii=False)


def buttons(message: Message) -> dict[str, dict[str, Any]]:
    rows = [block["elements"] for block in message.posted()["blocks"] if block["type"] == "actions"]
    return {button["action_id"]: button for row in rows for button in row}


@pytest.mark.parametrize("kind", LaunchNoteKind)
def test_every_event_of_a_launch_can_be_told(kind: LaunchNoteKind) -> None:
    """Each has words of its own, and carries its key."""
    message = notes.launch_note(launch_note(kind))
    assert message.metadata is not None
    assert message.metadata.event_payload == {"key": f"shop-2.4.0/{kind}"}
    assert "REHEARSAL" in message.text


def test_most_important_first() -> None:
    """What is red stands before what waits, before what is done; buttons before what needs nobody."""
    card = words(cards.section_cards(section())[0])
    places = [card.index(word) for word in ("Checks failed", "Waiting", "Review…", "Checking", "Passed")]
    assert places == sorted(places)


def test_approve_all_pins_what_may_be_approved() -> None:
    """A failing check is not among what one click approves, but is among what may be reviewed."""
    made = buttons(cards.section_cards(section())[0])
    pinned = CardLocator.decode(made["approve_mine"]["value"])
    assert [pin.task_instance_id[-1] for pin in pinned.pins] == ["3", "4"]
    assert len(CardLocator.decode(made["review"]["value"]).pins) == 3
    assert "confirm" in made["approve_mine"]


def test_nothing_to_do_leaves_only_the_link() -> None:
    """A finished section has no button that acts."""
    card = cards.section_cards(section(items=(done(1, "a"), done(2, "b", Outcome.WAIVED))))[0]
    assert set(buttons(card)) == {"open_in_airflow"}
    assert card.text == "REHEARSAL · Code Quality: 2 of 2 done"


@pytest.mark.parametrize(("number", "sizes"), [(1, [1]), (12, [12]), (13, [6, 7]), (40, [10] * 4)])
def test_large_sections_are_split_by_order_and_number_alone(number: int, sizes: list[int]) -> None:
    """A change of state moves no item to another message."""
    before = section(items=tuple(item(n, f"item {n}") for n in range(number)))
    after = section(items=tuple(done(n, f"item {n}") for n in range(number)))
    assert [len(part) for part in cards.split_items(before.items)] == sizes
    for one, other in zip(cards.section_cards(before), cards.section_cards(after), strict=True):
        assert {n for n in range(number) if f"item {n}\\n" in words(one)} == {
            n for n in range(number) if f"item {n}\\n" in words(other)
        }


def test_card_rings_the_first_and_names_the_backups() -> None:
    """Backups are called by an escalation, not by a card."""
    card = words(cards.section_cards(section(items=(asking(1, "a"),)))[0])
    assert "<@U0LAUNCH01> or Bo Sato" in card
    assert "<@U0LAUNCH12>" in words(notes.escalation(section(), section().items))


def test_decision_counts_only_a_yes() -> None:
    """A No go is not one of four that said Go."""
    no = done(
        1, "Technical Lead", Outcome.REJECTED, gate=RequestKind.DECISION, decided_by="Ada", reason="not yet"
    )
    view = section(items=(no, *voices(RequestKind.DECISION)[1:]), section_title="Go / No-Go")
    card = cards.section_cards(view)[0]
    assert "1 of 4 said Go" in card.text
    assert "🟥⬜🟩⬜" in words(card)
    assert "*Technical Lead* · No go · Ada" in words(card)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"outcome": Outcome.APPROVED, "state": "success"}, "Approved"),
        ({"answered_by": "Ada", "state": "awaiting_input", "waits": True}, "Answered"),
        ({"waits": True, "state": "deferred", "verdict": Verdict.INCONCLUSIVE}, "Could not be checked"),
        ({"waits": True, "state": "awaiting_input", "verdict": Verdict.PASSED}, "Waiting"),
        ({"state": "success"}, "Done, no record yet"),
        ({"state": "failed"}, "Failed"),
        ({"state": "up_for_retry"}, "Checking"),
        ({"state": None}, "Not started"),
    ],
)
def test_how_an_item_stands(fields: dict[str, Any], word: str) -> None:
    """A record's word comes first; green without a record is never called passed."""
    assert status_of(item(1, "a", **fields)).word == word


def test_options_of_a_person() -> None:
    """Approve is no option while checks fail; who may only waive sees only that; others see none."""
    failing = asking(1, "a", verdict=Verdict.FAILED, may_waive=(CARLA,))
    assert Answer.APPROVE not in failing.options_for("U0LAUNCH01")
    assert Answer.REJECT in failing.options_for("U0LAUNCH12")
    assert Answer.WAIVE not in failing.options_for("U0LAUNCH12")
    assert failing.options_for("U0LAUNCH04") == (Answer.WAIVE, Answer.NOT_APPLICABLE)
    assert failing.options_for("U0STRANGER") == ()
    assert done(1, "a").options_for("U0LAUNCH01") == ()


@pytest.mark.parametrize("style", RequestKind)
def test_refused_answer_is_explained_where_it_is_given_again(style: RequestKind) -> None:
    """Card and modal say why the last answer did not count; nothing of it stays once it is answered."""
    why = "Sign with your full name, Ada Lindqvist."
    again = asking(1, "a", gate=style, refused=why)
    view = section(items=(again,))
    modal = review_modal.review_modal(view, "U0LAUNCH01", "C001LAUNCH", "1.000001")
    for made in (words(cards.section_cards(view)[0]), json.dumps(modal.payload(), ensure_ascii=False)):
        assert f"The last answer did not count: {why}" in made
    answered = section(items=(again.model_copy(update={"answered_by": "Ada"}),))
    assert why not in words(cards.section_cards(answered)[0])


def test_all_that_was_set_aside_is_below_the_questions() -> None:
    """A thumb reaches the answer first; the form has the whole list, the card as much as fits."""
    aside = tuple(
        SetAside(text=f"Item {n:02}", outcome=Outcome.WAIVED, by="Ada Lindqvist", reason="because " * 15)
        for n in range(60)
    )
    view = go_no_go().model_copy(update={"set_aside": aside})
    modal = json.dumps(review_modal.review_modal(view, "U0LAUNCH04", "C001LAUNCH", "1.000001").payload())
    assert modal.index("60 without a yes so far*: the list is at the end") < modal.index("answer.0")
    assert modal.index("answer.0") < modal.index("Item 00")
    assert all(f"Item {n:02}" in modal for n in range(60))
    card = words(cards.decision_card(view))
    listed = sum(f"Item {n:02}" in card for n in range(60))
    assert 20 < listed < 60
    assert f"… {60 - listed} more" in card


def test_modal_without_a_question_cannot_be_sent() -> None:
    """A person without open items reads who is asked instead."""
    view = review_modal.review_modal(section(), "U0STRANGER", "C001LAUNCH", "1.000001")
    assert view.submit is None
    assert "Nothing here waits for you" in json.dumps(view.payload())
    assert "<@U0LAUNCH05>" in json.dumps(view.payload())


@pytest.mark.parametrize(
    ("on_failure", "said"),
    [
        ("Redraw them, then answer.", "To repair: Redraw them"),
        ("Read it (users, p95; errors) again. Then tune.", "To repair: Read it (users, p95; errors) again"),
        ("Go back to 1.4.1: see rollback.md; then ask", "To repair: Go back to 1.4.1: see rollback.md"),
        ("Close the bracket (if you can, then go", "To repair: Close the bracket (if you can"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_to_do_is_the_first_clause(on_failure: str, said: str) -> None:
    """A clause ends at a comma, semicolon or full stop that is not within brackets."""
    red = asking(1, "x", verdict=Verdict.FAILED, repair=on_failure)
    assert elements.repair(red, 200) == said
