"""A ledger as a deployment has it: one role owns the tables, another one runs the application."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from launch_pipeline.ledger.migrate import migrate
from servers.databases import fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class OwnedLedger:
    """Addresses of one ledger, by who asks, and the two roles."""

    superuser: str
    owner: str
    application: str
    owner_role: str
    application_role: str


@contextmanager
def owned_ledger(server: str) -> Iterator[OwnedLedger]:
    """Create the roles, a database of the owner, and migrate it as the owner."""
    mark = uuid.uuid4().hex[:12]
    roles = (f"owner_{mark}", f"application_{mark}")
    with psycopg.connect(server, autocommit=True) as connection:
        for role in roles:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    try:
        with fresh_database(server) as dsn:
            name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
            with psycopg.connect(server, autocommit=True) as connection:
                give = sql.SQL("ALTER DATABASE {} OWNER TO {}")
                connection.execute(give.format(sql.Identifier(str(name)), sql.Identifier(roles[0])))
            made = OwnedLedger(dsn, *(make_conninfo(dsn, user=role) for role in roles), *roles)
            migrate(made.owner, made.application_role)
            yield made
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            for role in roles:
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
