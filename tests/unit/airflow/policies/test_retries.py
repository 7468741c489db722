"""Which accidents cost a task only time, and which mistakes end it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from launch_pipeline.airflow.dags.conductor import build_launch_dag
from launch_pipeline.airflow.operators.phase_gate import PhaseGateOperator
from launch_pipeline.airflow.operators.run_phase import RunPhaseOperator
from launch_pipeline.airflow.policies.retries import ACCIDENTS, AccidentRetryPolicy
from launch_pipeline.airflow.sensors.launch_window import LaunchWindowSensor
from launch_pipeline.errors import LedgerError

AWAY = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))


@pytest.mark.parametrize(
    ("raised", "try_number", "max_tries", "action"),
    [
        (AWAY, 30, ACCIDENTS, "default"),
        (ConnectionResetError(), 30, ACCIDENTS, "default"),
        (ValueError(), 3, ACCIDENTS, "default"),
        (ValueError(), 4, ACCIDENTS, "fail"),
        (LedgerError("two words"), 4, ACCIDENTS, "fail"),
        (ValueError(), 12, ACCIDENTS + 10, "default"),
        (ValueError(), 14, ACCIDENTS + 10, "fail"),
    ],
    ids=[
        "Airflow away",
        "connection lost",
        "a mistake",
        "often",
        "refused often",
        "cleared",
        "cleared, often",
    ],
)
def test_accidents_are_outlived_and_mistakes_are_not(
    raised: Exception, try_number: int, max_tries: int, action: str
) -> None:
    """What is away comes back; what is wrong stays wrong and must be seen."""
    decision = AccidentRetryPolicy().evaluate(raised, try_number, max_tries)
    assert decision.action.value == action


def test_whatever_a_launch_hangs_on_outlives_half_an_hour_without_an_api_server() -> None:
    """OpenRequests, steps and windows wait for it; a task that cannot begin costs a try and its pause."""
    with DAG("d", schedule=None):
        tasks = [
            PhaseGateOperator(task_id="gate"),
            LaunchWindowSensor(task_id="opens", moment={}),
        ]
    steps = [task for task in build_launch_dag().tasks if isinstance(task, RunPhaseOperator)]
    assert steps
    for task in [*tasks, *steps]:
        assert isinstance(task.retry_policy, AccidentRetryPolicy)
        longest = task.max_retry_delay or timedelta()
        assert (task.retries or 0) * longest > timedelta(minutes=30)
