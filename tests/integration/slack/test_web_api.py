"""The stand-in's Web API as Slack's own client meets it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)

from launch_pipeline.slack.messages.cards import section_cards
from launch_pipeline.slack.messages.review_modal import review_modal
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind
from launch_rehearsal.slack_server.base.settings import BOT_USER, Token, member
from servers.slack import APP_TOKEN, BOT_TOKEN, CHECK_TOKEN, client, slack
from servers.slack_samples import section

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from launch_rehearsal.slack_server.server import SlackServer

pytestmark = pytest.mark.integration

CARD = section_cards(section())[0]
VIEW = review_modal(section(), "U0LAUNCH01", "C001LAUNCH", "1.000001").payload()
ADA = "U0LAUNCH01"


async def error_of(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


def test_card_is_posted_updated_and_threaded() -> None:
    """A message keeps its id through an update, a reply hangs below its root, a link leads to it."""

    async def inside() -> None:
        async with slack() as standin:
            api = client(standin)
            posted = await api.chat_postMessage(channel="launch", **CARD.posted())
            channel, ts = posted["channel"], posted["ts"]
            reply = await api.chat_postMessage(channel=channel, thread_ts=ts, text="hello")
            updated = await api.chat_update(channel=channel, ts=ts, **CARD.updated() | {"text": "changed"})
            link = await api.chat_getPermalink(channel=channel, message_ts=reply["ts"])
            message = standin.workspace.channel("launch").message(ts)
            assert message is not None
            assert (updated["ts"], message.text, message.edits) == (ts, "changed", 1)
            assert reply["message"]["thread_ts"] == ts
            assert f"thread_ts={ts}" in link["permalink"]
            async with aiohttp.ClientSession() as http, http.get(link["permalink"]) as page:
                assert (page.status, page.url.query["thread"]) == (200, ts)

    asyncio.run(inside())


def test_ephemeral_is_seen_by_one() -> None:
    """A refusal is shown to the person who acted, and to members only."""

    async def inside() -> None:
        async with slack() as standin:
            api = client(standin)
            await api.chat_postEphemeral(channel="launch", user=ADA, text="no")
            (message,) = standin.workspace.channel("launch").messages
            assert message.only_for == ADA
            stranger = api.chat_postEphemeral(channel="launch", user="U0STRANGER", text="no")
            assert await error_of(stranger) == "user_not_in_channel"

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"channel": "nowhere", "text": "x"}, "channel_not_found"),
        ({"channel": "launch", "text": "x", "blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"channel": "launch", "text": "x", "blocks": "[not json"}, "invalid_blocks"),
        ({"channel": "launch", "text": "x" * 4001}, "msg_too_long"),
        ({"channel": "launch", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        (
            {
                "channel": "launch", "text": "x",
                "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2800}}] * 3,
            },
            "msg_blocks_too_long",
        ),
    ],
)  # fmt: skip
def test_what_slack_would_refuse_is_refused(fields: dict[str, Any], error: str) -> None:
    """The stand-in is as strict as the schema before sending."""

    async def inside() -> None:
        async with slack() as standin:
            assert await error_of(client(standin).chat_postMessage(**fields)) == error
            empty = client(standin).api_call("chat.postMessage", json={"channel": "launch"})
            assert await error_of(empty) == "no_text"

    asyncio.run(inside())


def test_bot_speaks_only_where_it_was_invited() -> None:
    """Without chat:write.public a bot must be in the channel; of others' messages it changes none."""

    async def inside() -> None:
        async with slack() as standin:
            standin.workspace.add_channel("private-club", members=[ADA])
            api = client(standin)
            assert await error_of(api.chat_postMessage(channel="private-club", text="x")) == "not_in_channel"
            said = standin.workspace.say(ADA, "launch", "mine")
            change = api.chat_update(channel="launch", ts=said.ts, text="x")
            assert await error_of(change) == "cant_update_message"
            change = api.chat_update(channel="launch", ts="1.000001", text="x")
            assert await error_of(change) == "message_not_found"

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("xoxb-never-given", "auth.test", "invalid_auth"),
        (APP_TOKEN, "chat.postMessage", "not_allowed_token_type"),
        (BOT_TOKEN, "apps.connections.open", "not_allowed_token_type"),
        (BOT_TOKEN, "conversations.history", "missing_scope"),
        (CHECK_TOKEN, "chat.postMessage", "missing_scope"),
        (BOT_TOKEN, "chat.meMessage", "unknown_method"),
    ],
)
def test_token_must_be_of_the_right_kind_and_have_the_scope(token: str, method: str, error: str) -> None:
    """A token opens what it was made for and nothing else; the bridge's reads no history."""

    async def inside() -> None:
        async with slack() as standin:
            assert await error_of(client(standin, token).api_call(method)) == error

    asyncio.run(inside())


