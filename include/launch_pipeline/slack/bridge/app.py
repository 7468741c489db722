"""Assemble and run the bridge: one process, one event loop, no public address.

Several bridges may run at once: Slack sends each click to one of them, every answer pins its request, and
only the leader writes cards.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.launch.deployed_checklists import deployed_plans
from launch_pipeline.slack.api_client import LOOPBACK, Airflow
from launch_pipeline.slack.bridge.connection.socket_mode import SocketConnection
from launch_pipeline.slack.bridge.connection.startup import check_access
from launch_pipeline.slack.bridge.connection.watchdog import Intervals, Watchdog
from launch_pipeline.slack.bridge.interactions.answers import AnswerSender, Patience
from launch_pipeline.slack.bridge.interactions.ephemeral import EphemeralMessages
from launch_pipeline.slack.bridge.interactions.handlers import Home, InteractionHandlers, Services
from launch_pipeline.slack.bridge.interactions.users import Users
from launch_pipeline.slack.bridge.logs import hush
from launch_pipeline.slack.bridge.projection.deployment import Deployment
from launch_pipeline.slack.bridge.projection.posting import Poster, RateLimiter
from launch_pipeline.slack.bridge.projection.projector import Projector

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from slack_sdk.http_retry.async_handler import AsyncRetryHandler

    from launch_pipeline.slack.bridge.settings import BridgeSettings
    from launch_pipeline.slack.token_info import TokenInfo

log = logging.getLogger(__name__)
T = TypeVar("T")

_CALL_SECONDS = 15.0
"""Timeout of one call to Slack: a person who waits for a form waits no longer."""
_RATE_LIMITS = 5
"""How often a call waits for Slack's ``Retry-After``."""
_LAST_SECONDS = 10.0
"""Time for work that is under way when the bridge stops."""
_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Group the intervals and retry limits of a bridge."""

    intervals: Intervals = field(default_factory=Intervals)
    patience: Patience = field(default_factory=Patience)


async def serve(
    settings: BridgeSettings,
    stop: asyncio.Event,
    projector_of: Callable[[BridgeSettings, AsyncWebClient, Airflow], Projector] | None = None,
    timing: Timing | None = None,
) -> None:
    """Run until ``stop`` is set, through outages of Slack and Airflow.

    ``projector_of`` and ``timing`` are for tests. Raises ConfigurationError if a person must fix something,
    OperationError if only a new process helps.
    """
    hush()
    async with AsyncExitStack() as opened:
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        session = await opened.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        web = web_client(settings, session)
        bot = await _unless(stop, check_access(web, settings.channel))
        if bot is None:
            return
        airflow = await opened.enter_async_context(
            Airflow(settings.airflow_url, settings.user, settings.password.get_secret_value())
        )
        projector = (projector_of or deployed_projector)(settings, web, airflow)
        ephemeral = EphemeralMessages(web_client(settings, session, *_rate_limit_retries()), settings.channel)
        bridge = _Bridge(settings, bot, web, ephemeral, airflow, projector, timing or Timing())
        await bridge.run(stop)


def deployed_projector(settings: BridgeSettings, web: AsyncWebClient, airflow: Airflow) -> Projector:
    """Build the projector of this deployment."""
    dsn, public_url = settings.ledger_dsn.get_secret_value(), settings.airflow_public_url

    def deployment() -> Deployment:
        return Deployment(deployed_plans(), contacts(), policy(), public_url)

    poster = Poster(web, settings.channel, _rate_limiter(settings))
    return Projector(airflow, web, dsn, settings.channel, deployment, poster=poster)


def _rate_limiter(settings: BridgeSettings) -> RateLimiter:
    """Limit calls to Slack. A rehearsal's server squeezes weeks into minutes and has no limit of its own."""
    own = urlsplit(settings.slack_api).hostname in LOOPBACK
    return RateLimiter(burst=200, per_second=20) if own else RateLimiter()


class _Bridge:
    """Hold everything that runs after the startup checks."""

    def __init__(
        self,
        settings: BridgeSettings,
        bot: TokenInfo,
        web: AsyncWebClient,
        ephemeral: EphemeralMessages,
        airflow: Airflow,
        projector: Projector,
        timing: Timing,
    ) -> None:
        app = bolt_app(web, bot, settings)
        connection = SocketConnection(app, web, settings.app_token.get_secret_value())
        self._projector = projector
        self._watchdog = Watchdog(connection, web, timing.intervals)
        self._handlers = InteractionHandlers(
            Services(
                home=Home(bot.team_id, settings.channel, lambda: connection.app_id),
                client=web,
                users=Users(web, bot.team_id),
                ephemeral=ephemeral,
                airflow=airflow,
                answers=AnswerSender(airflow, projector.soon, timing.patience),
                sections=projector.sections,
                thread_of=projector.thread_of,
            )
        )
        self._handlers.register(app)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen and project until ``stop`` is set, then wait for work that is under way."""
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watchdog.run())
                projecting = group.create_task(self._project(stop))
                await stop.wait()
                watching.cancel()
                await self._handlers.drain(_LAST_SECONDS)
                await asyncio.wait([projecting], timeout=_LAST_SECONDS)
                projecting.cancel()
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed
        finally:
            await self._handlers.drain(0)

    async def _project(self, stop: asyncio.Event) -> None:
        """Keep the cards up to date; if that fails, people can still answer on the existing ones."""
        while not stop.is_set():
            try:
                await self._projector.run(stop)
            except Exception:
                log.exception("The cards are out of date; trying again in %.0f s", _AGAIN_SECONDS)
                await _unless(stop, asyncio.sleep(_AGAIN_SECONDS))


def bolt_app(web: AsyncWebClient, bot: TokenInfo, settings: BridgeSettings) -> AsyncApp:
    """Build a Bolt app with a known identity, so that the first click does not wait for ``auth.test``."""
    token = settings.bot_token.get_secret_value()
    identity = AuthorizeResult(
        enterprise_id=None, team_id=bot.team_id, bot_user_id=bot.user_id, bot_token=token
    )

    async def authorize(**_: Any) -> AuthorizeResult:
        return identity

    unnamed = AsyncWebClient(base_url=web.base_url, session=web.session)
    # Without its own logger Bolt takes the root's level, and logs bodies at INFO.
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
    """Build Slack's client. Without ``retries`` it fails at once: slack_sdk's default may post twice."""
    client = AsyncWebClient(
        settings.bot_token.get_secret_value(),
        base_url=settings.slack_api,
        session=session,
        retry_handlers=list(retries),
    )
    if urlsplit(settings.slack_api).hostname in LOOPBACK:
        # A proxy of the environment is not for this machine.
        client.proxy = None
    return client


def _rate_limit_retries() -> list[AsyncRetryHandler]:
    """Retry after rate limits only: then nothing was posted, which any other failure leaves open."""
    return [AsyncRateLimitErrorRetryHandler(max_retry_count=_RATE_LIMITS)]


async def _unless(stop: asyncio.Event, wanted: Coroutine[Any, Any, T]) -> T | None:
    """Wait for a result, or return None when ``stop`` is set first."""
    task, stopping = asyncio.create_task(wanted), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group; the others are its consequence."""
    error: BaseException = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
