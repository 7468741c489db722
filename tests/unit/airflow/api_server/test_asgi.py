"""A request to an application of this process: what it is sent, and what of its reply is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from launch_pipeline.airflow.api_server.asgi import MAX_REPLY, Reply, call, request_scope


def reply_of(app: Any, body: bytes = b"{}") -> Reply:
    sent = request_scope("PATCH", "/a%2Fb/c%20d", [(b"authorization", b"Bearer t")])
    return asyncio.run(asyncio.wait_for(call(app, sent, body), 5))


def test_application_sees_a_whole_request_of_a_client_that_stays() -> None:
    """The path is decoded, the host is one that is always served, and the client waits for the reply."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((scope["path"], scope["raw_path"], dict(scope["headers"]), await receive()))
        gone = asyncio.ensure_future(receive())
        await asyncio.wait([gone], timeout=0.05)
        assert not gone.done()
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await send({"type": "http.response.body", "body": b"k"})
        assert (await gone)["type"] == "http.disconnect"

    assert reply_of(app) == (202, b"ok")
    path, raw, headers, message = seen
    assert (path, raw) == ("/a/b/c d", b"/a%2Fb/c%20d")
    assert headers == {b"host": b"localhost", b"authorization": b"Bearer t"}
    assert message == {"type": "http.request", "body": b"{}", "more_body": False}


def test_application_that_breaks_has_replied_500() -> None:
    """So has one that says nothing; a reply that had begun keeps its status."""

    async def broken(*_: Any) -> None:
        raise RuntimeError("it broke")

    async def silent(*_: Any) -> None:
        return

    async def halfway(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 409, "headers": []})
        raise RuntimeError("it broke")

    assert [reply_of(app).status for app in (broken, silent, halfway)] == [500, 500, 409]


def test_reply_without_end_is_cut() -> None:
    """No more than its limit is kept of a reply."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * MAX_REPLY, "more_body": True})

    assert len(reply_of(app).body) == MAX_REPLY
