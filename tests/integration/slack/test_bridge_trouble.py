"""Slack and Airflow come and go: no answer is lost in silence, none is given twice, none is invented."""

from __future__ import annotations

import asyncio

import pytest

from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.messages.elements import APPROVE_MINE, REVIEW
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind
from launch_rehearsal.slack_server.base.settings import Token
from servers.slack import BOT_TOKEN, CONTACTS, client, slack, until
from servers.slack_bridge import ADA, BO, CHANNEL, HASTY, QUICK, Scene, Shelf, running, scene
from servers.slack_plugin import PluginStandIn

pytestmark = pytest.mark.integration

WEEK_1 = "week_1_pre_launch_requirements"
DESIGN = {WEEK_1: ["requirements_design_review"]}
MIXED = (WEEK_1, "requirements_design_review")
RECORDED = "Approve recorded"


async def approve(at: Scene, who: str = ADA) -> None:
    """Tap *Approve all that are mine*."""
    delivery = await at.slack.hands.click(who, CHANNEL, at.card(*MIXED), APPROVE_MINE)
    assert delivery.acked


# ---- Airflow ---------------------------------------------------------------------------------------


def test_answer_waits_for_the_api_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A click while the api-server is away is recorded when it is back, and the person is told once."""

    async def inside() -> None:
        caplog.set_level("INFO")
        async with scene(monkeypatch, **DESIGN) as at:
            await at.plugin.stop()
            await approve(at)
            await until(lambda: caplog.text.count("trying again") >= 2)
            assert at.told(ADA) == []
            await at.plugin.start()
            assert (await at.word(ADA)).count(RECORDED) == 3
            assert len(at.plugin.taken()) == 3

    asyncio.run(inside())


def test_api_server_restarts_in_the_middle_of_a_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions that were cut are given again, and each is taken once."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.plugin.slow.clear()
            await approve(at)
            await until(lambda: len(at.plugin.asked) == 3)
            await at.plugin.stop()
            at.plugin.slow.set()
            await at.plugin.start()
            assert (await at.word(ADA)).count(RECORDED) == 3
            assert len(at.plugin.asked) == 6

    asyncio.run(inside())


def test_lost_reply_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was taken although its reply never came counts as this person's own."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.plugin.lost = 3
            await approve(at)
            word = await at.word(ADA)
            assert (word.count(RECORDED), "Already" in word) == (3, False)
            assert len(at.plugin.taken()) == 3
            assert len(at.plugin.asked) == 6

    asyncio.run(inside())


def test_lost_reply_and_a_colleague_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request was lost before it was taken, and a colleague answered meanwhile: they are named."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.plugin.slow.clear()
            await approve(at)
            await until(lambda: len(at.plugin.asked) == 3)
            await at.plugin.stop()
            for asked in at.plugin.asked[:3]:
                gate = at.plugin.gate(asked.dag_id, asked.task_id)
                gate.taken, gate.person = asked, contacts().by_slack_id(BO)
            at.plugin.slow.set()
            await at.plugin.start()
            assert (await at.word(ADA)).count("Already answered by Bo Sato") == 3

    asyncio.run(inside())


def test_busy_gate_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that another answer holds, or a proxy's 503, is tried again."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.plugin.busy, at.plugin.unwell = 2, 1
            await approve(at)
            assert (await at.word(ADA)).count(RECORDED) == 3

    asyncio.run(inside())


def test_person_is_told_that_nothing_was_recorded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When Airflow stays away, the person reads so, where to look, and the log has it."""

    async def inside() -> None:
        async with scene(monkeypatch, HASTY, **DESIGN) as at:
            await at.plugin.stop()
            await approve(at)
            word = await at.word(ADA)
            assert ("NOT recorded" in word, "Open Airflow" in word) == (True, True)
            assert at.plugin.asked == []
            assert "not_recorded" in caplog.text

    asyncio.run(inside())


