"""Look at many items once more, side by side, and wait for what they say.

A look asks each check as ``checks/engine/again.py`` says: an item that was true does not need the time that
it takes to become true.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from launch_pipeline.airflow.hooks.check_connections import connection_cache
from launch_pipeline.airflow.hooks.in_force import adags_of, asettings_of
from launch_pipeline.airflow.hooks.ledger import find_launch
from launch_pipeline.airflow.triggers.run_checks import holders_of
from launch_pipeline.checks.engine.again import later
from launch_pipeline.checks.engine.context import CheckContext
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.errors import ConfigurationError, LaunchRefused, LedgerUnavailable
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.looking import Look, LookedAt, needs_worker, not_repeated, verified_again

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from launch_pipeline.launch.in_force import Settings

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Items that are looked at side by side; more only wait for each other, as one loop judges them all."""
LOOK_SECONDS = 60.0
"""Limit of the look at one item, with every attempt of all its checks."""
AWAY_SECONDS = 5.0
"""Pause before an unreachable ledger is asked again."""
WORKER_ONLY = "not looked at here: it takes a worker"


async def look_again(
    launch: LaunchContext, settings: Settings, items: Sequence[LookedAt], *, in_worker: bool = False
) -> list[Look]:
    """Look at some items side by side, and return a look for each, in their order.

    Programs and checks with side effects are not run. Checks that load the machine run in a worker only
    (``in_worker``). Whatever goes wrong makes a look unknown; nothing is raised but a cancellation.
    """
    environment = await asyncio.to_thread(settings.of, launch.variables())
    context = CheckContext(environment=environment, connect=connection_cache().get, holders=holders_of)
    return await look_with(context, items, in_worker=in_worker)


async def look_with(
    context: CheckContext, items: Sequence[LookedAt], *, in_worker: bool = False
) -> list[Look]:
    """Do the same with the variables and connections of a context, which all items share."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: LookedAt) -> Look:
        if why := not_repeated(item):
            return Look.unknown(item, why)
        if needs_worker(item) and not in_worker:
            return Look.unknown(item, WORKER_ONLY)
        async with places:
            return await _look(item, context)

    return list(await asyncio.gather(*map(one, items)))


async def _look(item: LookedAt, context: CheckContext) -> Look:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return Look.of(item, await run_checks(list(map(later, item.spec.item.checks)), context))
    except TimeoutError:
        return Look.unknown(item, f"no answer within {LOOK_SECONDS:g}s")
    except Exception as error:  # a bug must not end the looks at all other items
        log.exception("The look at %s failed", item.spec.ref)
        return Look.unknown(item, f"internal error: {type(error).__name__}")


class LookAgainTrigger(BaseTrigger):
    """Look at the named items of a launch once, and hand over what was seen.

    ``items`` are pairs of Dag id and task id. It takes at least ``rest`` seconds, since a worker had the task
    before (``policies/pacing.py``). A triggerer that is killed looks again from the start. While the ledger
    or the environment cannot be read, it waits.
    """

    def __init__(self, *, items: list[list[str]], rest: float = 0.0) -> None:
        super().__init__()
        self.items = items
        self.rest = rest

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, as Airflow stores them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"items": self.items, "rest": self.rest}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: what was seen, or the reason why the launch does not go on."""
        await asyncio.sleep(self.rest)
        while True:
            try:
                seen = verified_again(await self._looks(), datetime.now(UTC))
            except LaunchRefused as refused:
                yield TriggerEvent({"refused": str(refused)})
                return
            except (LedgerUnavailable, ConfigurationError) as error:
                log.warning("The items cannot be looked at yet: %s", error)
                await asyncio.sleep(AWAY_SECONDS)
                continue
            yield TriggerEvent({"seen": seen.model_dump(mode="json")})
            return

    async def _looks(self) -> list[Look]:
        launch = await self._launch()
        dags = await adags_of(launch)
        known = [
            LookedAt(dag_id, dags[dag_id].specs[task_id])
            for dag_id, task_id in self.items
            if dag_id in dags and task_id in dags[dag_id].specs
        ]
        return await look_again(launch, await asettings_of(launch), known)

    async def _launch(self) -> LaunchContext:
        """Return the launch of the run; that the run is its own, the worker has seen.

        The triggerer knows a run's configuration only of a task that starts in it.
        """
        ti: Any = self.task_instance
        run_id = str(ti.run_id)
        launch = await find_launch(run_id)
        if launch is None or launch.over:
            raise LaunchRefused(f"There is no launch {run_id!r} that goes on.")
        return LaunchContext.of_launch(launch)
