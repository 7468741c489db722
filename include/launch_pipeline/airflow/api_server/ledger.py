"""Where the ledger is, as the api-server knows it: a task asks the Task SDK instead."""

from __future__ import annotations

from airflow.models.connection import Connection

from launch_pipeline.airflow.hooks.ledger import CONN_ID, plain_dsn
from launch_pipeline.errors import LedgerUnavailable


def ledger_dsn() -> str:
    """Return the address of the ledger. Raises LedgerUnavailable where no connection names it."""
    try:
        return plain_dsn(Connection.get_connection_from_secrets(CONN_ID).get_uri())
    except Exception as error:  # each secrets backend has errors of its own
        message = f"The Airflow connection '{CONN_ID}' is missing in the api-server."
        raise LedgerUnavailable(message) from error
