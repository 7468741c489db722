"""``slack_channel``: a list that says there is more, and leads nowhere, proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.web import http_connection, serving

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ROOM = {"id": "C0123456789", "name": "room", "is_archived": False, "is_member": True}
SAID = {"type": "message", "subtype": "bot_message", "ts": "1777018130.055109", "text": "",
        "attachments": [{"fallback": "Launch complete", "text": "Launch complete"}]}  # fmt: skip
OTHER = {"type": "message", "user": "U012AB3CD", "ts": "1777018131.055109", "text": "hello"}
GONE = {"type": "message", "subtype": "tombstone", "ts": "1777018132.055109", "text": "launch"}


def answering(answers: dict[str, list[dict[str, Any]]]) -> web.Application:
    """Make a Slack that gives the answers to a method in order, the last one from then on."""

    async def answer(request: web.Request) -> web.Response:
        left = answers[request.match_info["method"]]
        return web.json_response(left.pop(0) if len(left) > 1 else left[0])

    app = web.Application()
    app.router.add_post("/api/{method}", answer)
    return app


def asked(*pages: dict[str, Any], listed: dict[str, Any] | None = None, **params: Any) -> CheckResult:
    channels = {"ok": True, "channels": [ROOM], "response_metadata": {"next_cursor": ""}}
    answers = {
        "auth.test": [{"ok": True}],
        "conversations.list": [*([listed] if listed else []), channels],
        "conversations.history": list(pages),
        "chat.getPermalink": [{"ok": True, "permalink": "https://x.slack.com/p1"}],
    }
    asking = {"channels": ["room"], "posted": "(?i)launch", "since": "2020-01-01T00:00:00Z", **params}

    async def ask() -> CheckResult:
        async with serving(answering(answers)) as port:
            connection = http_connection(port, "slack_check", password="xoxb-1")
            return await check(context({"slack_check": connection}), "slack_channel", **asking)

    return run(ask())


def page(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"ok": True, "messages": list(messages), "has_more": False, **fields}


def test_words_of_a_bot() -> None:
    """A message whose words are in an attachment was posted, and the evidence shows them."""
    result = asked(page(OTHER, SAID))
    assert (result.verdict, result.observed["room"]["message"]["text"]) == (P, "Launch complete")


def test_deleted_message() -> None:
    """What is left of a deleted message says nothing."""
    assert asked(page(GONE)).verdict is F


@pytest.mark.parametrize("ts", ["1500000000.000100", None, "soon"])
def test_message_that_is_older_than_asked_for(ts: str | None) -> None:
    """A message counts if its own time says so, should a gateway leave ``oldest`` out."""
    assert asked(page({**SAID, "ts": ts})).verdict is F


@pytest.mark.parametrize("more", ["has_more", "is_limited"])
def test_history_that_is_not_whole(more: str) -> None:
    """Where Slack keeps something back, a message that was not found may be there; one that was found is."""
    result = asked(page(OTHER, **{more: True}))
    assert (result.verdict, f"it says {more}" in raw(result)) == (Q, True), result.headline
    assert asked(page(SAID, **{more: True})).verdict is P


def test_every_page_of_the_history() -> None:
    """Pages are followed to the last one, which decides."""
    first = page(OTHER, has_more=True, response_metadata={"next_cursor": "bmV4dA=="})
    assert asked(first, page(SAID)).verdict is P
    assert asked(first, page(OTHER)).verdict is F
    assert asked(first, page(OTHER, has_more=True)).verdict is Q
    assert "longer than 20 pages" in asked(first).headline


def test_error_in_a_page() -> None:
    """``ok: false`` is no empty history."""
    result = asked({"ok": False, "error": "not_in_channel"})
    assert (result.verdict, "not_in_channel" in raw(result)) == (Q, True)


def test_active_channel_behind_an_archived_one() -> None:
    """The archived channel of that name does not end the search."""
    old = {**ROOM, "id": "C0000000001", "is_archived": True}
    listed = {"ok": True, "channels": [old], "response_metadata": {"next_cursor": "bmV4dA=="}}
    result = asked(page(SAID), listed=listed)
    assert (result.verdict, result.observed["room"]["id"]) == (P, ROOM["id"])
