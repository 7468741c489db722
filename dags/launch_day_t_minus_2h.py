"""Launch day, two hours before, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("08_launch_day.yaml", "launch_day_t_minus_2h")
