"""Checks in the triggerer: one pass that may end the task, and re-checks until they pass."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.hooks.ledger import denial, keep_pass, show_evidence
from launch_pipeline.airflow.policies.launch_run import alaunch_in
from launch_pipeline.airflow.policies.openings import until_opened
from launch_pipeline.airflow.policies.pacing import worker_lag
from launch_pipeline.airflow.triggers.run_checks import observe
from launch_pipeline.errors import LaunchError, LaunchRefused, LedgerUnavailable
from launch_pipeline.launch.evidence import EVIDENCE_KEY, Evidence
from launch_pipeline.launch.item_records import ItemSpec, machine_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.schema import Record

log = logging.getLogger(__name__)

AWAY_SECONDS = 5.0
"""Before a ledger that was away is asked again."""

DENIAL_SECONDS = 2.0
"""Between two looks for another role's no; four tasks at most wait so."""


class ChecksTrigger(BaseTrigger):
    """Runs an item's checks.

    Without ``every`` it looks once: a pass ends the task (unless a person is needed as well), anything
    else goes back to the task with the evidence. So does a pass of a later try: somebody may have answered
    the try before (see ``carrying``). With ``every`` (seconds) a request is open already: it looks again and
    again until the checks pass, and keeps the evidence that people see fresh. ``rest`` (seconds) comes before
    the first look where a worker went before (see ``pacing``).
    """

    def __init__(
        self, *, spec: dict[str, Any], every: float | None = None, ends: bool = True, rest: float = 0.0
    ) -> None:
        super().__init__()
        self.spec = spec
        self.every = every
        self.ends = ends
        self.rest = rest

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as Airflow stores them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"spec": self.spec, "every": self.every, "ends": self.ends, "rest": self.rest}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the end of the task, or the evidence for the task to go on with."""
        await asyncio.sleep(self.rest)
        try:
            yield await self._event()
        except LaunchRefused as refused:
            # The task fails with the reason; a trigger can only go back to it.
            yield TriggerEvent(Evidence.inconclusive(str(self._ti().id), str(refused)).payload())

    async def _event(self) -> TriggerEvent:
        spec = ItemSpec.model_validate(self.spec)
        if spec.moments:
            await until_opened(self._ti(), spec.moments)
        evidence = await self._look() if self.every is None else await self._until_passed(self.every)
        first = self.every is not None or self._ti().try_number <= 1
        if not (evidence.passed and self.ends and first):
            return TriggerEvent(evidence.payload())
        record = await self._kept(machine_record(spec, await self._launch(), self._ti(), evidence))
        return TaskSuccessEvent(xcoms={"return_value": record.model_dump(mode="json")})

    async def _kept(self, record: Record) -> Record:
        """Keep a pass in the ledger before the task ends green; waits for a ledger that is away."""
        while True:
            try:
                return await keep_pass(record)
            except LedgerUnavailable as error:
                log.warning("The pass of %s waits for the ledger: %s", self.spec["ref"], error)
                await asyncio.sleep(AWAY_SECONDS)

    async def _look(self) -> Evidence:
        launch = await self._launch()
        try:
            return await observe(self.spec["item"], launch, str(self._ti().id))
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
            await show_evidence(ti.run_id, str(ti.id), evidence.payload())
            await XCom.aset(key=EVIDENCE_KEY, value=evidence.payload(), **where)
        except Exception as error:  # noqa: BLE001  whatever the channel raises; the open request must stay
            log.warning("The evidence of %s cannot be shown: %s", self.spec["ref"], error)

    async def _launch(self) -> LaunchContext:
        """The launch of this run; waits for a ledger that is away. Raises LaunchRefused."""
        while True:
            try:
                return await alaunch_in(self._ti())
            except LedgerUnavailable as error:
                log.warning("The launch of %s cannot be read yet: %s", self.spec["ref"], error)
                await asyncio.sleep(AWAY_SECONDS)

    def _ti(self) -> Any:
        return self.task_instance


class NoGoTrigger(BaseTrigger):
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
