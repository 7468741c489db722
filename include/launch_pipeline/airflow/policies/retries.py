"""Decide when a task gets another try: on request, or after a lost worker or connection."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

from launch_pipeline.airflow.policies.pacing import pause

if TYPE_CHECKING:
    from airflow.sdk import Context

RECHECKS = 1000
"""Maximum number of *Re-checks* of an item; each is one try in Airflow's history."""

AIRFLOW_AWAY = timedelta(seconds=10)
"""Pause after the api-server did not answer a task."""

ACCIDENTS = 40
"""Maximum tries of a task other than an item after lost workers or connections."""

MISTAKES = 3
"""Maximum tries for unexpected exceptions."""

LONGEST_PAUSE = timedelta(minutes=1)
"""Longest pause. With ``ACCIDENTS``, an api-server may be away for half an hour before a phase fails."""


class RecheckAsked(AirflowException):
    """Signal that a person asked for a re-check; nothing has failed."""


class ItemRetryPolicy(RetryPolicy):
    """Retry a re-check at once and a lost connection after a pause; fail on any other exception.

    Without this policy a bug would be retried a thousand times without a pause.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the exception."""
        del try_number, max_tries, context
        if isinstance(exception, RecheckAsked):
            return RetryDecision.retry(delay=timedelta(0), reason=str(exception))
        if isinstance(exception, AirflowRuntimeError | OSError):
            return RetryDecision.retry(delay=AIRFLOW_AWAY, reason="Airflow's own connection failed")
        return RetryDecision.fail(reason="unexpected; clear the task to try again")


class AccidentRetryPolicy(RetryPolicy):
    """Retry a lost connection for half an hour, and any other exception a few times.

    A refusal (AirflowFailException) never reaches the policy. A lost worker raises nothing: Airflow retries
    its task by itself.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the exception, and by the tries since the task began or was cleared."""
        del context
        if isinstance(exception, AirflowRuntimeError | OSError):
            return RetryDecision.default()
        in_this_life = try_number - (max_tries - ACCIDENTS)
        if in_this_life > MISTAKES:
            return RetryDecision.fail(reason="unexpected, several times; clear the task to try again")
        return RetryDecision.default()


def despite_accidents() -> dict[str, Any]:
    """Return the arguments of an operator that has to survive killed workers and api-servers."""
    return {
        "retries": ACCIDENTS,
        "retry_delay": pause(),
        "retry_exponential_backoff": 1.5,
        "max_retry_delay": LONGEST_PAUSE,
        "retry_policy": AccidentRetryPolicy(),
    }
