"""Set up an Airflow: roles, accounts, connections, the executor. May use Airflow's ORM."""

from __future__ import annotations
