"""Wait for a window of the launch day without a worker, re-reading the launch time meanwhile.

The wait ends in the triggerer. If the window is announced, a worker runs for a moment to announce that it
opened or was missed; Slack that is away does not keep it closed. Items behind a wait check themselves whether
it is open (``policies/openings.py``), so a wait that is ended by hand opens nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.openings import opened, until_opened
from launch_pipeline.airflow.policies.pacing import pause
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
        opening = {"opened": opens_at.isoformat()}
        yield TriggerEvent(opening) if self.told else TaskSuccessEvent(xcoms={"return_value": opening})


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

    def ended(
        self, context: Context, event: Any = None, held: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Announce that the window opened, or fail with the reason why it does not.

        The row in the ledger keeps it open: no hold and no reopened item closes it after that. ``held`` is
        the event of the wait, while the ledger cannot be reached.
        """
        opening: dict[str, Any] = held or event
        if "refused" in opening:
            message = f"This window does not open. {opening['refused']}"
            raise AirflowFailException(message)
        try:
            self._open(context, datetime.fromisoformat(opening["opened"]))
        except LedgerUnavailable as error:
            self.log.warning("The opening of the window waits for the ledger: %s", error)
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="ended", kwargs={"held": opening})
        return opening

    def _open(self, context: Context, opens_at: datetime) -> None:
        from launch_pipeline.airflow.notifiers.launch import announce_window  # noqa: PLC0415 - no Dag needs it

        launch = launch_in(context)
        if not opened(launch, self.dag_id, [Moment.model_validate(self.moment)]):
            # It was held, or something was reopened, since the triggerer looked.
            self.execute(context)
        announce_window(context["ti"], launch, opens_at)
