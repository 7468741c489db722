"""Reach the ledger, Airflow's REST API and the connections of checks."""

from __future__ import annotations
