"""Clicks that must have no effect: forged, stale, repeated and foreign ones, and hostile texts."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch_pipeline.slack.messages.elements import APPROVE_MINE, REVIEW
from launch_pipeline.slack.messages.review_modal import CALLBACK
from launch_rehearsal.slack_server.base.settings import member
from servers.slack import APP_TOKEN, BOT_TOKEN, until
from servers.slack_bridge import ADA, CHANNEL, OMAR, PRIYA, scene
from servers.slack_plugin import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.slack_bridge import Scene

pytestmark = pytest.mark.integration

WEEK_1 = "week_1_pre_launch_requirements"
DESIGN = {WEEK_1: ["requirements_design_review"]}
MIXED = (WEEK_1, "requirements_design_review")
NASTY = "<!channel> <@U0LAUNCH02> *boom* <http://evil.example|ok> {{ conn.secret }} \u202etxt"


def tapped(at: Scene, who: str, action_id: str = APPROVE_MINE, **action: Any) -> dict[str, Any]:
    """Build the payload of a tap on the posted card."""
    channel = at.slack.workspace.channel(CHANNEL)
    posted = channel.message(at.card(*MIXED))
    assert posted is not None
    made = {"type": "button", "action_id": action_id, "value": at.value(posted.ts, action_id), **action}
    return at.slack.hands.action_payload(who, channel, posted, made)


async def refused(at: Scene, payload: dict[str, Any], caplog: pytest.LogCaptureFixture, code: str) -> None:
    """Deliver it; it must be acknowledged, logged with this code, and ask Airflow nothing."""
    assert (await at.slack.sockets.deliver(payload)).acked
    await until(lambda: code in caplog.text)
    assert at.plugin.asked == []


def test_same_envelope_twice_acts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated delivery, or a replay, is acknowledged and has no second effect."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            payload = tapped(at, ADA)
            for _ in range(3):
                assert (await at.slack.sockets.deliver(payload)).acked
            await at.word(ADA)
            await at.slack.hands.click(OMAR, CHANNEL, at.card(*MIXED), APPROVE_MINE)
            await at.word(OMAR)
            assert len(at.plugin.asked) == 3
            assert len(at.told(ADA)) == 1

    asyncio.run(inside())


def test_stale_card_decides_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A card of before a clear names tries that are no more: told so, and nothing is asked of Airflow."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            for gate in at.plugin.gates.values():
                gate.again()
            await refused(at, tapped(at, ADA), caplog, "superseded")
            assert "earlier try" in await at.word(ADA)

    asyncio.run(inside())


def test_form_that_became_stale_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that was cleared while its form was filled in is not answered; the others are."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), REVIEW)
            await until(lambda: at.slack.workspace.views[ADA].view["callback_id"] == CALLBACK)
            at.plugin.gate(WEEK_1, "requirements_design_review.design_document_signed_off").again()
            await at.slack.hands.submit(ADA, {"answer.1": "Approve", "answer.2": "Approve"})
            word = await at.word(ADA)
            assert ("earlier try" in word, "Approve recorded" in word) == (True, True)
            assert len(at.plugin.taken()) == 1

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "unreadable_card"),
        ("not a locator", "unreadable_card"),
        ('[1,"shop-2.4.0","go_no_go","go_no_go",0,[]]', "unreadable_card"),
        ('[2,"shop-2.4.0","go_no_go","go_no_go",0,["a 1 not-a-digest"]]', "unreadable_card"),
        ('[9,"shop-2.4.0","d","s",0,[]]', "unreadable_card"),
        ('[2,"shop-2.4.0","../../etc","s",0,[]]', "unreadable_card"),
        ('[2,"another-launch","go_no_go","go_no_go",0,[]]', "launch_over"),
        ('[2,"shop-2.4.0","go_no_go","go_no_go",0,[]]', "superseded"),
        ('[2,"shop-2.4.0","week_1_pre_launch_requirements","security",0,[]]', "superseded"),
        ("[" * 2900, "unreadable_card"),
    ],
)
def test_forged_value_locates_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str, code: str
) -> None:
    """A value that we did not write, or that leads nowhere, is refused with a sentence and logged."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            await refused(at, tapped(at, ADA, value=value), caplog, code)
            assert "Not done" in await at.word(ADA)

    asyncio.run(inside())


def test_forged_pins_give_no_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that pins the items of others approves none of them."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            pins = [f"{gate.task_instance_id} 1" for gate in at.plugin.gates.values()]
            value = json.dumps([2, "shop-2.4.0", *MIXED, 0, pins])
            assert (await at.slack.sockets.deliver(tapped(at, PRIYA, value=value))).acked
            await at.word(PRIYA)
            owners = {gate.planned.item.owner for gate in at.plugin.gates.values() if gate.taken}
            assert owners == {"product_manager"}

    asyncio.run(inside())


