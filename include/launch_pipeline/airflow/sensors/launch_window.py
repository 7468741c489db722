"""Windows: a task that waits for its moment without a worker and re-reads the launch time as it waits.

A wait ends in the triggerer. Only where its end is told (the windows of the launch day) a worker follows for
a moment, tells that the window opened or was missed, and ends the task; however Slack is, the window opens.
What comes after a wait looks at the moment itself (``openings``): a wait that is ended by hand opens nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.openings import until_opened
from launch_pipeline.airflow.policies.retries import despite_accidents
from launch_pipeline.checklist.model import Moment
from launch_pipeline.errors import LaunchRefused, LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk import Context


class WindowTrigger(BaseTrigger):
    """Ends the task when its moments have come."""

    def __init__(self, *, moments: list[dict[str, Any]], told: bool = False) -> None:
        super().__init__()
        self.moments = moments
        self.told = told

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, as Airflow stores them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"moments": self.moments, "told": self.told}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the end of the wait; or, for the task to fail with, why the window does not open."""
        try:
            opens_at = await until_opened(
                self.task_instance, [Moment.model_validate(moment) for moment in self.moments]
            )
        except LaunchRefused as refused:
            yield TriggerEvent({"refused": str(refused)})
            return
        opened = {"opened": opens_at.isoformat()}
        yield TriggerEvent(opened) if self.told else TaskSuccessEvent(xcoms={"return_value": opened})


class LaunchWindowSensor(BaseOperator):
    """Holds back what follows until its moment; holds no worker and can be postponed."""

    template_fields = ()
    ui_color = "#e2e3e5"

    def __init__(self, *, moment: dict[str, Any], told: bool = False, **kwargs: Any) -> None:
        """``told``: tell when the wait is over."""
        super().__init__(**despite_accidents(), **kwargs)
        self.moment = moment
        self.told = told
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{WindowTrigger.__module__}.{WindowTrigger.__qualname__}",
            trigger_kwargs={"moments": [moment], "told": told},
            next_method="ended",
        )

    def execute(self, context: Context) -> None:
        """Begin in a worker, where Airflow could not begin in the triggerer."""
        del context
        self.defer(trigger=WindowTrigger(moments=[self.moment], told=self.told), method_name="ended")

    def ended(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Tell that the window opened; or fail with the reason why it does not."""
        if "refused" in event:
            message = f"This window does not open. {event['refused']}"
            raise AirflowFailException(message)
        from launch_pipeline.airflow.notifiers.launch import announce_window  # noqa: PLC0415 - no Dag needs it

        try:
            announce_window(context["ti"], launch_in(context), datetime.fromisoformat(event["opened"]))
        except LedgerUnavailable as error:
            self.log.warning("That the window opened could not be told: %s", error)
        return event
