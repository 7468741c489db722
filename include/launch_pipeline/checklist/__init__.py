"""The checklist as data: model, loading, and the neutral plan of a Dag. Knows no Airflow."""

from __future__ import annotations
