"""Week 3: Validation & Testing, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("04_validation_testing.yaml", "week_3_validation_testing")
