"""Checks in the triggerer: one pass that may end the task, and re-checks until they pass."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from launch_pipeline.errors import LaunchError, LedgerUnavailable
from launch_pipeline.orchestration.evidence import EVIDENCE_KEY, Evidence
from launch_pipeline.orchestration.launch_context import LaunchContext
from launch_pipeline.orchestration.ledger_access import denial
from launch_pipeline.orchestration.observe import observe
from launch_pipeline.orchestration.pacing import worker_lag
from launch_pipeline.orchestration.records import ItemSpec, machine_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)

DENIAL_SECONDS = 2.0
"""Between two looks for another role's no; four tasks at most wait so."""


class ItemTrigger(BaseTrigger):
    """Runs an item's checks.

    Without ``every`` it looks once: a pass ends the task (unless a person is needed as well), anything
    else goes back to the task with the evidence. So does a pass of a later try: somebody may have answered
    the try before (see ``carrying``). With ``every`` (seconds) a request is open already: it looks again and
    again until the checks pass, and keeps the evidence that people see fresh. ``rest`` (seconds) comes before
    the first look where a worker went before (see ``pacing``).
    """

    def __init__(
        self,
        *,
        spec: dict[str, Any],
        conf: str,
        every: float | None = None,
        ends: bool = True,
        rest: float = 0.0,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.conf = conf
        self.every = every
        self.ends = ends
        self.rest = rest

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as Airflow stores them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        looks = {"every": self.every, "ends": self.ends, "rest": self.rest}
        return path, {"spec": self.spec, "conf": self.conf, **looks}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the end of the task, or the evidence for the task to go on with."""
        await asyncio.sleep(self.rest)
        evidence = await self._look() if self.every is None else await self._until_passed(self.every)
        first = self.every is not None or self._ti().try_number <= 1
        if evidence.passed and self.ends and first:
            record = machine_record(ItemSpec.model_validate(self.spec), self._launch(), self._ti(), evidence)
            yield TaskSuccessEvent(xcoms={"return_value": record.model_dump(mode="json")})
        else:
            yield TriggerEvent(evidence.payload())

    async def _look(self) -> Evidence:
        try:
            return await observe(self.spec["item"], self._launch(), str(self._ti().id))
        except LaunchError as error:
            # A broken environment file concerns every item; each asks a person and says why.
            log.warning("The checks of %s could not run: %s", self.spec["ref"], error)
            return Evidence.inconclusive(str(self._ti().id), str(error))

    async def _until_passed(self, every: float) -> Evidence:
        shown = ""
        while True:
            await asyncio.sleep(every)
            evidence = await self._look()
            if evidence.passed:
                return evidence
            if evidence.headline != shown:
                shown = evidence.headline
                await self._show(evidence)

    async def _show(self, evidence: Evidence) -> None:
        ti = self._ti()
        where = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
        try:
            await XCom.aset(key=EVIDENCE_KEY, value=evidence.payload(), **where)
        except Exception as error:  # noqa: BLE001  whatever the channel raises; the open request must stay
            log.warning("The evidence of %s cannot be shown: %s", self.spec["ref"], error)

    def _launch(self) -> LaunchContext:
        return LaunchContext.of_run(self._ti().run_id, self.conf)

    def _ti(self) -> Any:
        return self.task_instance


class DenialTrigger(BaseTrigger):
    """Beside an open go/no-go request: fires as soon as another role has said no."""

    def __init__(self, *, ref: str) -> None:
        super().__init__()
        self.ref = ref

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as Airflow stores them."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"ref": self.ref}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield who said no, once somebody has."""
        ti: Any = self.task_instance
        await asyncio.sleep(worker_lag().total_seconds())
        while True:
            if denied_by := await self._denied_by(ti.run_id, ti.dag_id):
                yield TriggerEvent({"denied_by": denied_by})
                return
            await asyncio.sleep(DENIAL_SECONDS)

    async def _denied_by(self, run_id: str, dag_id: str) -> str | None:
        try:
            return await denial(run_id, dag_id, self.ref)
        except LedgerUnavailable as error:
            log.warning("Whether another role has said no is unknown for now: %s", error)
            return None
