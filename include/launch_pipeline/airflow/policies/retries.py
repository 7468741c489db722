"""When a task gets another try: when a person asks for one, or when a worker or Airflow itself was away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

from launch_pipeline.airflow.policies.pacing import pause

if TYPE_CHECKING:
    from airflow.sdk import Context

RECHECKS = 1000
"""Tries a person may ask for with *Re-check*; each is one try in Airflow's history."""

AIRFLOW_AWAY = timedelta(seconds=10)
"""Pause after the api-server did not answer a task."""


ACCIDENTS = 40
"""Tries that workers and the api-server may cost a task of ours that is no item, before it fails."""

MISTAKES = 3
"""Tries after which it fails with what nobody foresaw."""

LONGEST_PAUSE = timedelta(minutes=1)
"""With ``ACCIDENTS``: an api-server may be away for more than half an hour before a phase fails over it."""


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


class AccidentRetryPolicy(RetryPolicy):
    """A lost connection is tried again for long, anything else that nobody foresaw a few times.

    What a task refuses it says with AirflowFailException, and nobody is asked. A worker that was lost, or
    that could not begin because the api-server was away, raises nothing: its task is simply tried again.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by what was raised, and how often in this life of the task."""
        del context
        if isinstance(exception, AirflowRuntimeError | OSError):
            return RetryDecision.default()
        in_this_life = try_number - (max_tries - ACCIDENTS)
        if in_this_life > MISTAKES:
            return RetryDecision.fail(reason="unforeseen, several times; clear the task to try again")
        return RetryDecision.default()


def despite_accidents() -> dict[str, Any]:
    """Arguments of an operator that must come through whatever is killed meanwhile."""
    return {
        "retries": ACCIDENTS,
        "retry_delay": pause(),
        "retry_exponential_backoff": 1.5,
        "max_retry_delay": LONGEST_PAUSE,
        "retry_policy": AccidentRetryPolicy(),
    }
