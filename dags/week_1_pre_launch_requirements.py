"""Week 1: Pre-Launch Requirements, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("01_pre_launch_requirements.yaml", "week_1_pre_launch_requirements")
