"""Build on Airflow: the only room that imports it, one folder for each of its kinds of things."""

from __future__ import annotations
