"""Week 3: Team Preparation, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("07_team_preparation.yaml", "week_3_team_preparation")
