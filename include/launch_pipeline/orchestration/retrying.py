"""When an item gets another try: when a person asks for one, or when Airflow itself was away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

if TYPE_CHECKING:
    from airflow.sdk import Context

RECHECKS = 1000
"""Tries a person may ask for with *Re-check*; each is one try in Airflow's history."""

AIRFLOW_AWAY = timedelta(seconds=10)
"""Pause after the api-server did not answer a task."""


class RecheckAsked(AirflowException):
    """A person asked for another look; not a failure of anything."""


class ItemRetryPolicy(RetryPolicy):
    """Re-check tries again at once, a lost connection a little later, anything else fails the item once.

    Without it a mistake in our code would be tried a thousand times without a pause.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by what was raised."""
        del try_number, max_tries, context
        if isinstance(exception, RecheckAsked):
            return RetryDecision.retry(delay=timedelta(0), reason=str(exception))
        if isinstance(exception, AirflowRuntimeError | OSError):
            return RetryDecision.retry(delay=AIRFLOW_AWAY, reason="Airflow's own connection failed")
        return RetryDecision.fail(reason="unforeseen; clear the task to try again")
