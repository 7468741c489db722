"""The Slack stand-in on a thread of its own, for tasks that run in the test's thread."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_rehearsal.slack_server.api.chat import post_message
from launch_rehearsal.slack_server.api.webapi import Method
from launch_rehearsal.slack_server.base.faults import Fault
from servers.slack import BOT_TOKEN, slack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_rehearsal.slack_server.api.call import Call
    from launch_rehearsal.slack_server.base.workspace import Posted
    from launch_rehearsal.slack_server.server import SlackServer
    from servers.airflow_task import Supervisor

CHANNEL = "C001LAUNCH"
"""The stand-in's first channel."""


@dataclass
class SlackThread:
    """A running stand-in as a test sees it."""

    standin: SlackServer
    broadcast: list[str] = field(default_factory=list)
    """Ids of replies that were shown in the channel as well."""

    @property
    def messages(self) -> list[Posted]:
        """What was posted, in order."""
        return list(self.standin.workspace.channel(CHANNEL).messages)

    @property
    def notes(self) -> list[Posted]:
        """What was posted, without the root of the thread."""
        return [message for message in self.messages if message.metadata]

    @property
    def keys(self) -> list[str]:
        """Keys of the notes, in order."""
        return [note.metadata["event_payload"]["key"] for note in self.notes if note.metadata]

    def shown(self, message: Posted) -> str:
        """Every text of a message, as it went over the wire."""
        return json.dumps([message.text, message.blocks], ensure_ascii=False)

    def fails(self, kind: str, times: int = 1, **fields: Any) -> None:
        """Let the next posts fail in that way."""
        self.standin.faults.add(
            Fault.model_validate({"method": "chat.postMessage", "kind": kind, "times": times, **fields})
        )

    def connect(self, supervisor: Supervisor, **fields: Any) -> None:
        """Make it the Airflow connection ``launch_slack``; ``fields`` such as ``password`` or ``extra``."""
        extra = json.dumps({"channel": CHANNEL, "base_url": self.standin.api_url})
        supervisor.connections["launch_slack"] = {
            "conn_type": "slack", "password": BOT_TOKEN, "extra": extra, **fields,
        }  # fmt: skip

    def record_posts(self) -> None:
        """Keep of each post whether it was shown in the channel as well."""

        def recorded(call: Call) -> dict[str, Any]:
            document = post_message(call)
            if call.given.get("reply_broadcast"):
                self.broadcast.append(document["ts"])
            return document

        self.standin.api._methods["chat.postMessage"] = Method(recorded, "chat:write")


@contextmanager
def slack_thread() -> Iterator[SlackThread]:
    """Run a stand-in until the test ends."""
    loop, ready, ends = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    standin = slack()

    async def serve() -> None:
        async with standin:
            ready.set()
            await ends.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        made = SlackThread(standin)
        made.record_posts()
        yield made
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(30)
