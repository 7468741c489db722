"""The watch of a launch, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.watch import build_watch_dag

dag = build_watch_dag()
