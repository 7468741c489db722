"""Week 3: Backup & Disaster Recovery, as an Airflow Dag."""

from __future__ import annotations

from launch_pipeline.airflow.dags.phase import build_phase_dag

dag = build_phase_dag("06_backup_disaster_recovery.yaml", "week_3_backup_disaster_recovery")
