"""Projectors between an Airflow of values, a real PostgreSQL and the stand-in of Slack."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.slack.bridge.projection.posting import Poster, RateLimiter
from launch_pipeline.slack.bridge.projection.projector import Projector
from launch_pipeline.slack.messages.block_kit import message_problems, texts_of
from launch_pipeline.slack.messages.button_values import CardLocator
from launch_pipeline.slack.store import Messages
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind
from launch_rehearsal.slack_server.base.workspace import ApiRefusal
from servers.slack import client, slack
from servers.slack_board import LAUNCH, Airflow, deployment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from launch_rehearsal.slack_server.api.call import Call
    from launch_rehearsal.slack_server.base.workspace import Posted
    from launch_rehearsal.slack_server.server import SlackServer

CHANNEL = "C001LAUNCH"


def patient() -> RateLimiter:
    """Return a rate limit that a test never meets."""
    return RateLimiter(burst=10_000, per_second=10_000)


@dataclass
class Stage:
    """One channel, one Airflow, and a projector that may be replaced by a new one."""

    standin: SlackServer
    dsn: str
    airflow: Airflow = field(default_factory=Airflow)
    rules: dict[str, Any] = field(default_factory=dict)
    projector: Projector = field(init=False)

    def __post_init__(self) -> None:
        self.projector = self.another()

    def another(self, pace: RateLimiter | None = None) -> Projector:
        """Build a projector as another process has it."""
        api = client(self.standin)
        return Projector(
            self.airflow, api, self.dsn, CHANNEL, lambda: deployment(**self.rules),
            poster=Poster(api, CHANNEL, pace or patient()), clock=self.airflow.clock,
        )  # fmt: skip

    async def restart(self) -> None:
        """End the projector, and begin another one."""
        await self.projector._leader.release()
        self.projector = self.another()

    async def look(self, seconds: float = 3) -> None:
        """Let time pass, and look."""
        self.airflow.clock.passes(seconds=seconds)
        await self.projector.look()

    async def close(self) -> None:
        await self.projector._leader.release()

    # ---- Slack -------------------------------------------------------------------------------------

    @property
    def said(self) -> list[Posted]:
        """Everything in the channel, in order; each message is one that Slack accepts."""
        messages = self.standin.workspace.channel("launch").messages
        for message in messages:
            payload: dict[str, Any] = {"text": message.text, "blocks": message.blocks}
            if message.metadata:
                payload["metadata"] = message.metadata
            assert message_problems(payload) == []
        return messages

    @property
    def root(self) -> Posted:
        (root,) = [message for message in self.said if message.thread_ts is None]
        return root

    @property
    def thread(self) -> list[Posted]:
        """The replies below the root."""
        return [message for message in self.said if message.thread_ts == self.root.ts]

    def card(self, section: str, launch: str = LAUNCH) -> Posted:
        """Return a section's card, by its first part's key in the store."""
        placed = Messages(self.dsn).all_of(CHANNEL, [launch])
        (ts,) = [one.ts for one in placed if one.key.split("/")[0] == "section" and section in one.key]
        (found,) = [message for message in self.said if message.ts == ts]
        return found

    def calls(self) -> int:
        """How often messages were posted or changed."""
        return self.standin.api.calls["chat.postMessage"] + self.standin.api.calls["chat.update"]

    def spy(self, refuse: Callable[[dict[str, Any]], str] = lambda _: "") -> list[dict[str, Any]]:
        """See what is posted from now on; ``refuse`` may name Slack's error for it."""
        seen: list[dict[str, Any]] = []
        method = self.standin.api._methods["chat.postMessage"]

        def posted(call: Call) -> dict[str, Any]:
            seen.append(call.given)
            if error := refuse(call.given):
                raise ApiRefusal(error)
            return method.handler(call)

        self.standin.api._methods["chat.postMessage"] = replace(method, handler=posted)
        return seen

    def down(self, kind: FaultKind = FaultKind.STATUS, **fields: Any) -> None:
        """Let every call fail until ``up``."""
        self.standin.faults.add(Fault(kind=kind, times=100_000, **fields))

    def up(self) -> None:
        self.standin.faults.clear()

    # ---- ledger ------------------------------------------------------------------------------------

    def admit(self, launch_at: datetime, launch_id: str = LAUNCH, **fields: Any) -> Launch:
        """Start the launch in the ledger, as the conductor's first task does."""
        given = {
            "environment": "production", "rehearsal": False, "release": "2.4.0", "release_sha": "a" * 40,
            "started_by": "priya.product", "conf": {"release": "2.4.0", "previous_release": "2.3.1"},
        }  # fmt: skip
        launch = Launch(launch_id=launch_id, launch_at=launch_at, **given | fields)
        return Launches(self.dsn).start(launch)


def words(message: Posted) -> str:
    """All that a message shows."""
    return "\n".join([message.text, *texts_of(message.blocks)])


def buttons(message: Posted) -> dict[str, Any]:
    """Return a message's buttons by action id."""
    return {
        element["action_id"]: element
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    }


def pins(message: Posted, action: str) -> list[tuple[str, int]]:
    """Return the requests that a button pins."""
    located = CardLocator.decode(buttons(message)[action]["value"])
    return [(pin.task_instance_id, pin.try_number) for pin in located.pins]


def key_of(message: Posted) -> str:
    """Return the key in a note's metadata."""
    return str((message.metadata or {}).get("event_payload", {}).get("key", ""))


def dumped(message: Posted) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


@asynccontextmanager
async def stage(dsn: str, **rules: Any) -> AsyncIterator[Stage]:
    """Open a stage with an empty channel."""
    async with slack() as standin:
        made = Stage(standin, dsn, rules=rules)
        try:
            yield made
        finally:
            await made.close()
