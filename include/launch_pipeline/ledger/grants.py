"""Grant the application's role its rights on the tables that another role owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import LedgerError

if TYPE_CHECKING:
    from typing import LiteralString

    from psycopg import Connection

_ALL: LiteralString = "SELECT, INSERT, UPDATE, DELETE"
"""The rights on tables without history, such as the places of messages in Slack."""
_BY_TABLE: dict[str, LiteralString] = {
    # Number, time and links of a row are set by the database alone.
    "ledger": "SELECT, INSERT (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)",
    # Who started a launch and when cannot be changed; the first row of the chain says it as well.
    "launches": (
        "SELECT, UPDATE (launch_at, release, release_sha, checklist_digests, environment_digest, held_at,"
        " state, ended_at),"
        " INSERT (launch_id, environment, rehearsal, release, release_sha, planned_at, launch_at, started_by,"
        " conf, checklist_digests, environment_digest)"
    ),
    # Documents are stored once and never changed.
    "definitions": "SELECT, INSERT (digest, content)",
    "ledger_migrations": "SELECT",
}
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'launch'"
_OWNS = """
    SELECT bool_or(pg_has_role(%s, owner, 'MEMBER')) FROM (
        SELECT relowner FROM pg_class WHERE oid = 'launch.ledger'::regclass
        UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'launch'
        UNION SELECT datdba FROM pg_database WHERE datname = current_database()
    ) AS owners (owner)
"""


def grant(connection: Connection[Any], role: str) -> None:
    """Grant a role the rights that the application needs and revoke all others.

    Raises LedgerError if the role could act as an owner, who could grant itself more.
    """
    from psycopg import sql  # noqa: PLC0415 - loads libpq; Dag files must not pay for it

    if connection.execute(_OWNS, [role]).fetchone() == (True,):
        message = (
            f"The application's role {role!r} can act as the owner of the ledger and change its tables."
            " Give the application a role of its own that is neither superuser nor a member of the owner."
        )
        raise LedgerError(message)
    to = sql.Identifier(role)
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA launch TO {}").format(to))
    for (name,) in connection.execute(_TABLES).fetchall():
        table, rights = sql.Identifier("launch", name), sql.SQL(_BY_TABLE.get(name, _ALL))
        connection.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(table, to))
        connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(rights, table, to))
