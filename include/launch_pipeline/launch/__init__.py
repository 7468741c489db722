"""Describe one running launch without Airflow: its checklists, items, answers and records."""

from __future__ import annotations
