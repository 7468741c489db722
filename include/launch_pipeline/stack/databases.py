"""Create the roles and databases of one PostgreSQL server: for Airflow and for the ledger."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from launch_pipeline.base import Frozen

if TYPE_CHECKING:
    from psycopg import Connection


class Login(Frozen):
    """A role and its password."""

    name: str
    password: str


class Wanted(Frozen):
    """Two databases, each owned by its own role. The application's role may connect to the ledger as well."""

    airflow_database: str
    airflow: Login
    ledger_database: str
    owner: Login
    application: Login


def create_databases(superuser_dsn: str, wanted: Wanted) -> list[str]:
    """Create what is missing, restrict who may connect, and return what was created.

    An existing role gets the wanted password, so that secrets can be rotated. Raises psycopg.Error.
    """
    import psycopg  # noqa: PLC0415 - not needed to build settings

    with closing(psycopg.connect(superuser_dsn, autocommit=True)) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        made = [
            _role(connection, login, roles) for login in (wanted.airflow, wanted.owner, wanted.application)
        ]
        owners = {wanted.airflow_database: wanted.airflow, wanted.ledger_database: wanted.owner}
        made += [_database(connection, name, owner) for name, owner in owners.items() if name not in existing]
        _let_in(connection, wanted.ledger_database, wanted.application)
        return [line for line in made if line]


def _role(connection: Connection[Any], login: Login, existing: set[str]) -> str:
    from psycopg import sql  # noqa: PLC0415

    name, secret = sql.Identifier(login.name), sql.Literal(login.password)
    if login.name in existing:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, secret))
        return ""
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, secret))
    return f"role {login.name}"


def _database(connection: Connection[Any], name: str, owner: Login) -> str:
    from psycopg import sql  # noqa: PLC0415

    database, role = sql.Identifier(name), sql.Identifier(owner.name)
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
    connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(database))
    return f"database {name}"


def _let_in(connection: Connection[Any], database: str, login: Login) -> None:
    from psycopg import sql  # noqa: PLC0415

    grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
    connection.execute(grant.format(sql.Identifier(database), sql.Identifier(login.name)))
