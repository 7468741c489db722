"""Watch a launch until it is over: what changes what an answer rests on is verified again.

The watch looks at the ledger every second and costs one short query while nothing happens. It decides
nothing itself: an item that it reopens is verified by its own task.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.hooks.in_force import adags_of, asettings_of
from launch_pipeline.airflow.hooks.ledger import aledger_dsn, find_launch
from launch_pipeline.airflow.hooks.task_api import ainstances_of_launch
from launch_pipeline.airflow.policies.launch_run import launch_of
from launch_pipeline.airflow.policies.reopening import areopen
from launch_pipeline.airflow.triggers.still_true import StillTrue
from launch_pipeline.approvals.deployed import known_contacts
from launch_pipeline.errors import ConfigurationError, LaunchRefused, LedgerUnavailable, OperationError
from launch_pipeline.launch.reopening import to_reopen
from launch_pipeline.launch.standing import InForce, stale
from launch_pipeline.ledger.evidence import asked_in
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import open_again

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.schema import LedgerEntry

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Pause between two looks at the ledger. Two of them are in the ten seconds within which people hear of an
item that is no longer true."""
AWAY_SECONDS = 5.0
"""Pause before an unreachable ledger or api-server is asked again."""


class WatchTrigger(BaseTrigger):
    """Watch the launch of its run until the launch is over."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rows: list[LedgerEntry] = []
        self._looked_at: object = None
        """The rows and facts of the last look."""
        self._settled: object = None
        """What the last look found that left nothing to do."""
        self._still_true = StillTrue()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, as Airflow stores them."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the end of the watch, or the reason for the task to fail with."""
        try:
            yield await self._watch()
        finally:
            self._still_true.stop()

    async def _watch(self) -> TriggerEvent:
        while True:
            try:
                launch = await find_launch(self._ti().run_id)
                if launch is not None and launch.over:
                    return TaskSuccessEvent(xcoms={"return_value": {"launch": launch.state.value}})
                await self.look(launch_of(self._run(), launch))
                pause = LOOK_SECONDS
            except (LedgerUnavailable, OperationError, ConfigurationError) as error:
                log.warning("The launch cannot be watched for now: %s", error)
                pause = AWAY_SECONDS
            except LaunchRefused as refused:
                return TriggerEvent({"refused": str(refused)})  # type: ignore[no-untyped-call]
            await asyncio.sleep(pause)

    async def look(self, launch: LaunchContext) -> None:
        """Verify again what no longer rests on what is in force, and what is no longer true.

        Raises LedgerUnavailable, OperationError, ConfigurationError, LaunchRefused.
        """
        entries = await self._entries(launch.launch_id)
        dags, settings = await adags_of(launch), await asettings_of(launch)
        now = InForce(launch, dags, settings, await asyncio.to_thread(known_contacts))
        here = (len(entries), launch, now.contacts)
        if here != self._looked_at:
            await self._reopen_stale(entries, now)
            await asyncio.to_thread(self._still_true.note, entries, now)
            self._looked_at = here
        if wrong := self._still_true.wrong():
            await areopen(launch.launch_id, wrong)
        self._still_true.begin(now)

    async def _reopen_stale(self, entries: list[LedgerEntry], now: InForce) -> None:
        """Reopen what is stale; leave alone what was found with the same people and facts before."""
        launch_id = now.launch.launch_id
        found = await asyncio.to_thread(stale, entries, now)
        reopened = tuple(one.item_ref for one in open_again(entries))
        here = (now.launch, now.contacts, tuple(one.spec.ref for one in found), reopened)
        if here == self._settled:
            return
        instances = await ainstances_of_launch(launch_id, list(now.dags))
        asked = await asyncio.to_thread(asked_in, await aledger_dsn(), launch_id)
        plan = await asyncio.to_thread(to_reopen, entries, now, instances, asked)
        if plan:
            await areopen(launch_id, plan.items, plan.gates)
        self._settled = None if plan else here

    async def _entries(self, launch_id: str) -> list[LedgerEntry]:
        """Return all rows of the launch; each look reads the new ones only."""
        book = Ledger(await aledger_dsn())
        # Positions are numbered without gaps.
        self._rows += await asyncio.to_thread(book.entries_after, launch_id, len(self._rows))
        return self._rows

    def _ti(self) -> Any:
        return self.task_instance

    def _run(self) -> Any:
        return self._ti().get_template_context()["dag_run"]
