"""The checklist as data: model, loading, and the plan of each Dag, without Airflow."""

from __future__ import annotations
