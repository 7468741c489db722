"""Name the Airflow connections that the pipeline itself works with."""

from __future__ import annotations

LEDGER_CONNECTION = "launch_ledger"
AIRFLOW_CONNECTION = "launch_airflow"
SLACK_CONNECTION = "launch_slack"
OWN_CONNECTIONS = (LEDGER_CONNECTION, AIRFLOW_CONNECTION, SLACK_CONNECTION)


def connection_variable(conn_id: str) -> str:
    """Return the environment variable in which Airflow looks for a connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"
