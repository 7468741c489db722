"""Week 4: Post-Launch, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("09_post_launch.yaml", "week_4_post_launch")
