"""Look at every machine check of the sealed phases once more, before the go/no-go asks anybody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from launch_pipeline.airflow.hooks.in_force import settings_of
from launch_pipeline.airflow.hooks.ledger import ledger
from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.pacing import pause, worker_lag
from launch_pipeline.airflow.policies.reopening import areopen
from launch_pipeline.airflow.policies.retries import despite_accidents
from launch_pipeline.airflow.policies.seals import in_force
from launch_pipeline.airflow.triggers.look_again import LookAgainTrigger, look_again
from launch_pipeline.checklist.sequence import preceding
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.errors import ConfigurationError, LaunchRefused, LedgerUnavailable, OperationError
from launch_pipeline.launch.looking import (
    LookedAt,
    needs_worker,
    no_longer_true,
    not_repeated,
    to_look_at,
    together,
    verified_again,
)
from launch_pipeline.ledger.reopened import VerifiedAgain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from airflow.sdk import Context

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.looking import Look

_AWAY = (LedgerUnavailable, OperationError, ConfigurationError)


class VerifyAgainOperator(BaseOperator):
    """Look once more at what has passed in the phases before this one, and record what is still true.

    What is no longer true is reopened. The task then succeeds whatever it saw, since *No go* is an answer at
    once; *Go* is none while an earlier phase does not stand (``policies/before_go.py``). A worker looks at
    what loads the machine, the triggerer at everything else. The task waits while the ledger, Airflow or the
    environment cannot be read. When it is cleared it looks again.
    """

    template_fields = ()
    ui_color = "#e8f0fe"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**despite_accidents(), **kwargs)

    def execute(self, context: Context) -> None:
        """Look at what needs a worker, and leave the rest to the triggerer."""
        try:
            launch = launch_in(context)
            now, entries = in_force(launch), ledger().entries(launch.launch_id)
            items = to_look_at(entries, now, preceding(context["ti"].dag_id))
            here = [item for item in items if needs_worker(item) or not_repeated(item)]
            looks = asyncio.run(_looked(launch, here))
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        except _AWAY as error:
            self._wait(error, "again")
        seen = verified_again(looks, datetime.now(UTC)).model_dump(mode="json")
        there = [[item.dag_id, item.spec.task_id] for item in items if item not in here]
        trigger = LookAgainTrigger(items=there, rest=worker_lag().total_seconds())
        self.defer(trigger=trigger, method_name="looked", kwargs={"seen": seen})

    def again(self, context: Context, event: Any = None) -> None:
        """Begin again after a pause."""
        del event
        self.execute(context)

    def looked(
        self,
        context: Context,
        seen: dict[str, Any],
        event: Any = None,
        found: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Record what worker and triggerer saw, and reopen what is no longer true.

        ``found`` is what the triggerer saw, held while the ledger or Airflow is away.
        """
        if isinstance(event, dict) and "refused" in event:
            raise AirflowFailException(event["refused"])
        found = found or event["seen"]
        whole = together(VerifiedAgain.model_validate(seen), VerifiedAgain.model_validate(found))
        try:
            self._record(context, whole)
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        except _AWAY as error:
            self._wait(error, "looked", seen=seen, found=found)
        kept: dict[str, Any] = whole.model_dump(mode="json")
        return kept

    def _record(self, context: Context, seen: VerifiedAgain) -> None:
        ti, launch = context["ti"], launch_in(context)
        for one in seen.no_longer_true:
            self.log.warning("No longer true: %s: %s", one.item_ref, one.headline)
        ledger().append_in_course([seen.entry(launch.launch_id, ti.dag_id, str(ti.id), ti.try_number)])
        items = no_longer_true(seen.no_longer_true, ledger().entries(launch.launch_id))
        if items:
            asyncio.run(areopen(launch.launch_id, items))

    def _wait(self, error: Exception, method: str, **kept: Any) -> NoReturn:
        self.log.warning("Trying again in %s, nothing is lost: %s", pause(), error)
        self.defer(trigger=TimeDeltaTrigger(pause()), method_name=method, kwargs=kept)


async def _looked(launch: LaunchContext, items: Sequence[LookedAt]) -> list[Look]:
    """Look in this worker's own loop, and close the clients that belong to it."""
    if not items:
        return []
    try:
        return await look_again(launch, await asyncio.to_thread(settings_of, launch), items, in_worker=True)
    finally:
        await close_clients()
