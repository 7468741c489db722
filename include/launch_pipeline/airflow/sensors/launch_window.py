"""Wait for a window of the launch day without a worker, re-reading the launch time meanwhile.

The wait ends in the triggerer. If the window is announced, a worker runs for a moment to announce that it
opened or was missed; a failing announcement does not keep it closed. Items behind a wait check the moment
themselves (``policies/openings.py``), so a wait that is ended by hand opens nothing.
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
    """End the task when its moments have come."""

    def __init__(self, *, moments: list[dict[str, Any]], told: bool = False) -> None:
        super().__init__()
        self.moments = moments
        self.told = told

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, as Airflow stores them."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"moments": self.moments, "told": self.told}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the end of the wait, or the reason for the task to fail with."""
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
    """Hold back the tasks behind it until its moment. It holds no worker, and can be postponed."""

    template_fields = ()
    ui_color = "#e2e3e5"

    def __init__(self, *, moment: dict[str, Any], told: bool = False, **kwargs: Any) -> None:
        """Set ``told`` to announce the end of the wait."""
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
        """Begin in a worker if Airflow did not begin in the triggerer."""
        del context
        self.defer(trigger=WindowTrigger(moments=[self.moment], told=self.told), method_name="ended")

    def ended(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Announce that the window opened, or fail with the reason why it does not."""
        if "refused" in event:
            message = f"This window does not open. {event['refused']}"
            raise AirflowFailException(message)
        from launch_pipeline.airflow.notifiers.launch import announce_window  # noqa: PLC0415 - no Dag needs it

        try:
            announce_window(context["ti"], launch_in(context), datetime.fromisoformat(event["opened"]))
        except LedgerUnavailable as error:
            self.log.warning("The opening of the window could not be announced: %s", error)
        return event
