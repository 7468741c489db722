"""The Sign-Off of the document, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("10_sign_offs.yaml", "sign_off")