def test_forged_form_is_judged_by_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form filled in with an answer that was never offered is refused, and nothing is taken."""

    async def inside() -> None:
        async with scene(monkeypatch, go_no_go=["go_no_go"]) as at:
            await at.slack.hands.click(ADA, CHANNEL, at.card("go_no_go", "go_no_go"), REVIEW)
            await until(lambda: at.slack.workspace.views[ADA].view["callback_id"] == CALLBACK)
            other = at.plugin.gate("go_no_go", "go_no_go.cto_go").task_instance_id
            metadata = json.dumps(
                [[2, "shop-2.4.0", "go_no_go", "go_no_go", 0, [f"{other} 1"]], CHANNEL, at.root]
            )
            await at.slack.hands.submit(ADA, {"answer.0": "Go"}, private_metadata=metadata)
            assert "belongs to the CTO" in await at.word(ADA)
            assert at.plugin.taken() == {}

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("api_app_id", "A0SOMEBODY", "foreign_app"),
        ("team", {"id": "T0ELSEWHERE", "domain": "x"}, "foreign_team"),
        ("container", {"message_ts": "1.000001", "channel_id": "C0ELSEWHERE"}, "foreign_channel"),
        ("user", {"id": "not an id"}, "unreadable_click"),
        ("actions", [], "unreadable_click"),
    ],
)  # fmt: skip
def test_click_from_elsewhere_counts_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, field: str, value: Any, code: str
) -> None:
    """Another app, workspace or channel, or nobody at all: acknowledged, logged, and without effect."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            payload = tapped(at, ADA) | {field: value}
            if field == "actions":
                # Bolt itself reads the first action, so this one ends there.
                assert (await at.slack.sockets.deliver(payload)).acked
            else:
                await refused(at, payload, caplog, code)
            if code == "foreign_channel":
                assert "in the launch channel only" in await at.word(ADA)
            assert at.plugin.asked == []

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"deleted": True}, "deactivated"),
        ({"is_bot": True}, "Bots cannot answer"),
        ({"is_restricted": True}, "Guests"),
        ({"is_ultra_restricted": True}, "Guests"),
        ({"is_stranger": True}, "not a member of this workspace"),
        ({"team_id": "T0ELSEWHERE"}, "not a member of this workspace"),
    ],
)
def test_only_full_members_act(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, flags: dict[str, Any], sentence: str
) -> None:
    """A user who is not a full, active member of our workspace is refused, whatever their roles are."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.slack.workspace.users[ADA] = member(ADA, "Ada Lindqvist", "ada@example.org", **flags)
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), APPROVE_MINE)
            assert sentence in await at.word(ADA)
            assert f"Refused {ADA}" in caplog.text
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), REVIEW)
            await until(
                lambda: "Guests" in str(at.slack.workspace.views) or sentence in str(at.slack.workspace.views)
            )
            assert at.plugin.asked == []

    asyncio.run(inside())


def test_reason_goes_into_the_record_as_typed_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Typed text reaches Airflow unchanged; it is neither logged nor shown as markup."""

    async def inside() -> None:
        caplog.set_level(logging.DEBUG)
        async with scene(monkeypatch, **DESIGN) as at:
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), REVIEW)
            await until(lambda: at.slack.workspace.views[ADA].view["callback_id"] == CALLBACK)
            await at.slack.hands.submit(ADA, {"answer.1": "Reject", "reason.1": NASTY})
            word = await at.word(ADA)
            assert at.plugin.asked[0].reason == NASTY
            assert "<!channel>" not in word
            assert "boom" not in caplog.text

    asyncio.run(inside())


def test_refusals_are_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a refusal quotes mentions nobody and links nowhere."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.slack.workspace.users["U0NASTY"] = member("U0NASTY", NASTY)
            at.slack.workspace.channel(CHANNEL).members.add("U0NASTY")
            monkeypatch.setattr(at.plugin, "triggered_by", NASTY)
            await at.slack.hands.click("U0NASTY", CHANNEL, at.card(*MIXED), APPROVE_MINE)
            word = await at.word("U0NASTY")
            assert "not in the launch&" in word or "not in the launch's contacts" in word
            assert ("<!channel>" in word, "<http" in word) == (False, False)

    asyncio.run(inside())


def test_no_secret_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Even with everything logged: no token, no password, no body."""

    async def inside() -> None:
        caplog.set_level(logging.DEBUG)
        async with scene(monkeypatch, **DESIGN) as at:
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), APPROVE_MINE)
            await at.word(ADA)
            opened = at.slack.sockets.opened
            at.slack.sockets.drop()
            await until(lambda: at.slack.sockets.opened > opened)
            at.plugin.expire()
            await at.slack.hands.click(OMAR, CHANNEL, at.card(*MIXED), APPROVE_MINE)
            await at.word(OMAR)
            await at.slack.sockets.deliver({"type": "shortcut", "callback_id": "x", "token": "verification"})

    asyncio.run(inside())
    for secret in (BOT_TOKEN, APP_TOKEN, PASSWORD, "verification", "Bearer", "response_url", "trigger_id"):
        assert secret not in caplog.text


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[asyncio.Runner, Scene]]:
    """Open a scene that lasts for many examples."""
    with asyncio.Runner() as runner:
        held = scene(monkeypatch, **DESIGN)
        at = runner.run(held.__aenter__())
        yield runner, at
        runner.run(held.__aexit__(None, None, None))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_arrives_is_acknowledged(stage: tuple[asyncio.Runner, Scene], data: st.DataObject) -> None:
    """Payloads with any part replaced, or with none that fits: acknowledged, and no answer is invented."""
    runner, at = stage
    click = tapped(at, PRIYA, data.draw(st.sampled_from([APPROVE_MINE, REVIEW])))
    view = {"callback_id": CALLBACK, "type": "modal", "private_metadata": "[]", "state": {"values": {}}}
    sent = {**click, "type": "view_submission", "view": view}
    payload: Any = copy.deepcopy(data.draw(st.sampled_from([click, sent])))
    where = payload
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(sorted(where)))
        if isinstance(where[place], dict) and where[place]:
            where = where[place]
    where[place] = data.draw(JUNK)
    delivery = runner.run(at.slack.sockets.deliver(payload, answerable=True))
    assert (delivery.acked, delivery.attempts) == (True, 1)
    assert not [asked for asked in at.plugin.asked if asked.slack_id != PRIYA]
