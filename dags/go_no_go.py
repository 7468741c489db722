"""Go / No-Go between T-2h and T-0, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("10_sign_offs.yaml", "go_no_go")
