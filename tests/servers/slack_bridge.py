"""The bridge in a test: real Bolt and slack_sdk between Slack's stand-in and a launch plugin."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.launch.deployed_checklists import deployed_plans
from launch_pipeline.slack.bridge.app import Timing, serve
from launch_pipeline.slack.bridge.connection.watchdog import Intervals
from launch_pipeline.slack.bridge.interactions.answers import Patience
from launch_pipeline.slack.bridge.projection.deployment import Deployment
from launch_pipeline.slack.bridge.projection.views import sections_of
from launch_pipeline.slack.bridge.settings import BridgeSettings
from launch_pipeline.slack.messages.cards import section_cards
from servers.slack import APP_TOKEN, BOT_TOKEN, CONTACTS, client, slack, until
from servers.slack_plugin import PASSWORD, USER, PluginStandIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    import pytest

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.slack.messages.views import SectionView
    from launch_pipeline.slack.protocol import BoardLaunch
    from launch_rehearsal.slack_server.base.workspace import Posted
    from launch_rehearsal.slack_server.server import SlackServer

CHANNEL = "C001LAUNCH"
ADA, PRIYA, OMAR, CARLA = "U0LAUNCH01", "U0LAUNCH02", "U0LAUNCH03", "U0LAUNCH04"
DANA, BO = "U0LAUNCH06", "U0LAUNCH12"
QUICK = Timing(
    intervals=Intervals(look=0.05, stale=0.6, keep_alive=0.2, pause=0.05, longest_pause=0.2),
    patience=Patience(total=10, first_pause=0.05, longest_pause=0.2),
)
HASTY = replace(QUICK, patience=Patience(total=0.3, first_pause=0.05, longest_pause=0.1))


@dataclass
class Shelf:
    """Stands where the projector stands: counts who woke it."""

    root: str = ""
    woken: int = 0
    stopped: bool = False

    def soon(self) -> None:
        self.woken += 1

    async def run(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.stopped = True

    def sections(self, launch: BoardLaunch, people: Contacts) -> Sequence[SectionView]:
        """Return the sections of a launch, without a ledger."""
        return sections_of(launch, Deployment(deployed_plans(), people, policy(), "http://airflow.example"))

    async def thread_of(self, _launch_id: str) -> str | None:
        return self.root or None


def settings_for(standin: SlackServer, airflow_url: str, **fields: Any) -> BridgeSettings:
    """How a bridge finds both."""
    given = {
        "bot_token": BOT_TOKEN,
        "app_token": APP_TOKEN,
        "channel": CHANNEL,
        "slack_api": standin.api_url,
        "airflow_url": airflow_url,
        "airflow_public_url": airflow_url,
        "user": USER,
        "password": PASSWORD,
        "ledger_dsn": "postgresql://nowhere.invalid/ledger",
    }
    return BridgeSettings.model_validate(given | fields)


@dataclass
class Scene:
    """Slack, a plugin, a bridge between them, and one launch's thread."""

    slack: SlackServer
    plugin: PluginStandIn
    shelf: Shelf = field(default_factory=Shelf)
    cards: dict[tuple[str, str], str] = field(default_factory=dict)
    """Message ids by Dag and section."""

    async def post(self) -> None:
        """Put the launch's thread and every section's cards into Slack, as they are now."""
        api = client(self.slack)
        self.shelf.root = str((await api.chat_postMessage(channel=CHANNEL, text="Launch"))["ts"])
        for view in self.shelf.sections(self.plugin.board().launches[0], contacts()):
            card = section_cards(view)[0]
            posted = await api.chat_postMessage(channel=CHANNEL, thread_ts=self.shelf.root, **card.posted())
            self.cards[view.dag_id, view.section_id] = str(posted["ts"])

    @property
    def root(self) -> str:
        """The launch's thread."""
        return self.shelf.root

    def card(self, dag_id: str, section_id: str) -> str:
        return self.cards[dag_id, section_id]

    def told(self, slack_id: str) -> list[Posted]:
        """Return what one person alone was told."""
        return [m for m in self.slack.workspace.channel(CHANNEL).messages if m.only_for == slack_id]

    async def word(self, slack_id: str, number: int = 0) -> str:
        """Wait for the next thing one person alone is told."""
        await until(lambda: len(self.told(slack_id)) > number)
        return self.told(slack_id)[number].text

    def value(self, ts: str, action_id: str) -> str:
        """Return what a button of a message carries."""
        posted = self.slack.workspace.channel(CHANNEL).message(ts)
        elements = [e for block in posted.blocks for e in block.get("elements", [])] if posted else []
        return str(next(e["value"] for e in elements if e.get("action_id") == action_id))

    def bridge(self, tempo: Timing = QUICK, **fields: Any) -> Any:
        """Another bridge of this scene, as a context manager."""
        return running(self, tempo, **fields)


@asynccontextmanager
async def running(scene: Scene, tempo: Timing = QUICK, **fields: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Run a bridge until the block ends; it must end in order then."""
    stop = asyncio.Event()
    opened = scene.slack.sockets.opened
    settings = settings_for(scene.slack, scene.plugin.url, **fields)
    task = asyncio.create_task(serve(settings, stop, lambda *_: scene.shelf, tempo))
    try:
        await until(lambda: task.done() or scene.slack.sockets.opened > opened)
        yield task
        stop.set()
        async with asyncio.timeout(15):
            await asyncio.wait([task])
        if not task.cancelled():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def scene(
    monkeypatch: pytest.MonkeyPatch, tempo: Timing = QUICK, ack_seconds: float = 3.0, **waiting: Iterable[str]
) -> AsyncIterator[Scene]:
    """Everything at once, with the cards posted and the bridge listening."""
    monkeypatch.setenv("LAUNCH_CONTACTS", str(CONTACTS))
    async with slack(ack_seconds=ack_seconds) as standin, PluginStandIn(**waiting) as plugin:
        made = Scene(standin, plugin)
        await made.post()
        async with running(made, tempo):
            yield made
