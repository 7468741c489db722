"""Start the watch of a launch, under the launch's own run id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowFailException

from launch_pipeline.airflow.hooks.ledger import launches
from launch_pipeline.airflow.policies.retries import despite_accidents
from launch_pipeline.errors import LaunchRefused

if TYPE_CHECKING:
    from airflow.sdk import Context


class StartWatchOperator(TriggerDagRunOperator):
    """Trigger the watch, which goes on beside the conductor until the launch is over.

    A watch that exists already is left alone.
    """

    # The run's configuration comes from the ledger; nothing in it is a template.
    template_fields = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(logical_date=None, skip_when_already_exists=True, **despite_accidents(), **kwargs)

    def execute(self, context: Context) -> None:
        """Trigger it with the configuration of the launch."""
        try:
            launch = launches().get(context["run_id"])
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        self.trigger_run_id, self.conf = context["run_id"], dict(launch.conf)
        super().execute(context)
