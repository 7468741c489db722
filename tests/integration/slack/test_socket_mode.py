"""Socket Mode with real Bolt: acknowledgements, redelivery, reconnects, modals."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.messages.cards import section_cards
from launch_pipeline.slack.messages.elements import APPROVE_MINE, OPEN, REVIEW
from launch_pipeline.slack.messages.review_modal import (
    CALLBACK,
    GivenReview,
    read_review,
    review_errors,
    review_modal,
)
from launch_rehearsal.slack_server.hands import NO_ANSWER
from servers.slack import APP_TOKEN, bolt, client, listening, slack, until
from servers.slack_samples import section

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.server import SlackServer

pytestmark = pytest.mark.integration

ADA = "U0LAUNCH01"


async def post_card(standin: SlackServer) -> str:
    card = section_cards(section())[0]
    return str((await client(standin).chat_postMessage(channel="launch", **card.posted()))["ts"])


def acknowledging(standin: SlackServer, seen: list[dict[str, Any]]) -> Any:
    """Build a Bolt app that acknowledges a click at once and keeps what came."""
    app = bolt(standin)

    @app.action(APPROVE_MINE)
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        await ack()

    return app


def test_click_arrives_with_all_that_slack_sends() -> None:
    """A click tells who, where, which message and which value, and is acknowledged at its first envelope."""

    async def inside() -> None:
        async with slack() as standin:
            seen: list[dict[str, Any]] = []
            ts = await post_card(standin)
            async with listening(standin, acknowledging(standin, seen)):
                delivery = await standin.hands.click(ADA, "launch", ts, APPROVE_MINE)
            assert (delivery.acked, delivery.attempts) == (True, 1)
            body = seen[0]
            assert body["user"] == {
                "id": ADA, "username": "ada.lindqvist", "name": "ada.lindqvist", "team_id": "T0REHEARSAL",
            }  # fmt: skip
            assert body["container"]["message_ts"] == body["message"]["ts"] == ts
            assert body["actions"][0]["value"].startswith('[2,"shop-2.4.0"')

    asyncio.run(inside())


def test_review_opens_is_refused_and_is_sent() -> None:
    """The modal opens within its three seconds, shows a refusal below its input, and closes when accepted."""
    answers: list[GivenReview] = []

    async def inside() -> None:
        async with slack() as standin:
            app, ts = bolt(standin), await post_card(standin)

            @app.action(REVIEW)
            async def review(ack: Any, body: dict[str, Any], client: Any) -> None:
                await ack()
                place = body["channel"]["id"], body["container"]["message_ts"]
                view = review_modal(section(), body["user"]["id"], *place)
                await client.views_open(trigger_id=body["trigger_id"], view=view.payload())

            @app.view(CALLBACK)
            async def submitted(ack: Any, view: dict[str, Any]) -> None:
                given = read_review(view).answers
                if not given[0].reason:
                    await ack(**review_errors({given[0].number: AnswerRefused("reason_missing", "Say why.")}))
                    return
                answers.extend(given)
                await ack()

            async with listening(standin, app):
                await standin.hands.click(ADA, "launch", ts, REVIEW)
                await until(lambda: ADA in standin.workspace.views)
                refused = await standin.hands.submit(ADA, {"answer.1": "Reject"})
                assert (refused.closed, refused.errors) == (False, {"reason.1": "Say why."})
                sent = await standin.hands.submit(ADA, {"answer.1": "Reject", "reason.1": "not reviewed"})
            assert sent.closed
            assert ADA not in standin.workspace.views

    asyncio.run(inside())
    assert [(a.answer, a.reason) for a in answers] == [("Reject", "not reviewed")]


def test_late_acknowledgement_is_delivered_again() -> None:
    """Who acknowledges after the time is up gets the click a second time."""
    seen: list[str] = []

    async def inside() -> None:
        async with slack(ack_seconds=0.3) as standin:
            app, ts = bolt(standin), await post_card(standin)
            release = asyncio.Event()

            @app.action(APPROVE_MINE)
            async def approve(ack: Any, body: dict[str, Any]) -> None:
                seen.append(body["trigger_id"])
                if len(seen) == 1:
                    await release.wait()
                await ack()

            async with listening(standin, app):
                delivery = await standin.hands.click(ADA, "launch", ts, APPROVE_MINE)
                release.set()
                await until(lambda: standin.sockets.late)
            assert (delivery.acked, delivery.attempts, len(seen)) == (True, 2, 2)
            assert seen[0] == seen[1]

    asyncio.run(inside())


def test_person_is_told_when_nobody_answers() -> None:
    """A click without an app, or one that nobody knows, ends with Slack's warning."""

    async def inside() -> None:
        async with slack(ack_seconds=0.2, redeliveries=0) as standin:
            ts = await post_card(standin)
            assert not (await standin.hands.click(ADA, "launch", ts, APPROVE_MINE)).acked
            assert standin.workspace.notices[ADA] == NO_ANSWER
            async with listening(standin, acknowledging(standin, [])):
                assert not (await standin.hands.click(ADA, "launch", ts, OPEN)).acked
                assert (await standin.hands.click(ADA, "launch", ts, APPROVE_MINE)).acked

    asyncio.run(inside())


