"""Observes ``postgres_query``."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from launch_pipeline.checks.clients.http import refuse_named
from launch_pipeline.checks.kinds.postgres_query.errors import explained
from launch_pipeline.checks.kinds.postgres_query.hidden import refuse_hidden
from launch_pipeline.checks.kinds.postgres_query.values import STYLES, load_as_written
from launch_pipeline.checks.kinds.postgres_query.values import readable as _number
from launch_pipeline.checks.kinds.postgres_query.whole import WHOLE, doubts, refuse_same_names
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
    from launch_pipeline.checks.kinds.postgres_query.definition import PostgresQueryParams

_ROWS = 1000
"""Rows kept; PgBouncer 1.18 has 80 settings, and checklists need some far down the list."""
_EVERY_ROW = re.compile(r"\brows\b(?!\[\d)")
"""Matches an expression that reads more than one row."""
_STANDBY = {"on": True, "off": False}
_MOST_CHARACTERS = 8 * 1024 * 1024
_OPTIONS = {
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "target_session_attrs",
    "connect_timeout",
    "load_balance_hosts",
    "hostaddr",
    "gssencmode",
    "channel_binding",
}
"""libpq parameters that a connection's extra may set."""


Session = psycopg.AsyncConnection[dict[str, Any]]
Rows = tuple[list[dict[str, Any]], int]
"""The first rows, and how many there are."""


async def observe(params: PostgresQueryParams, ctx: CheckContext) -> Observation:
    """Run the statement in a read-only session with a time-out.

    Raises Unreachable if the server cannot be reached, Inconclusive if it denies access or refuses the
    statement.
    """
    connection = await ctx.connection(params.conn_id)
    authority = _authority(connection)
    for host in connection.host.split(","):
        if not host.startswith("/"):  # a folder of sockets
            await refuse_named(ctx, host)
    async with ctx.clients.limit(authority):
        try:
            return await _ask(params, connection, authority)
        except psycopg.Error as error:
            raise explained(error, authority, connection) from error


def _authority(connection: ConnectionInfo) -> str:
    return f"postgresql://{connection.host}:{connection.port or 5432}/{connection.schema}"


def _conninfo(connection: ConnectionInfo) -> str:
    given = {
        "host": connection.host,
        "port": connection.port,
        "user": connection.login,
        "password": connection.password,
        "dbname": connection.schema,
        # A database with encoding SQL_ASCII would otherwise return text as bytes.
        "client_encoding": "UTF8",
        **{name: value for name, value in connection.extra.items() if name in _OPTIONS},
    }
    return make_conninfo(application_name="launch-check", **{k: v for k, v in given.items() if v})


async def _ask(params: PostgresQueryParams, connection: ConnectionInfo, authority: str) -> Observation:
    # PgBouncer's console supports only the simple protocol, without transactions and settings.
    console = connection.schema == "pgbouncer"
    if console and params.params:
        message = "PgBouncer's console takes no parameters; write the statement without %s"
        raise Inconclusive(message)
    async with await psycopg.AsyncConnection.connect(
        _conninfo(connection), autocommit=True, row_factory=dict_row, prepare_threshold=None
    ) as session:
        load_as_written(session)
        if not console:
            milliseconds = round(params.statement_timeout.total_seconds() * 1000)
            # One round trip; the end of the block ends the transaction as well.
            limits = f"BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}; {STYLES}; {WHOLE}"
            await session.execute(limits.encode())
            await refuse_hidden(params.sql, params.params, session, authority)
        ask = _simple if console else _streamed
        seen = [await _sample(params, session, ask) for _ in range(params.samples)]
    most = max(facts["row_count"] for facts in seen)
    if most > _ROWS and any(_EVERY_ROW.search(path) for path in params.expect):
        message = f"{most} rows, and 'rows' holds the first {_ROWS}: filter or count in the statement"
        raise Inconclusive(message)
    names = ["query"] if len(seen) == 1 else [f"sample {n}" for n in range(1, len(seen) + 1)]
    subjects = tuple(
        Subject(name=n, facts=f, unknown=doubts(params, f)) for n, f in zip(names, seen, strict=True)
    )
    summary = {key: seen[-1][key] for key in ("value", "row_count", "elapsed_ms")}
    return Observation(subjects=subjects, authority=authority, summary=summary)


async def _sample(
    params: PostgresQueryParams, session: Session, ask: Callable[..., Awaitable[Rows]]
) -> dict[str, Any]:
    began = time.perf_counter()
    rows, count = await ask(params, session)
    readable = [{name: _number(value) for name, value in row.items()} for row in rows]
    return {
        "value": next(iter(readable[0].values()), None) if readable else None,
        "rows": readable,
        "row_count": count,
        "in_recovery": _STANDBY.get(session.info.parameter_status("in_hot_standby") or ""),
        "elapsed_ms": round((time.perf_counter() - began) * 1000, 1),
    }


async def _simple(params: PostgresQueryParams, session: Session) -> Rows:
    cursor = await session.execute(params.sql.encode())
    refuse_same_names([column.name for column in cursor.description or ()])
    return (await cursor.fetchmany(_ROWS) if cursor.description else []), cursor.rowcount


async def _streamed(params: PostgresQueryParams, session: Session) -> Rows:
    """Stream the rows: a million are counted but not kept, and the server accepts one statement only."""
    rows, count, room = [], 0, _MOST_CHARACTERS
    # psycopg needs a literal percent sign doubled only if parameters are given.
    arguments = list(params.params) or None
    async with session.cursor() as cursor:
        async for row in cursor.stream(params.sql.encode(), arguments):
            count += 1
            if count == 1:
                refuse_same_names([column.name for column in cursor.description or ()])
            if count <= _ROWS:
                rows.append(row)
                room -= sum(len(value) for value in row.values() if isinstance(value, str | bytes))
                if room < 0:
                    message = f"the rows are larger than {_MOST_CHARACTERS // 1024 // 1024} MiB; select less"
                    raise Inconclusive(message)
    return rows, count
