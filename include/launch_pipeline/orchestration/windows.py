"""Windows: a task that waits for its moment without a worker and re-reads the launch time as it waits.

A wait ends in the triggerer. Only where its end is told (the windows of the launch day) a worker follows for
a moment, tells that the window opened or was missed, and ends the task; however Slack is, the window opens.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

from launch_pipeline.checklist.model import Moment
from launch_pipeline.checklist.moments import opening
from launch_pipeline.checklist.sequence import T_0
from launch_pipeline.checklist.words import Anchor
from launch_pipeline.errors import ConfigurationError, LedgerUnavailable
from launch_pipeline.orchestration.launch_context import CONF_TEMPLATE, LaunchContext
from launch_pipeline.orchestration.ledger_access import current_launch, sealed_at
from launch_pipeline.orchestration.observe import environment_of
from launch_pipeline.orchestration.retrying import despite_accidents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk import Context

    from launch_pipeline.record.launches import Launch

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""At least this often a waiting window looks whether the launch was postponed or aborted."""


class WindowTrigger(BaseTrigger):
    """Ends the task when its moment has come."""

    def __init__(self, *, moment: dict[str, Any], conf: str, told: bool = False) -> None:
        super().__init__()
        self.moment = moment
        self.conf = conf
        self.told = told

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as Airflow stores them."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "moment": self.moment,
            "conf": self.conf,
            "told": self.told,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the end of the wait; or, for the task to fail with, that the launch is over."""
        ti: Any = self.task_instance
        launch = LaunchContext.of_run(ti.run_id, self.conf)
        while True:
            current = await _current(launch.launch_id)
            if current is not None and current.over:
                yield TriggerEvent({"over": str(current.state)})
                return
            opens_at = await self._known_opening(launch, current)
            left = (opens_at - datetime.now(UTC)).total_seconds() if opens_at else LOOK_SECONDS
            if left <= 0 and opens_at:
                opened = {"opened": opens_at.isoformat()}
                yield TriggerEvent(opened) if self.told else TaskSuccessEvent(xcoms={"return_value": opened})
                return
            await asyncio.sleep(min(left, LOOK_SECONDS))

    async def _known_opening(self, launch: LaunchContext, current: Launch | None) -> datetime | None:
        try:
            return await self._opens_at(launch, current)
        except (LedgerUnavailable, ConfigurationError) as error:
            log.warning("When this window opens cannot be read, it stays closed: %s", error)
            return None

    async def _opens_at(self, launch: LaunchContext, current: Launch | None) -> datetime | None:
        """When the window opens; None while that is not known."""
        moment = Moment.model_validate(self.moment)
        base = current.launch_at if current else _parse(launch.launch_at)
        if base is None:
            return None
        environment = await asyncio.to_thread(environment_of, launch)
        ended = await sealed_at(launch.launch_id, T_0) if moment.anchor is Anchor.T_0_END else None
        return opening(moment, base, ended, environment.pace)


class OpensOperator(BaseOperator):
    """Holds back what follows until its moment; holds no worker and can be postponed."""

    template_fields = ("conf",)
    ui_color = "#e2e3e5"

    def __init__(
        self, *, moment: dict[str, Any], conf: str = CONF_TEMPLATE, told: bool = False, **kwargs: Any
    ) -> None:
        """``told``: tell when the wait is over."""
        super().__init__(**despite_accidents(), **kwargs)
        self.moment = moment
        self.conf = conf
        self.told = told
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{WindowTrigger.__module__}.{WindowTrigger.__qualname__}",
            trigger_kwargs={"moment": moment, "conf": conf, "told": told},
            next_method="ended",
        )

    def execute(self, context: Context) -> None:
        """Begin in a worker, where Airflow could not begin in the triggerer."""
        del context
        trigger = WindowTrigger(moment=self.moment, conf=self.conf, told=self.told)
        self.defer(trigger=trigger, method_name="ended")

    def ended(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Tell that the window opened; or fail: the launch was over before it did."""
        if "over" in event:
            message = f"The launch is over ({event['over']}); this window does not open."
            raise AirflowFailException(message)
        from launch_pipeline.orchestration.telling import tell_window  # noqa: PLC0415 - no Dag needs it

        launch = LaunchContext.of_run(context["run_id"], context["dag_run"].conf)
        tell_window(context["ti"], launch, datetime.fromisoformat(event["opened"]))
        return event


async def _current(launch_id: str) -> Launch | None:
    """The launch as it is; waits for a ledger that is away, since its time may have moved."""
    while True:
        try:
            return await current_launch(launch_id)
        except LedgerUnavailable as error:
            log.warning("The launch time cannot be read, the window stays closed: %s", error)
            await asyncio.sleep(LOOK_SECONDS)


def _parse(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
