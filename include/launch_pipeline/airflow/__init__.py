"""The only room that imports Airflow: operator, triggers, gates, conductor, guard."""

from __future__ import annotations
