"""Migrate the database to the newest schema: numbered SQL files, each applied once, in order."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import LedgerError
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.grants import grant

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK = 0x6C61756E6368
"""The bytes of "launch", for a lock that lets one component migrate at a time."""
_MIGRATE_SECONDS = 300
_TABLES = """
    CREATE SCHEMA IF NOT EXISTS launch;
    CREATE TABLE IF NOT EXISTS launch.ledger_migrations (
        name       text        PRIMARY KEY,
        digest     text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
"""


def migrations() -> list[tuple[str, bytes]]:
    """Return the file name and the SQL of each migration, in order."""
    folder = files("launch_pipeline.ledger") / "migrations"
    return sorted((f.name, f.read_bytes()) for f in folder.iterdir() if f.name.endswith(".sql"))


def migrate(dsn: str, application: str | None = None) -> list[str]:
    """Apply missing migrations in one transaction, and return their names.

    ``dsn`` is that of the tables' owner. The role ``application`` gets exactly the rights that the running
    components need. Raises LedgerUnavailable, and LedgerError if a migration was edited after it had been
    applied, or if the application could act as the owner.
    """
    with connected(dsn, _MIGRATE_SECONDS) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(_TABLES)
        applied = dict(connection.execute("SELECT name, digest FROM launch.ledger_migrations").fetchall())
        done = [name for name, sql in migrations() if _apply(connection, name, sql, applied)]
        if application is not None:
            grant(connection, application)
        return done


def _apply(connection: Connection[Any], name: str, sql: bytes, applied: dict[str, str]) -> bool:
    digest = f"sha256:{hashlib.sha256(sql).hexdigest()}"
    if name not in applied:
        connection.execute(sql)
        connection.execute(
            "INSERT INTO launch.ledger_migrations (name, digest) VALUES (%s, %s)", [name, digest]
        )
        return True
    if applied[name] != digest:
        message = f"Migration {name} was changed after it had been applied. Restore it and add a new one."
        raise LedgerError(message)
    return False
