"""Run in the api-server: routes, the guard over answers, sign-in. May use Airflow's ORM."""

from __future__ import annotations
