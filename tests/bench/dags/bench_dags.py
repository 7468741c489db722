"""The same forty checks as our items, as worker tasks, and as no work at all; nothing else in the Dag."""

from __future__ import annotations

import os
import urllib.request

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

from launch_pipeline.airflow.operators.checklist_item import ChecklistItemOperator
from launch_pipeline.launch.deployed_checklists import deployed_dag

COUNT = 40


@task
def check() -> int:
    """Ask what one item asks."""
    with urllib.request.urlopen(os.environ["BENCH_URL"], timeout=30) as answer:  # noqa: S310 - loopback
        return int(answer.status)


with DAG("bench_items", schedule=None, is_paused_upon_creation=False) as items:
    for spec in deployed_dag("01_pre_launch_requirements.yaml", "bench_items").specs.values():
        ChecklistItemOperator(task_id=spec.item.id, spec=spec.payload())

with DAG("bench_stock_tasks", schedule=None, is_paused_upon_creation=False) as stock:
    for number in range(COUNT):
        check.override(task_id=f"check_{number}")()

with DAG("bench_empty_operators", schedule=None, is_paused_upon_creation=False) as empty:
    for number in range(COUNT):
        EmptyOperator(task_id=f"check_{number}")
