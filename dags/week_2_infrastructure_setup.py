"""Week 2: Infrastructure Setup, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("02_infrastructure_setup.yaml", "week_2_infrastructure_setup")
