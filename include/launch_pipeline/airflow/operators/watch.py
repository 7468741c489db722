"""Watch a launch without a worker until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import StartTriggerArgs

from launch_pipeline.airflow.policies.retries import despite_accidents
from launch_pipeline.airflow.triggers.watch import WatchTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class WatchOperator(BaseOperator):
    """Let items be verified again when what they rest on changes; see ``triggers/watch.py``.

    The task lives in the triggerer. It ends when the launch is over, and fails in a run that no launch began.
    """

    ui_color = "#e2e3e5"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**despite_accidents(), **kwargs)
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{WatchTrigger.__module__}.{WatchTrigger.__qualname__}",
            trigger_kwargs={},
            next_method="ended",
        )

    def execute(self, context: Context) -> None:
        """Begin in a worker if Airflow did not begin in the triggerer."""
        del context
        self.defer(trigger=WatchTrigger(), method_name="ended")

    def ended(self, context: Context, event: dict[str, Any]) -> None:
        """Fail with the reason why this run watches nothing."""
        del context
        raise AirflowFailException(event["refused"])
