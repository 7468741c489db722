"""Wait, from the Go until the end of the launch day, for a reason to offer the rollback."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseTrigger, TriggerEvent

from launch_pipeline.airflow.hooks.ledger import awindow_rows, find_launch
from launch_pipeline.checklist.sequence import AFTER_GO, CONDUCTOR
from launch_pipeline.errors import LedgerUnavailable
from launch_pipeline.launch.windows import launch_day_over, rollback_due

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Interval between two looks; the people of a rollback hear of it within ten seconds."""
OFFER, OVER = "offer", "over"


class RollbackTrigger(BaseTrigger):
    """Fire when a rollback may have to be offered, or when the launch day is over.

    ``seen`` are windows whose step failed without a reason to offer one: their state alone fires no more.
    ``settled`` are items that are no longer true and for which a rollback was declined. ``rest`` (seconds)
    precedes the first look, since a worker had the task before (``policies/pacing.py``).
    """

    def __init__(
        self, *, seen: list[str] | None = None, settled: list[str] | None = None, rest: float = 0.0
    ) -> None:
        super().__init__()
        self.seen = list(seen or ())
        self.settled = list(settled or ())
        self.rest = rest

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, as Airflow stores them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"seen": self.seen, "settled": self.settled, "rest": self.rest}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: ``offer`` with the windows whose step failed, or ``over``."""
        await asyncio.sleep(self.rest)
        # No event exists: what is awaited happens in other processes.
        while not (event := await self._event()):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        yield TriggerEvent(event)

    async def _event(self) -> dict[str, Any] | None:
        try:
            return await self._due()
        except (LedgerUnavailable, AirflowRuntimeError) as error:
            log.warning("Whether a rollback is due cannot be read yet: %s", error)
            return None

    async def _due(self) -> dict[str, Any] | None:
        launch_id = str(self._ti().run_id)
        launch = await find_launch(launch_id)
        if launch is None or launch.over:
            return {"why": OVER}
        rows = await awindow_rows(launch_id)
        if rollback_due(rows, self.settled):
            return {"why": OFFER, "failed": []}
        if launch_day_over(rows):
            return {"why": OVER}
        # A window that was ended by hand has no seal, and may have launched all the same.
        failed = await _failed(launch_id, [dag_id for dag_id in AFTER_GO if dag_id not in self.seen])
        return {"why": OFFER, "failed": failed} if failed else None

    def _ti(self) -> Any:
        return self.task_instance


async def _failed(launch_id: str, windows: Collection[str]) -> list[str]:
    """Return the windows whose step has failed. Raises AirflowRuntimeError."""
    if not windows:
        return []
    states = await asyncio.to_thread(
        RuntimeTaskInstance.get_task_states,
        dag_id=CONDUCTOR,
        task_ids=list(windows),
        run_ids=[launch_id],
    )
    return sorted(name for name, state in states.get(launch_id, {}).items() if state == "failed")