def test_missing_scope_is_named() -> None:
    """The error names the scope that the app needs."""

    async def inside() -> None:
        async with slack() as standin:
            with pytest.raises(SlackApiError) as refused:
                await client(standin, CHECK_TOKEN).chat_postMessage(channel="launch", text="x")
            assert refused.value.response["needed"] == "chat:write"
            assert refused.value.response["provided"] == "channels:read,channels:history,users:read"

    asyncio.run(inside())


def test_trigger_opens_one_modal_soon() -> None:
    """A trigger id is spent once, and is worth nothing after three seconds."""

    async def inside() -> None:
        async with slack() as standin:
            api, workspace = client(standin), standin.workspace
            trigger = workspace.new_trigger(ADA)
            opened = await api.views_open(trigger_id=trigger, view=VIEW)
            assert workspace.views[ADA].id == opened["view"]["id"]
            assert await error_of(api.views_open(trigger_id=trigger, view=VIEW)) == "exchanged_trigger_id"
            late, now = workspace.new_trigger(ADA), workspace.clock()
            workspace.clock = lambda: now + 3.1
            assert await error_of(api.views_open(trigger_id=late, view=VIEW)) == "expired_trigger_id"
            assert await error_of(api.views_open(trigger_id="1.2.3", view=VIEW)) == "invalid_trigger_id"

    asyncio.run(inside())


def test_modal_is_checked_and_changed_by_hash() -> None:
    """A modal beyond a limit is refused; one that changed meanwhile is not overwritten."""

    async def inside() -> None:
        async with slack() as standin:
            api, trigger = client(standin), standin.workspace.new_trigger
            long = VIEW | {"title": {"type": "plain_text", "text": "x" * 25}}
            assert await error_of(api.views_open(trigger_id=trigger(ADA), view=long)) == "invalid_arguments"
            opened = (await api.views_open(trigger_id=trigger(ADA), view=VIEW))["view"]
            changed = await api.views_update(view_id=opened["id"], hash=opened["hash"], view=VIEW)
            assert changed["view"]["hash"] != opened["hash"]
            again = api.views_update(view_id=opened["id"], hash=opened["hash"], view=VIEW)
            assert await error_of(again) == "hash_conflict"
            for _ in range(2):
                await api.views_push(trigger_id=trigger(ADA), view=VIEW)
            pushed = api.views_push(trigger_id=trigger(ADA), view=VIEW)
            assert await error_of(pushed) == "push_limit_reached"

    asyncio.run(inside())


def test_people_and_channels() -> None:
    """Who is who, who is in, who is away; the e-mail only with its own scope."""
    by_email = Token(text="xoxb-rehearsal-email", scopes=("users:read", "users:read.email"))

    async def inside() -> None:
        async with slack(
            tokens=(by_email, Token(text=CHECK_TOKEN, scopes=("channels:read", "users:read")))
        ) as standin:
            standin.workspace.users["U0GUEST"] = member("U0GUEST", "Gus Guest", is_restricted=True)
            standin.workspace.away.add(ADA)
            api, named = client(standin, CHECK_TOKEN), client(standin, by_email.text)
            ada = (await api.users_info(user=ADA))["user"]
            assert (ada["real_name"], ada["team_id"], "email" in ada["profile"]) == (
                "Ada Lindqvist",
                "T0REHEARSAL",
                False,
            )
            assert (await named.users_info(user=ADA))["user"]["profile"][
                "email"
            ] == "ada.lindqvist@example.org"
            assert (await named.users_lookupByEmail(email="ADA.Lindqvist@example.org"))["user"]["id"] == ADA
            assert (await api.users_info(user="U0GUEST"))["user"]["is_restricted"] is True
            assert (await api.users_getPresence(user=ADA))["presence"] == "away"
            assert await error_of(api.users_info(user="U0NOBODY")) == "user_not_found"
            listed = await api.conversations_list(limit=2)
            assert [channel["name"] for channel in listed["channels"]] == ["launch", "launch-war-room"]
            assert listed["response_metadata"]["next_cursor"] == "2"
            assert BOT_USER in (await api.conversations_members(channel="C001LAUNCH"))["members"]
            assert (await api.conversations_info(channel="C001LAUNCH"))["channel"]["is_member"] is True

    asyncio.run(inside())


