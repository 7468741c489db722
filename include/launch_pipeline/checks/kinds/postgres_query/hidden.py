"""Says where the catalogue shows our role less than there is: a row that is hidden is not missing.

The views of ``information_schema`` show what a role may use, ``pg_stats`` the columns that it may read, and
``pg_sequences`` the values of those. ``pg_settings`` hides some from all without ``pg_read_all_settings``.
The statistics of sessions show a role its own (PostgreSQL: Information Schema, System Views, Monitoring).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL

from launch_pipeline.checks.kinds.postgres_query.whole import MAY_SEE, restricted_view
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

_WORD = re.compile(r"[A-Za-z_][\w$]*")
_QUOTED = re.compile(r"'([^']*)'")
_CATALOGUE = re.compile(
    r"\binformation_schema\"?\s*\.\s*\"?(\w+)|\b(pg_stats(?:_ext(?:_exprs)?)?|pg_sequences)\b", re.IGNORECASE
)
_SETTINGS = re.compile(r"\bpg_(?:show_all_)?settings\b", re.IGNORECASE)
_ONE_SCHEMA = re.compile(r"schema(?:_?name)?\"?\s*(?:=|\bin\b)", re.IGNORECASE)
_NOT_SCHEMA = re.compile(r"schema(?:_?name)?\"?\s*(?:<>|!=|!?~|\b(?:not|i?like|similar)\b)", re.IGNORECASE)
_DEEPEST = 5
"""Views of views, and functions in them."""
_OWN = "pg_has_role(c.relowner, 'USAGE')"
_WRITES = (
    f"{_OWN} OR has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"
    " OR has_any_column_privilege(c.oid, 'INSERT, UPDATE, REFERENCES')"
)
_USES = f"{_WRITES} OR has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT')"
_READS = f"{_OWN} OR has_table_privilege(c.oid, 'SELECT')"
_SEQUENCES = f"{_OWN} OR has_sequence_privilege(c.oid, 'SELECT, UPDATE, USAGE')"
_NEEDS = {
    **dict.fromkeys(("columns", "tables", "views"), ("rvfp", _USES)),
    **dict.fromkeys(("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"), ("rmfp", _READS)),
    **dict.fromkeys(("sequences", "pg_sequences"), ("S", _SEQUENCES)),
    **dict.fromkeys(("table_constraints", "referential_constraints"), ("rfp", _WRITES)),
    **dict.fromkeys(("triggers", "triggered_update_columns"), ("rvfp", _WRITES)),
    "key_column_usage": ("rfp", _USES),
    **dict.fromkeys(
        ("check_constraints", "constraint_column_usage", "constraint_table_usage", "table_privileges",
         "role_table_grants", "role_column_grants", "column_privileges", "column_domain_usage",
         "view_column_usage", "view_table_usage"),
        ("rvfp", _OWN),
    ),
}  # fmt: skip
"""Kinds of relations that a view tells of, and what our role needs for each of them."""
_SECRET = {
    "config_file", "data_directory", "dynamic_library_path", "extension_control_path", "external_pid_file",
    "hba_file", "ident_file", "jit_provider", "krb_server_keyfile", "log_directory", "log_filename",
    "oauth_validator_libraries", "primary_conninfo", "session_preload_libraries", "shared_preload_libraries",
    "ssl_ciphers", "ssl_dh_params_file", "ssl_groups", "ssl_max_protocol_version", "ssl_min_protocol_version",
    "ssl_passphrase_command", "ssl_tls13_ciphers", "unix_socket_directories",
}  # fmt: skip
"""Settings that PostgreSQL 18 hides from roles without pg_read_all_settings."""
MEANS = """
    SELECT pg_get_viewdef(c.oid) AS text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'v' AND n.nspname !~ '^(pg_|information_schema$)' AND lower(c.relname) = ANY(%(words)s)
    UNION ALL
    SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_language l ON l.oid = p.prolang
    WHERE l.lanname IN ('sql', 'plpgsql') AND NOT p.prosecdef AND n.nspname !~ '^(pg_|information_schema$)'
    AND lower(p.proname) = ANY(%(words)s)
