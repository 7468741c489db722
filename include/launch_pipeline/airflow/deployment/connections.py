"""Connections of a deployment: read from a file of secrets, stored encrypted by Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

FIELDS = ("conn_type", "host", "port", "login", "password", "schema", "extra")


def keep_connections(wanted: Mapping[str, Any], unwanted: Collection[str] = ()) -> list[str]:
    """Store these connections in Airflow, delete the unwanted, and return the changes in words.

    Connections that were added in Airflow stay. Values are Airflow's ``Connection`` objects.
    """
    from airflow.models.connection import Connection  # noqa: PLC0415 - loads Airflow's ORM
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    said = []
    with create_session() as session:
        kept = {found.conn_id: found for found in session.scalars(select(Connection))}
        for conn_id, connection in wanted.items():
            before = kept.get(conn_id)
            if before is None:
                session.add(connection)
                said.append(f"connection {conn_id} added")
            elif any(getattr(before, name) != getattr(connection, name) for name in FIELDS):
                for name in FIELDS:
                    setattr(before, name, getattr(connection, name))
                said.append(f"connection {conn_id} changed")
        for conn_id in kept.keys() & set(unwanted):
            session.delete(kept[conn_id])
            said.append(f"connection {conn_id} removed")
    return said


def connection(conn_id: str, **fields: Any) -> Any:
    """Build a connection; ``extra`` may be a mapping."""
    from airflow.models.connection import Connection  # noqa: PLC0415

    return Connection(conn_id=conn_id, **fields)


def read_connections(path: Path, reserved: Collection[str]) -> dict[str, Any]:
    """Read a file of connections in the format of Airflow's local secrets backend (YAML, JSON, .env).

    Raises ConfigurationError for a file that cannot be read, or with a connection that the deployment makes
    itself. No message contains a value of the file.
    """
    from airflow.secrets.local_filesystem import load_connections_dict  # noqa: PLC0415

    if not path.exists() or not path.read_text(encoding="utf-8").strip():
        return {}
    try:
        found: dict[str, Any] = load_connections_dict(str(path))
    except Exception as error:  # noqa: BLE001  any error of Airflow's parsers; its text may contain a secret
        problem = f"cannot be read as connections ({type(error).__name__})."
        fix = "see connections.example.yaml, and Airflow's 'Local Filesystem Secrets Backend'."
        raise ConfigurationError(str(path), "", problem, fix) from None
    if taken := sorted(set(found) & set(reserved)):
        problem = f"{', '.join(taken)} is made from the secrets."
        raise ConfigurationError(str(path), taken[0], problem, "remove it from the file.")
    return found
