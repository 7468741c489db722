"""Weeks 2-3: Application Deployment, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("03_application_deployment.yaml", "week_2_3_application_deployment")
