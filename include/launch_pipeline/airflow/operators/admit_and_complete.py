"""Begin and end a launch: the first and the last task of the conductor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from launch_pipeline.airflow.hooks.ledger import launches
from launch_pipeline.airflow.notifiers.launch import announce_complete, announce_refused, announce_started
from launch_pipeline.airflow.operators.preflight import admit
from launch_pipeline.airflow.policies.pacing import pause
from launch_pipeline.airflow.policies.seals import launch_before
from launch_pipeline.checklist.sequence import (
    ALL_PHASES,
    CONDUCTOR,
    WATCH,
)
from launch_pipeline.errors import ConfigurationError, LaunchRefused, PhaseReopened
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.ledger.launch import LaunchState

if TYPE_CHECKING:
    from airflow.sdk import Context

AWAY: dict[str, Any] = {"retries": 20, "retry_delay": timedelta(seconds=10)}
"""Retries for an unreachable ledger. A refusal fails the task at once."""


class AdmitOperator(BaseOperator):
    """Record the start of a launch, or refuse it with every reason."""

    ui_color = "#cfe2ff"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**AWAY, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the configuration for every phase."""
        by = context["dag_run"].triggering_user_name or "nobody"
        try:
            asked = LaunchContext.of_form(context["run_id"], context["params"], by)
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from error
        paused = [d for d in (*ALL_PHASES, WATCH) if context["ti"].get_dag(d).is_paused]
        try:
            admitted = admit(asked, paused=paused)
        except LaunchRefused as refused:
            context["ti"].xcom_push(key="refused", value=str(refused))
            announce_refused(asked, str(refused))
            raise AirflowFailException(str(refused)) from refused
        announce_started(context["ti"], admitted)
        return admitted.conf()


class CompleteOperator(BaseOperator):
    """End a launch when the ledger holds a complete seal of each phase."""

    ui_color = "#d1e7dd"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**AWAY, **kwargs)

    def execute(self, context: Context) -> None:
        """Record the end and announce it; wait while a phase is verified again."""
        try:
            launch = launches().get(context["run_id"])
            # A try before this one may have recorded the end and lost its worker before announcing it.
            if launch.state is not LaunchState.COMPLETE:
                launch_before(launch.launch_id, CONDUCTOR)
                launches().end(launch.launch_id, LaunchState.COMPLETE)
        except PhaseReopened as reopened:
            self.log.warning("%s Trying again in %s.", reopened, pause())
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="again")
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        announce_complete(context["ti"], LaunchContext.of_launch(launch))

    def again(self, context: Context, event: Any = None) -> None:
        """Go on after a pause."""
        del event
        self.execute(context)
