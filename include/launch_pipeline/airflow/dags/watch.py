"""Build the watch, the Dag that lets a launch be verified again where something changes."""

from __future__ import annotations

from airflow.sdk import DAG

from launch_pipeline.airflow.dags.phase import TAG
from launch_pipeline.airflow.operators.watch import WatchOperator
from launch_pipeline.airflow.policies.launch_run import CONDUCTORS_TYPE
from launch_pipeline.checklist.sequence import WATCH, title

DOC = """
## Watch

One run for each launch, for as long as the launch runs. Where something changes that an answer rests on (the
release commit, the launch time, the checklist, the people), it lets exactly those items be verified again:
their tasks are cleared, and verify themselves or ask. It holds no worker.
"""


def build_watch_dag() -> DAG:
    """Build the watch. The conductor triggers it; a run that a person triggers fails at once."""
    with DAG(
        WATCH,
        dag_display_name=title(WATCH),
        schedule=None,
        description="Lets items be verified again when what they rest on changes",
        doc_md=DOC,
        tags=[TAG],
        is_paused_upon_creation=False,
        max_active_runs=64,
        # Airflow requires "manual" without a schedule.
        allowed_run_types=["manual", CONDUCTORS_TYPE],  # type: ignore[list-item]  # Airflow takes names
    ) as dag:
        WatchOperator(task_id=WATCH, task_display_name="Watch the launch")
    return dag