def test_history_is_read_by_who_may() -> None:
    """The checks' own token reads what was said, newest first, without replies and ephemerals."""

    async def inside() -> None:
        async with slack() as standin:
            root = standin.workspace.say(ADA, "launch", "first")
            standin.workspace.say(ADA, "launch", "reply", root.ts)
            await client(standin).chat_postEphemeral(channel="launch", user=ADA, text="secret")
            await client(standin).chat_postMessage(channel="launch", text="second")
            checks = client(standin, CHECK_TOKEN)
            history = await checks.conversations_history(channel="C001LAUNCH")
            assert [message["text"] for message in history["messages"]] == ["second", "first"]
            thread = await checks.conversations_replies(channel="C001LAUNCH", ts=root.ts)
            assert [message["text"] for message in thread["messages"]] == ["first", "reply"]

    asyncio.run(inside())


def test_rate_limit_is_waited_out_by_the_sdk() -> None:
    """With its retry handler the client honours Retry-After; without, it says what happened."""

    async def inside() -> None:
        async with slack() as standin:
            fault = Fault(method="chat.postMessage", kind=FaultKind.RATE_LIMIT, retry_after=1)
            standin.faults.add(fault)
            assert (
                await error_of(client(standin).chat_postMessage(channel="launch", text="x")) == "ratelimited"
            )
            standin.faults.add(fault)
            began = asyncio.get_running_loop().time()
            patient = client(standin, retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=2)])
            await patient.chat_postMessage(channel="launch", text="x")
            assert asyncio.get_running_loop().time() - began >= 1
            assert len(standin.workspace.channel("launch").messages) == 1
            assert standin.api.calls["chat.postMessage"] == 3

    asyncio.run(inside())


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.DROP])
def test_trouble_of_slack_is_retried_by_the_sdk(kind: FaultKind) -> None:
    """A 5xx and a dropped connection pass; the message arrives once."""

    async def inside() -> None:
        async with slack() as standin:
            standin.faults.add(Fault(kind=kind))
            handlers = [AsyncServerErrorRetryHandler(), AsyncConnectionErrorRetryHandler()]
            await client(standin, retry_handlers=handlers).chat_postMessage(channel="launch", text="x")
            assert len(standin.workspace.channel("launch").messages) == 1

    asyncio.run(inside())


def test_answer_that_is_lost_after_the_deed() -> None:
    """Slack may have done what nobody heard of; the SDK's own handlers then post a second time."""

    async def inside() -> None:
        async with slack() as standin:
            said = standin.workspace.channel("launch").messages
            standin.faults.add(Fault(kind=FaultKind.LATE))
            with pytest.raises(aiohttp.ClientError):
                await client(standin, retry_handlers=[]).chat_postMessage(channel="launch", text="x")
            assert len(said) == 1
            standin.faults.add(Fault(kind=FaultKind.LATE))
            await client(standin).chat_postMessage(channel="launch", text="y")
            assert [message.text for message in said] == ["x", "y", "y"]

    asyncio.run(inside())


def test_silence_ends_with_the_callers_patience() -> None:
    """A Slack that says nothing costs its caller a timeout, not for ever."""

    async def inside() -> None:
        async with slack() as standin:
            standin.faults.add(Fault(method="auth.test", kind=FaultKind.SILENCE))
            with pytest.raises(TimeoutError):
                await client(standin, timeout=1).auth_test()
            assert (await client(standin).auth_test())["user_id"] == BOT_USER

    asyncio.run(inside())


async def control(standin: SlackServer, method: str, path: str, **fields: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.request(method, standin.url + path, **fields) as answer:
        return answer.status, await answer.json()


def test_controls_for_other_processes() -> None:
    """Faults are added and taken back, the state is read, and what is not there is said so."""

    async def inside() -> None:
        async with slack() as standin:
            fault = {"kind": "status", "times": 5}
            assert (await control(standin, "POST", "/control/faults", json=fault))[0] == 200
            assert (await control(standin, "POST", "/control/faults", json={"kind": "plague"}))[0] == 400
            assert (await control(standin, "DELETE", "/control/faults"))[0] == 200
            await client(standin).chat_postMessage(channel="launch", text="x")
            said = {"channel": "launch", "text": "hello"}
            assert (await control(standin, "POST", f"/control/people/{ADA}/say", json=said))[0] == 200
            _, state = await control(standin, "GET", "/control/state")
            assert [m["text"] for m in state["channels"][0]["messages"]] == ["x", "hello"]
            gone = {"channel": "launch", "ts": "1.000001", "action_id": "a"}
            status, why = await control(standin, "POST", f"/control/people/{ADA}/click", json=gone)
            assert (status, why) == (404, {"error": "message_not_found"})

    asyncio.run(inside())
