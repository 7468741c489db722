"""Rollback, offered when a launch-day window fails, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("11_rollback.yaml", "rollback")
