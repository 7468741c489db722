"""The bridge as a whole: one process, one event loop, no public address.

Several bridges may run at once: Slack gives each click to one of them, every answer pins the request it is
for, and one of them at a time writes cards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.launch.deployed_checklists import deployed_plans
from launch_pipeline.slack.api_client import Airflow
from launch_pipeline.slack.bridge.connection.socket_mode import Line
from launch_pipeline.slack.bridge.connection.startup import greet
from launch_pipeline.slack.bridge.connection.watchdog import Pace, Watchdog
from launch_pipeline.slack.bridge.interactions.answers import Answering, Patience
from launch_pipeline.slack.bridge.interactions.ephemeral import Desk
from launch_pipeline.slack.bridge.interactions.handlers import Actions, Home, Services
from launch_pipeline.slack.bridge.interactions.users import People
from launch_pipeline.slack.bridge.logs import hush
from launch_pipeline.slack.bridge.projection.posting import Pace as PostingPace
from launch_pipeline.slack.bridge.projection.posting import Poster
from launch_pipeline.slack.bridge.projection.projector import Projector
from launch_pipeline.slack.bridge.projection.views import Deployment

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from slack_sdk.http_retry.async_handler import AsyncRetryHandler

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.slack.bridge.connection.startup import Workspace
    from launch_pipeline.slack.bridge.settings import BridgeSettings
    from launch_pipeline.slack.messages.views import SectionView
    from launch_pipeline.slack.protocol import BoardLaunch

log = logging.getLogger(__name__)
T = TypeVar("T")

_CALL_SECONDS = 15.0
"""Of one call to Slack: a person who waits for a form does not wait longer."""
_RATE_LIMITS = 5
"""How often a post waits as long as Slack asks (``Retry-After``)."""
_LAST_SECONDS = 10.0
"""For what is under way when the bridge is told to stop."""
_AGAIN_SECONDS = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Projection(Protocol):
    """Whoever keeps the cards in Slack true, and knows what is on them."""

    def soon(self) -> object:
        """Look at once: something has moved."""

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until told to stop."""

    def sections(self, launch: BoardLaunch, people: Contacts) -> Sequence[SectionView]:
        """Give the sections of a launch as these contacts make them."""

    async def thread_of(self, launch_id: str) -> str | None:
        """Give the thread of a launch; None where it has none, or nobody can say now."""


Showing = Callable[["BridgeSettings", AsyncWebClient, Airflow], Projection]


@dataclass(frozen=True, slots=True)
class Tempo:
    """How patient everything is."""

    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)


async def serve(
    settings: BridgeSettings,
    stop: asyncio.Event,
    showing: Showing | None = None,
    tempo: Tempo | None = None,
) -> None:
    """Run until ``stop`` is set, however often Slack and Airflow come and go.

    ``showing`` makes the projection; without one, it is the ``Projector``. Raises ConfigurationError where a
    person must mend something, OperationError where only a new process helps.
    """
    hush()
    async with AsyncExitStack() as held:
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        session = await held.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        web = web_client(settings, session)
        workspace = await _unless(stop, greet(web, settings.channel))
        if workspace is None:
            return
        airflow = await held.enter_async_context(
            Airflow(settings.airflow_url, settings.user, settings.password.get_secret_value())
        )
        projection = (showing or projector)(settings, web, airflow)
        desk = Desk(web_client(settings, session, *_waits()), settings.channel)
        await _Bridge(settings, workspace, web, desk, airflow, projection, tempo or Tempo()).run(stop)


def projector(settings: BridgeSettings, web: AsyncWebClient, airflow: Airflow) -> Projection:
    """The projection of this deployment."""
    dsn, public_url = settings.ledger_dsn.get_secret_value(), settings.airflow_public_url

    def deployment() -> Deployment:
        return Deployment(deployed_plans(), contacts(), policy(), public_url)

    poster = Poster(web, settings.channel, _pace(settings))
    return Projector(airflow, web, dsn, settings.channel, deployment, poster=poster)


