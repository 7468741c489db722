"""The same forty checks in Airflow's own ways: a worker task each, and no work at all."""

from __future__ import annotations

import os
import urllib.request

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

COUNT = 40


@task
def check() -> int:
    """Ask what one item asks."""
    with urllib.request.urlopen(os.environ["BENCH_URL"], timeout=30) as answer:  # noqa: S310 - loopback
        return int(answer.status)


@task(trigger_rule="all_done")
def close() -> None:
    """Stand where a phase has its gate."""


with DAG("bench_stock_tasks", schedule=None, is_paused_upon_creation=False) as stock:
    gate = close.override(task_id="gate")()
    [check.override(task_id=f"check_{number}")() for number in range(COUNT)] >> gate
    gate >> close.override(task_id="announce")().as_teardown()

with DAG("bench_empty_operators", schedule=None, is_paused_upon_creation=False) as empty:
    last = EmptyOperator(task_id="gate", trigger_rule="all_done")
    [EmptyOperator(task_id=f"check_{number}") for number in range(COUNT)] >> last
    last >> EmptyOperator(task_id="announce").as_teardown()
