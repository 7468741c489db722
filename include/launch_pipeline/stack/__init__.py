"""Running it on one machine: embedded PostgreSQL and the Airflow components as processes."""

from __future__ import annotations