def _pace(settings: BridgeSettings) -> PostingPace:
    """How fast Slack is written to. A stand-in squeezes weeks into minutes, and has no limit of its own."""
    own = urlsplit(settings.slack_api).hostname in _LOOPBACK
    return PostingPace(burst=200, per_second=20) if own else PostingPace()


class _Bridge:
    """Everything that listens, once Slack is known."""

    def __init__(
        self,
        settings: BridgeSettings,
        workspace: Workspace,
        web: AsyncWebClient,
        desk: Desk,
        airflow: Airflow,
        projection: Projection,
        tempo: Tempo,
    ) -> None:
        app = bolt_app(web, workspace, settings)
        line = Line(app, web, settings.app_token.get_secret_value())
        self._projection = projection
        self._watchdog = Watchdog(line, web, tempo.pace)
        self._actions = Actions(
            Services(
                home=Home(workspace.team_id, settings.channel, lambda: line.app_id),
                client=web,
                people=People(web, workspace.team_id),
                desk=desk,
                airflow=airflow,
                answering=Answering(airflow, projection.soon, tempo.patience),
                sections=projection.sections,
                thread_of=projection.thread_of,
            )
        )
        self._actions.register(app)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen and show until told to stop, then let what is under way end."""
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watchdog.run())
                showing = group.create_task(self._show(stop))
                await stop.wait()
                watching.cancel()
                await self._actions.drain(_LAST_SECONDS)
                await asyncio.wait([showing], timeout=_LAST_SECONDS)
                showing.cancel()
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed
        finally:
            await self._actions.drain(0)

    async def _show(self, stop: asyncio.Event) -> None:
        """Keep the cards true; where that fails, people can still answer on those that are there."""
        while not stop.is_set():
            try:
                await self._projection.run(stop)
            except Exception:
                log.exception("The cards are not kept up to date; beginning again in %.0f s", _AGAIN_SECONDS)
                await _unless(stop, asyncio.sleep(_AGAIN_SECONDS))


def bolt_app(web: AsyncWebClient, workspace: Workspace, settings: BridgeSettings) -> AsyncApp:
    """A Bolt app that asks nobody who it is: the first click must not wait for that."""
    token = settings.bot_token.get_secret_value()
    told = AuthorizeResult(
        enterprise_id=None, team_id=workspace.team_id, bot_user_id=workspace.bot_user, bot_token=token
    )

    async def authorize(**_: Any) -> AuthorizeResult:
        return told

    unnamed = AsyncWebClient(base_url=web.base_url, session=web.session)
    # Bolt's logger is told its level by itself: it takes the root's otherwise, and tells bodies at INFO.
    return AsyncApp(
        name="launch-slack",
        logger=logging.getLogger("slack_bolt"),
        client=unnamed,
        authorize=authorize,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=False,
    )


def web_client(
    settings: BridgeSettings, session: aiohttp.ClientSession, *retries: AsyncRetryHandler
) -> AsyncWebClient:
    """Slack's client. Without retries it fails at once: slack_sdk's default may post a message twice."""
    client = AsyncWebClient(
        settings.bot_token.get_secret_value(),
        base_url=settings.slack_api,
        session=session,
        retry_handlers=list(retries),
    )
    if urlsplit(settings.slack_api).hostname in _LOOPBACK:
        # A proxy of the environment is for the outside, not for this machine.
        client.proxy = None
    return client


def _waits() -> list[AsyncRetryHandler]:
    """A rate limit means that nothing was posted; any other failure leaves that open."""
    return [AsyncRateLimitErrorRetryHandler(max_retry_count=_RATE_LIMITS)]


async def _unless(stop: asyncio.Event, wanted: Coroutine[Any, Any, T]) -> T | None:
    """Wait for something, or for the word to stop, which gives None."""
    task, stopping = asyncio.create_task(wanted), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group: the others were ended because of it."""
    error: BaseException = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