def test_sent_form_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for a form: it has closed, so only a word says that its answers were not recorded."""

    async def inside() -> None:
        async with scene(monkeypatch, HASTY, **DESIGN) as at:
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), REVIEW)
            await until(lambda: at.slack.workspace.views[ADA].view["callback_id"] == "review_submitted")
            at.plugin.busy = 1000
            assert (await at.slack.hands.submit(ADA, {"answer.1": "Approve"})).closed
            assert "NOT recorded" in await at.word(ADA)
            assert at.plugin.taken() == {}

    asyncio.run(inside())


def test_token_that_ended_is_renewed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the api-server forgets our token, the next click signs in again, once for all its decisions."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            await at.slack.hands.click(BO, CHANNEL, at.card(*MIXED), REVIEW)
            await until(lambda: at.plugin.sign_ins == 1)
            at.plugin.expire()
            await approve(at)
            assert (await at.word(ADA)).count(RECORDED) == 3
            assert at.plugin.sign_ins == 2

    asyncio.run(inside())


def test_wrong_password_is_told_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bridge whose account Airflow refuses says so at once instead of trying for two minutes."""

    async def inside() -> None:
        async with slack() as standin, PluginStandIn(**DESIGN) as plugin:
            at = Scene(standin, plugin)
            await at.post()
            async with running(at, password="not-this-one"):
                await approve(at)
                assert "LAUNCH_SLACK_PASSWORD" in await at.word(ADA)

    monkeypatch.setenv("LAUNCH_CONTACTS", str(CONTACTS))
    asyncio.run(inside())
    assert "not_recorded" in caplog.text
    assert "not-this-one" not in caplog.text


