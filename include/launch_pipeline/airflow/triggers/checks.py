"""Run checks in the triggerer: once, or again and again until they pass."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.hooks.in_force import asettings_of, aspec_of
from launch_pipeline.airflow.hooks.ledger import append_pass, denial, show_evidence
from launch_pipeline.airflow.policies.launch_run import alaunch_in
from launch_pipeline.airflow.policies.openings import until_opened
from launch_pipeline.airflow.policies.pacing import worker_lag
from launch_pipeline.airflow.triggers.run_checks import observe
from launch_pipeline.errors import LaunchError, LaunchRefused, LedgerUnavailable
from launch_pipeline.launch.evidence import EVIDENCE_KEY, Evidence
from launch_pipeline.launch.item_flow import runs_in_triggerer
from launch_pipeline.launch.item_records import machine_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import Record

log = logging.getLogger(__name__)

T = TypeVar("T")

AWAY_SECONDS = 5.0
"""Pause before an unreachable ledger is asked again."""

DENIAL_SECONDS = 2.0
"""Poll interval for another role's no; at most four tasks wait for one."""


class ChecksTrigger(BaseTrigger):
    """Run an item's checks, as its launch has them: ``spec`` is the item of today's files.

    Without ``every`` they run once. A pass ends the task if the item needs no person and this is its first
    try; otherwise the evidence goes back to the task, which may hold an answer to a lost try
    (``policies/answer_recovery.py``). With ``every`` (seconds) a request is open: the checks repeat until
    they pass, and the evidence that people see stays fresh. ``rest`` (seconds) precedes the first run if a
    worker had the task before (``policies/pacing.py``).
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
        """Return class path and arguments, as Airflow stores them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"spec": self.spec, "every": self.every, "ends": self.ends, "rest": self.rest}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the end of the task, or the evidence for the task to go on with."""
        await asyncio.sleep(self.rest)
        try:
            yield await self._event()
        except LaunchRefused as refused:
            # A trigger cannot fail its task: it hands the reason over.
            yield TriggerEvent(Evidence.inconclusive(str(self._ti().id), str(refused)).payload())

    async def _event(self) -> TriggerEvent:
        spec = await self._in_force()
        if spec is None or not runs_in_triggerer(spec.item):
            # Nothing to look at here: a worker goes on with it.
            return TriggerEvent({})
        if spec.moments:
            await until_opened(self._ti(), spec.moments)
        evidence = await (self._look(spec) if self.every is None else self._until_passed(spec, self.every))
        first = self.every is not None or self._ti().try_number <= 1
        if not (evidence.passed and self.ends and first and not spec.item.mode.needs_person):
            return TriggerEvent(evidence.payload())
        record = await self._kept(machine_record(spec, await self._launch(), self._ti(), evidence))
        return TaskSuccessEvent(xcoms={"return_value": record.model_dump(mode="json")})

    async def _in_force(self) -> ItemSpec | None:
        """Return the item as its launch has it, waiting while the ledger is unreachable."""
        ti = self._ti()
        return await self._patiently(lambda launch: aspec_of(launch, ti.dag_id, ti.task_id))

    async def _kept(self, record: Record) -> Record:
        """Append a pass to the ledger before the task ends green, waiting while the ledger is unreachable."""
        while True:
            try:
                return await append_pass(record)
            except LedgerUnavailable as error:
                log.warning("The pass of %s waits for the ledger: %s", self.spec["ref"], error)
                await asyncio.sleep(AWAY_SECONDS)

    async def _look(self, spec: ItemSpec) -> Evidence:
        launch = await self._launch()
        try:
            settings = await self._patiently(asettings_of)
            return await observe(spec.item, launch, settings, str(self._ti().id))
        except LaunchRefused:
            raise
        except LaunchError as error:
            # A broken environment file concerns each item: each asks a person and shows the reason.
            log.warning("The checks of %s could not run: %s", self.spec["ref"], error)
            return Evidence.inconclusive(str(self._ti().id), str(error))

    async def _until_passed(self, spec: ItemSpec, every: float) -> Evidence:
        shown: tuple[str, dict[str, str]] = ("", {})
        while True:
            await asyncio.sleep(every)
            evidence = await self._look(spec)
            if evidence.passed:
                return evidence
            # An answer counts only on evidence of what is in force, so it is shown after a change as well.
            if (evidence.headline, evidence.rests_on) != shown:
                shown = (evidence.headline, evidence.rests_on)
                await self._show(evidence)

    async def _show(self, evidence: Evidence) -> None:
        ti = self._ti()
        where = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
        try:
            await show_evidence(ti.run_id, str(ti.id), evidence.payload())
            await XCom.aset(key=EVIDENCE_KEY, value=evidence.payload(), **where)
        except Exception as error:  # noqa: BLE001  any error of the channel; the open request must stay
            log.warning("The evidence of %s cannot be shown: %s", self.spec["ref"], error)

    async def _launch(self) -> LaunchContext:
        """Return the launch of this run, waiting while the ledger is unreachable. Raises LaunchRefused."""

        async def itself(launch: LaunchContext) -> LaunchContext:
            return launch

        return await self._patiently(itself)

    async def _patiently(self, read: Callable[[LaunchContext], Awaitable[T]]) -> T:
        """Read something of the launch, waiting while the ledger is unreachable."""
        while True:
            try:
                return await read(await alaunch_in(self._ti()))
            except LedgerUnavailable as error:
                log.warning("The launch of %s cannot be read yet: %s", self.spec["ref"], error)
                await asyncio.sleep(AWAY_SECONDS)

    def _ti(self) -> Any:
        return self.task_instance


class NoGoTrigger(BaseTrigger):
    """Fire as soon as another role says no, beside an open go/no-go request."""

    def __init__(self, *, ref: str) -> None:
        super().__init__()
        self.ref = ref

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, as Airflow stores them."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"ref": self.ref}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the name of the person who said no."""
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
            log.warning("Another role's no cannot be read for now: %s", error)
            return None
