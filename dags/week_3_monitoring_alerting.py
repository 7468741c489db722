"""Week 3: Monitoring & Alerting, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("05_monitoring_alerting.yaml", "week_3_monitoring_alerting")