@pytest.mark.parametrize("how", ["drop", "disconnect", "silence"])
def test_client_reconnects_and_the_click_arrives(how: str) -> None:
    """Cut, asked to leave, or silently dead: the client comes back and the click is not lost."""

    async def inside() -> None:
        async with slack(ack_seconds=15) as standin:
            seen: list[dict[str, Any]] = []
            ts = await post_card(standin)
            async with listening(standin, acknowledging(standin, seen), ping_interval=0.3):
                if how == "disconnect":
                    await standin.sockets.disconnect()
                else:
                    getattr(standin.sockets, how)()
                await until(lambda: standin.sockets.opened == 2)
                await until(lambda: len([c for c in standin.sockets.connections if not c.silent]) == 1)
                await until(lambda: len(standin.sockets.connections) == 1)
                delivery = await standin.hands.click(ADA, "launch", ts, APPROVE_MINE)
            assert (delivery.acked, len(seen)) == (True, 1)

    asyncio.run(inside())


def test_click_into_a_dead_socket_is_delivered_by_the_living_one() -> None:
    """Of two connections one is dead: what goes there is sent again to the other."""

    async def inside() -> None:
        async with slack(ack_seconds=0.5) as standin:
            seen: list[dict[str, Any]] = []
            ts, app = await post_card(standin), acknowledging(standin, seen)
            async with listening(standin, app), listening(standin, app):
                standin.sockets.connections[0].silent = True
                deliveries = [await standin.hands.click(ADA, "launch", ts, APPROVE_MINE) for _ in range(2)]
            assert all(delivery.acked for delivery in deliveries)
            assert {delivery.attempts for delivery in deliveries} <= {1, 2}
            assert len(seen) == 2

    asyncio.run(inside())


def test_clicks_are_shared_by_the_connections() -> None:
    """Each payload goes to one of the open connections, in turn."""

    async def inside() -> None:
        async with slack() as standin:
            left: list[dict[str, Any]] = []
            right: list[dict[str, Any]] = []
            ts = await post_card(standin)
            async with (
                listening(standin, acknowledging(standin, left)),
                listening(standin, acknowledging(standin, right)),
            ):
                await asyncio.gather(
                    *(standin.hands.click(ADA, "launch", ts, APPROVE_MINE) for _ in range(8))
                )
            assert (len(left), len(right)) == (4, 4)

    asyncio.run(inside())


def test_forged_value_arrives_as_forged() -> None:
    """A tampered client may send any value; the stand-in lets it, so that ours is tested."""

    async def inside() -> None:
        async with slack() as standin:
            seen: list[dict[str, Any]] = []
            ts = await post_card(standin)
            async with listening(standin, acknowledging(standin, seen)):
                await standin.hands.click(ADA, "launch", ts, APPROVE_MINE, value="[1,2]")
            assert seen[0]["actions"][0]["value"] == "[1,2]"

    asyncio.run(inside())


def test_address_of_a_socket_works_once() -> None:
    """The address from apps.connections.open is a ticket."""

    async def inside() -> None:
        async with slack() as standin, aiohttp.ClientSession() as http:
            url = (await client(standin, APP_TOKEN).apps_connections_open(app_token=APP_TOKEN))["url"]
            async with http.ws_connect(url) as socket:
                assert (await socket.receive_json())["type"] == "hello"
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(url)

    asyncio.run(inside())


def test_eleventh_connection_is_sent_away() -> None:
    """An app may hold ten connections."""

    async def inside() -> None:
        async with slack() as standin, aiohttp.ClientSession() as http:
            app = client(standin, APP_TOKEN)
            held = []
            for number in range(11):
                url = (await app.apps_connections_open(app_token=APP_TOKEN))["url"]
                held.append(await http.ws_connect(url))
                hello = await held[-1].receive_json()
                assert hello["type"] == ("hello" if number < 10 else "disconnect")
            await asyncio.gather(*(socket.close() for socket in held))

    asyncio.run(inside())