"""
"""What views and functions of these names mean; what a view calls runs as the role that asks it."""

_SCHEMAS = "SELECT nspname AS schema FROM pg_namespace"
_RELATIONS = SQL("""
    SELECT n.nspname AS schema, c.relname AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE CASE WHEN n.nspname ~ '^(pg_|information_schema$)' OR strpos('{kinds}', c.relkind::text) = 0
        THEN false ELSE NOT ({needs}) END ORDER BY 1, 2
""")
"""The relations of some kinds for which our role lacks what it needs; no right is asked of another kind."""


@dataclass(frozen=True)
class Asked:
    """A statement, with what the views and functions in it mean, and its parameters as texts."""

    sql: str
    texts: frozenset[str]
    """Quoted texts and parameters."""

    @property
    def catalogue(self) -> list[str]:
        """Return the views of the catalogue that show each role its own part."""
        found = {(one or other).lower() for one, other in _CATALOGUE.findall(self.sql)}
        return sorted(found & _NEEDS.keys())


async def refuse_hidden(
    sql: str, params: Sequence[Any], session: psycopg.AsyncConnection[dict[str, Any]], where: str
) -> None:
    """Raise Inconclusive if the statement reads something of which our role sees a part."""
    texts = frozenset([*_QUOTED.findall(sql), *map(str, params)])
    asked = Asked(await _meant(sql, session), texts)
    view = restricted_view(asked.sql)
    if view and not await _may(session, MAY_SEE.decode()):
        message = f"{where} hides parts of {view} from our role; GRANT pg_monitor to it"
        raise Inconclusive(message)
    await _refuse_settings(asked, session, where)
    for one in asked.catalogue:
        await _refuse_catalogue(one, asked, session, where)


async def _meant(sql: str, session: psycopg.AsyncConnection[dict[str, Any]]) -> str:
    """Return a statement with the definitions of the views and functions in it."""
    text, fresh, seen = sql, sql, set[str]()
    for _ in range(_DEEPEST):
        words = {word.lower() for word in _WORD.findall(fresh)} - seen
        if not words:
            break
        seen |= words
        found = await (await session.execute(MEANS, {"words": sorted(words)})).fetchall()
        fresh = "\n".join(str(row["text"]) for row in found)
        text = f"{text}\n{fresh}"
    return text


async def _may(session: psycopg.AsyncConnection[dict[str, Any]], question: str) -> bool:
    row = await (await session.execute(question.encode())).fetchone()
    return bool(row and row["may"])


async def _refuse_settings(
    asked: Asked, session: psycopg.AsyncConnection[dict[str, Any]], where: str
) -> None:
    """Raise Inconclusive unless the statement reads named settings that our role sees."""
    if not _SETTINGS.search(asked.sql):
        return
    if await _may(session, "SELECT pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS may"):
        return
    question = "SELECT count(*) AS known FROM pg_settings WHERE name = ANY(%s)"
    row = await (await session.execute(question, [sorted(asked.texts)])).fetchone()
    if not (row and row["known"]) or asked.texts & _SECRET:
        message = f"{where} hides some of pg_settings from our role; GRANT pg_monitor to it"
        raise Inconclusive(message)


async def _refuse_catalogue(
    view: str, asked: Asked, session: psycopg.AsyncConnection[dict[str, Any]], where: str
) -> None:
    """Raise Inconclusive if there is a relation that this view does not show our role."""
    kinds, needs = _NEEDS[view]
    question = _RELATIONS.format(kinds=SQL(kinds), needs=SQL(needs))
    hidden = await (await session.execute(question)).fetchall()
    scoped = _ONE_SCHEMA.search(asked.sql) and not _NOT_SCHEMA.search(asked.sql)
    known = {row["schema"] for row in await (await session.execute(_SCHEMAS)).fetchall()} & asked.texts
    meant = [row for row in hidden if not (scoped and known) or row["schema"] in known]
    if meant:
        name = f"{meant[0]['schema']}.{meant[0]['name']}"
        message = (
            f"{where} does not show {name} to our role in {view}; grant it the rights, or read pg_catalog"
        )
        raise Inconclusive(message)
