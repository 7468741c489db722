"""Run one item as one task. What follows on what is decided in ``launch/item_flow.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.triggers.base import StartTriggerArgs

from launch_pipeline.airflow.operators import hitl_request
from launch_pipeline.airflow.operators.item_run import ItemRun
from launch_pipeline.airflow.policies.responders import with_user_name
from launch_pipeline.airflow.policies.retries import RECHECKS, ItemRetryPolicy
from launch_pipeline.airflow.triggers.checks import ChecksTrigger
from launch_pipeline.errors import LedgerUnavailable, OperationError
from launch_pipeline.launch.item_flow import Traits
from launch_pipeline.launch.item_records import ItemSpec
from launch_pipeline.launch.item_states import State, event_of, evidence_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class ChecklistItemOperator(HITLOperator):
    """Verify an item by its checks, ask a person where it needs one, and end with a record.

    Green only when the item's checks passed or, where it asks for a person, when a person with the right
    role approved fresh evidence. Waived, not applicable and advisory-not-met items are skipped.

    The task takes its name and first look from today's checklist. Everything else is the item as its launch
    has it (``launch/in_force.py``).

    Nothing is a template here: what a checklist or a person writes is text wherever it goes.
    """

    template_fields = ()
    ui_color = "#e8f0fe"

    def __init__(self, *, spec: dict[str, Any], **kwargs: Any) -> None:
        self.spec = ItemSpec.model_validate(spec)
        traits = Traits.of(self.spec.item)
        super().__init__(
            subject=self.spec.item.text,
            options=list(self.spec.options),
            params=hitl_request.form(self.spec),
            retries=RECHECKS,
            # Airflow asks no retry policy about a worker that was lost: its next try begins at once.
            retry_delay=timedelta(0),
            retry_policy=ItemRetryPolicy(),
            **kwargs,
        )
        if traits.in_triggerer:
            self.start_from_trigger = True
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=f"{ChecksTrigger.__module__}.{ChecksTrigger.__qualname__}",
                trigger_kwargs={"spec": self.spec.payload(), "every": None, "ends": not traits.needs_person},
                next_method="resume",
                next_kwargs={"state": State.CHECKED.value},
            )

    def execute(self, context: Context) -> Any:
        """Begin in a worker: an item without checks asks at once, any other looks first."""
        return self.resume(context, State.BEGINNING)

    def resume(self, context: Context, state: str, event: Any = None, **held: Any) -> Any:
        """Go on from a state with Airflow's event: the only way back into the task.

        A ledger or an api-server that is away is asked again later, from the state reached by then.
        """
        run = ItemRun(self, context)
        run.hold(State(state), **held)
        try:
            happened = event_of(run.state, with_user_name(event), held)
            return run.go(happened or run.checked(evidence_of(run.state, event, held)))
        except (OperationError, LedgerUnavailable) as error:
            run.later(error)
