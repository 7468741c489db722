"""The conductor, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.conductor import build_launch_dag

dag = build_launch_dag()