# ---- Slack -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="chat.postEphemeral", kind=FaultKind.RATE_LIMIT, times=2, retry_after=0),
        Fault(method="chat.postEphemeral", kind=FaultKind.STATUS, times=2),
        Fault(method="chat.postEphemeral", kind=FaultKind.DROP, times=2),
    ],
    ids=lambda fault: fault.kind.value,
)
def test_receipt_arrives_in_the_end(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """A receipt that Slack does not take at first is sent again."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.slack.faults.add(fault)
            await approve(at)
            assert RECORDED in await at.word(ADA)
            assert at.slack.faults.met == 2

    asyncio.run(inside())


def test_receipt_finds_its_way_without_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the thread's root was deleted, the receipt is shown in the channel."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            await client(at.slack).chat_delete(channel=CHANNEL, ts=at.root)
            await approve(at)
            assert RECORDED in await at.word(ADA)
            assert at.told(ADA)[0].thread_ts is None

    asyncio.run(inside())


def test_answer_counts_although_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack's Web API being down keeps no answer of a known person from Airflow."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), REVIEW)
            await until(lambda: at.slack.workspace.views[ADA].view["callback_id"] == "review_submitted")
            at.slack.faults.add(Fault(kind=FaultKind.STATUS, times=1000))
            await approve(at)
            await until(lambda: len(at.plugin.taken()) == 3)
            assert at.told(ADA) == []

    asyncio.run(inside())


def test_unknown_person_is_refused_while_slack_does_not_say_who(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's identity is never guessed: if Slack does not answer, nothing is done, and they read so."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.slack.faults.add(Fault(method="users.info", kind=FaultKind.STATUS, times=1))
            await approve(at)
            assert "did not say who you are" in await at.word(ADA)
            assert at.plugin.asked == []

    asyncio.run(inside())


def test_form_that_did_not_open_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger lives three seconds: when Slack refuses the form, the person is asked to tap again."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.slack.faults.add(Fault(method="views.open", kind=FaultKind.RATE_LIMIT, retry_after=30))
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), REVIEW)
            assert "click the button again" in await at.word(ADA)

    asyncio.run(inside())


@pytest.mark.parametrize("how", ["drop", "disconnect", "silence"])
def test_socket_that_ends_is_replaced(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Cut, asked to leave, or silently dead: the bridge comes back and the next click counts."""

    async def inside() -> None:
        async with scene(monkeypatch, ack_seconds=15, **DESIGN) as at:
            opened, sockets = at.slack.sockets.opened, at.slack.sockets
            await sockets.disconnect() if how == "disconnect" else getattr(sockets, how)()
            await until(lambda: sockets.opened > opened)
            await approve(at)
            assert RECORDED in await at.word(ADA)

    asyncio.run(inside())


def test_bridge_waits_for_slack_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started while Slack is down, it listens as soon as Slack is back; nobody starts it again."""

    async def inside() -> None:
        async with slack() as standin, PluginStandIn(**DESIGN) as plugin:
            at = Scene(standin, plugin)
            await at.post()
            for method in ("auth.test", "apps.connections.open"):
                standin.faults.add(Fault(method=method, kind=FaultKind.STATUS, times=1))
            async with running(at) as bridge:
                await approve(at)
                assert RECORDED in await at.word(ADA)
                assert not bridge.done()

    monkeypatch.setenv("LAUNCH_CONTACTS", str(CONTACTS))
    asyncio.run(inside())


def _only(*scopes: str) -> tuple[Token, ...]:
    return (
        Token(text=BOT_TOKEN, scopes=scopes),
        Token(text="xapp-rehearsal-bridge", scopes=("connections:write",)),
    )


@pytest.mark.parametrize(
    ("fields", "tokens", "told"),
    [
        ({"bot_token": "xoxb-never-given"}, None, "LAUNCH_SLACK_BOT_TOKEN: Slack refuses this token"),
        ({"app_token": "xapp-never-given"}, None, "LAUNCH_SLACK_APP_TOKEN: Slack refuses this token"),
        ({"app_token": BOT_TOKEN}, None, "LAUNCH_SLACK_APP_TOKEN: Slack refuses this token"),
        ({}, _only("chat:write"), "users:read"),
        ({}, _only("users:read"), "chat:write"),
        ({"channel": "C0NOWHERE"}, None, "LAUNCH_SLACK_CHANNEL: Slack says channel_not_found"),
        ({"channel": "C005LAUNCH"}, None, "/invite @launch-gates"),
    ],
)
def test_what_a_person_must_mend_is_said_at_the_start(
    fields: dict[str, str], tokens: tuple[Token, ...] | None, told: str
) -> None:
    """A wrong token, a missing scope, a channel the app is not in: named with its fix, and no waiting."""

    async def inside() -> None:
        async with slack(**({"tokens": tokens} if tokens else {})) as standin, PluginStandIn() as plugin:
            standin.workspace.add_channel("private-club", members=[ADA])
            async with running(Scene(standin, plugin), QUICK, **fields) as bridge:
                await bridge

    with pytest.raises(ConfigurationError) as wrong:
        asyncio.run(inside())
    assert told in str(wrong.value)


# ---- the bridge itself -----------------------------------------------------------------------------


def test_killed_between_acknowledgement_and_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is recorded, nobody is told otherwise, and the same card works with the next bridge."""
    monkeypatch.setenv("LAUNCH_CONTACTS", str(CONTACTS))

    async def inside() -> None:
        async with slack() as standin, PluginStandIn(**DESIGN) as plugin:
            at = Scene(standin, plugin)
            await at.post()
            standin.faults.add(Fault(method="users.info", kind=FaultKind.SILENCE))
            async with running(at) as bridge:
                await approve(at)
                await until(lambda: standin.api.calls["users.info"] == 1)
                bridge.cancel()
                await asyncio.gather(bridge, return_exceptions=True)
            assert (plugin.asked, at.told(ADA)) == ([], [])
            async with running(at):
                await approve(at)
                assert (await at.word(ADA)).count(RECORDED) == 3

    asyncio.run(inside())


def test_killed_between_decision_and_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Airflow has taken stays taken; with the next bridge a second tap is told so."""

    async def inside() -> None:
        async with slack() as standin, PluginStandIn(**DESIGN) as plugin:
            at = Scene(standin, plugin)
            await at.post()
            async with running(at) as bridge:
                standin.faults.add(Fault(method="chat.postEphemeral", kind=FaultKind.SILENCE))
                await approve(at)
                await until(lambda: len(plugin.taken()) == 3)
                bridge.cancel()
                await asyncio.gather(bridge, return_exceptions=True)
            standin.faults.clear()
            async with running(at):
                await approve(at)
                assert (await at.word(ADA)).count("Already decided by Ada Lindqvist") == 3
            assert len(plugin.asked) == 3

    monkeypatch.setenv("LAUNCH_CONTACTS", str(CONTACTS))
    asyncio.run(inside())


def test_stopping_lets_answers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bridge that is told to stop finishes what people have tapped, then the cards, then ends."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            at.plugin.slow.clear()
            await approve(at)
            await until(lambda: len(at.plugin.asked) == 3)
            asyncio.get_running_loop().call_later(0.2, at.plugin.slow.set)
        assert len(at.plugin.taken()) == 3
        assert at.shelf.stopped

    asyncio.run(inside())


def test_two_bridges_answer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two bridges each click goes to one, and one that both got is taken once."""

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at, at.bridge():
            await until(lambda: len(at.slack.sockets.connections) == 2)
            channel = at.slack.workspace.channel(CHANNEL)
            posted = channel.message(at.card(*MIXED))
            assert posted is not None
            button = {"action_id": APPROVE_MINE, "value": at.value(posted.ts, APPROVE_MINE), "type": "button"}
            payload = at.slack.hands.action_payload(ADA, channel, posted, button)
            # One after the other in turn: each bridge gets it.
            await asyncio.gather(at.slack.sockets.deliver(payload), at.slack.sockets.deliver(payload))
            words = await at.word(ADA) + await at.word(ADA, 1)
            assert words.count(RECORDED) == 3
            assert len(at.plugin.taken()) == 3

    asyncio.run(inside())


def test_projection_that_fails_keeps_nobody_from_answering(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Cards that cannot be kept are begun again; the bridge listens all the while."""
    monkeypatch.setattr("launch_pipeline.slack.bridge.app._AGAIN_SECONDS", 0.05)
    runs: list[asyncio.Event] = []

    async def fails(_self: Shelf, stop: asyncio.Event) -> None:
        runs.append(stop)
        if len(runs) < 3:
            raise ZeroDivisionError
        await stop.wait()

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            await until(lambda: len(runs) == 3)
            await approve(at)
            assert RECORDED in await at.word(ADA)

    monkeypatch.setattr(Shelf, "run", fails)
    asyncio.run(inside())
    assert caplog.text.count("cards are out of date") == 2


@pytest.mark.parametrize("action", [APPROVE_MINE, REVIEW])
def test_fault_of_ours_never_looks_like_success(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """Whatever breaks in the bridge itself, the person reads that nothing was recorded."""

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            monkeypatch.setattr("launch_pipeline.slack.bridge.interactions.handlers.locate_section", breaks)
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), action)
            said = at.slack.workspace
            await until(lambda: "nothing was recorded" in str(said.views) + str(at.told(ADA)))
            assert at.plugin.asked == []

    asyncio.run(inside())


def test_form_that_breaks_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form that the bridge fails to read is not closed: closing would look like taking it."""

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    async def inside() -> None:
        async with scene(monkeypatch, **DESIGN) as at:
            await at.slack.hands.click(ADA, CHANNEL, at.card(*MIXED), REVIEW)
            await until(lambda: at.slack.workspace.views[ADA].view["callback_id"] == "review_submitted")
            monkeypatch.setattr("launch_pipeline.slack.bridge.interactions.handlers.faults", breaks)
            sent = await at.slack.hands.submit(ADA, {"answer.1": "Approve"})
            assert not sent.closed
            assert "nothing was recorded" in sent.errors["answer.0"]

    asyncio.run(inside())
