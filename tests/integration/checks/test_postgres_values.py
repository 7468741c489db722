"""``postgres_query`` reads PostgreSQL's values back as what they mean, and says where an answer is not whole."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.kinds.postgres_query.values import duration_text
from launch_pipeline.checks.language.values import duration
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SECRETS = """
    DROP ROLE IF EXISTS plain_reader; CREATE ROLE plain_reader LOGIN;
    CREATE TABLE orders (id int, owner text); ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON orders USING (owner = current_user);
    INSERT INTO orders VALUES (1, 'another'); GRANT SELECT ON orders TO plain_reader;
    CREATE SCHEMA open; CREATE TABLE open.seen (a int CHECK (a > 0)); CREATE SEQUENCE open.number;
    GRANT USAGE ON SCHEMA open TO plain_reader; GRANT SELECT ON open.seen TO plain_reader;
    CREATE SCHEMA shut; CREATE TABLE shut.unseen (a int); CREATE SEQUENCE shut.number;
    CREATE VIEW open.sessions AS SELECT state FROM pg_stat_activity; GRANT SELECT ON open.sessions TO plain_reader;
    CREATE VIEW open.again AS SELECT * FROM open.sessions; GRANT SELECT ON open.again TO plain_reader;
    CREATE FUNCTION open.idle() RETURNS bigint LANGUAGE sql STABLE AS
        $$ SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' $$;
"""


def connection(address: str, user: str = "") -> ConnectionInfo:
    found = conninfo_to_dict(address)
    host, port = str(found["host"]), int(found.get("port") or 5432)
    return ConnectionInfo(
        "postgres", "postgres", host, port, user or str(found["user"]), "", str(found["dbname"])
    )


def asked(address: str, sql: str, expect: dict[str, Any], user: str = "") -> CheckResult:
    ctx = context({"postgres": connection(address, user)})
    return run(check(ctx, "postgres_query", sql=sql, expect=expect))


@pytest.fixture(scope="module")
def secrets(pg_server: str) -> Iterator[str]:
    """Add a role without rights to statistics, and a table with a policy."""
    with psycopg.connect(pg_server, autocommit=True) as session:
        session.execute(SECRETS)
        yield pg_server
        session.execute("DROP TABLE orders; DROP SCHEMA open, shut CASCADE; DROP ROLE plain_reader")


VALUES: dict[str, tuple[str, str, Verdict]] = {
    "days": ("interval '20 days'", "< 21d", P),
    "too many days": ("interval '20 days'", "< 19d", F),
    "a day and hours": ("interval '1 day 30:15:00.5'", "between 54h 55h", P),
    "an interval before now": ("interval '-3 hours'", "< 5m", P),
    "a negative day and hours": ("interval '-1 day 02:00:00'", "<= -22h", P),
    "no time at all": ("interval '0'", "== 0s", P),
    "milliseconds": ("interval '0.25 seconds'", "< 300ms", P),
    "a month has no length": ("interval '1 month'", "< 30d", Q),
    "a year has none": ("interval '1 year 2 days'", "> 1d", Q),
    "an age with months": ("age(timestamp '2026-03-01', timestamp '2026-01-01')", "< 70d", Q),
    "a difference of moments": ("timestamptz '2026-03-01' - timestamptz '2026-01-01'", "< 60d", P),
    "a whole decimal": ("numeric '16777216'", "<= 16777216", P),
    "a decimal beyond every float": ("numeric '1e400'", "> 5", P),
    "not a number": ("'NaN'::numeric", "< 5", Q),
    "not a number as a float": ("'NaN'::float8", "< 5", Q),
    "infinity": ("'-Infinity'::float8", "< 5", Q),
    "infinity as a decimal": ("'-Infinity'::numeric", "< 5", Q),
    "a moment": ("timestamptz '2026-01-31 12:00+02'", "== 2026-01-31T10:00:00Z", P),
    "a moment is old": ("timestamptz '2020-01-01'", "age <= 1h", F),
    "for ever": ("timestamptz 'infinity'", "> 2026-01-01T00:00:00Z", Q),
    "for ever by name": ("timestamptz 'infinity'", "== infinity", P),
    "before Christ": ("date '0044-03-15 BC'", "< 2026-01-01", Q),
    "a time without zone": ("timestamp '2026-01-31 12:00'", "< 2026-02-01T00:00:00Z", Q),
    "a day": ("date '2026-01-31'", "< 2026-02-01", P),
    "a list of decimals": ("ARRAY[1.5, 2]", "contains 1.5", P),
    "a list of intervals": ("ARRAY[interval '90 minutes']", "contains 1h30m", P),
    "bytes": (r"'\xdeadbeef'::bytea", r"== \xdeadbeef", P),
    "a range": ("int4range(1, 10)", "== [1,10)", P),
    "several ranges": ("'{[1,3),[5,7)}'::int4multirange", "== {[1,3),[5,7)}", P),
    "a document": ("""'{"a": [1]}'::jsonb""", "contains a", P),
    "a truth value": ("false", "== false", P),
    "an address": ("inet '10.0.0.1/24'", "== 10.0.0.1/24", P),
    "a place in the log": ("pg_lsn '0/16B3748'", "== 0/16B3748", P),
    "places in the log have no order": ("pg_lsn '0/16B3748'", "<= 5", Q),
    "nothing": ("NULL::interval", "< 1d", F),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "wanted", "verdict"), VALUES.values(), ids=VALUES.keys())
def test_value(pg_server: str, sql: str, wanted: str, verdict: Verdict) -> None:
    """A value is compared by its meaning; one without an order is inconclusive."""
    result = asked(pg_server, f"SELECT {sql}", {"value": wanted})
    assert result.verdict is verdict, result.headline


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40_000)))
def test_every_duration_is_read_back(value: timedelta) -> None:
    """What is written is what is read, to the microsecond."""
    read = duration(duration_text(value))
    assert read is not None
    assert abs(read - value) <= timedelta(microseconds=1)


ROWS: dict[str, tuple[str, dict[str, Any], Verdict, str]] = {
    "one of several": ("SELECT a FROM (VALUES (true), (false)) t(a)", {"value": "== true"}, Q, "2 rows, and 'value' is of the first"),
    "all the same": ("SELECT a FROM (VALUES (1), (1)) t(a)", {"value": "== 1"}, P, "value = 1"),
    "one has nothing": ("SELECT a FROM (VALUES (1), (NULL)) t(a)", {"value": "== 1"}, Q, "2 rows"),
    "more than are kept": ("SELECT 1 FROM generate_series(1, 1001)", {"value": "== 1"}, Q, "1001 rows"),
    "several, compared as rows": ("SELECT a FROM (VALUES (1), (2)) t(a)", {"max(rows[].a)": "== 2"}, P, "2"),
    "no row is no NULL": ("SELECT 1 WHERE false", {"value": "absent"}, Q, "returned no row"),
    "no row is not null": ("SELECT 1 WHERE false", {"value": "== null"}, Q, "returned no row"),
    "NULL is null": ("SELECT NULL", {"value": "absent"}, P, "absent"),
    "no row": ("SELECT 1 WHERE false", {"value": "== 1"}, F, "missing"),
    "no row is wanted": ("SELECT 1 WHERE false", {"row_count": "== 0"}, P, "row_count = 0"),
    "two columns of a name": ("SELECT 0 AS a, 1 AS a", {"value": "== 1"}, Q, "several columns named 'a'"),
    "two counts": ("SELECT count(*) FILTER (WHERE false), count(*)", {"value": "== 1"}, Q, "several columns named 'count'"),
    "the primary": ("SELECT 1", {"in_recovery": "== false"}, P, "in_recovery = false"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expect", "verdict", "headline"), ROWS.values(), ids=ROWS.keys())
def test_rows(pg_server: str, sql: str, expect: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """One value stands for one row; of several it is not said which."""
    result = asked(pg_server, sql, expect)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


HIDDEN = {
    "sessions": "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'",
    "all of a session": "SELECT * FROM pg_catalog.PG_STAT_ACTIVITY WHERE false",
    "a standby's place": "SELECT coalesce(max(pg_wal_lsn_diff(sent_lsn, replay_lsn)), 0) FROM pg_stat_replication",
    "a function": "SELECT count(query) FROM pg_stat_get_activity(NULL)",
    "a rebuild": "SELECT count(phase) FROM pg_stat_progress_create_index",
    "a rebuild of a table": "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 5",
    "a view of sessions": "SELECT count(*) FROM open.sessions WHERE state = 'idle'",
    "a view of such a view": "SELECT count(*) FROM open.again",
    "a function that looks at sessions": "SELECT open.idle()",
    "tables": "SELECT count(*) FROM information_schema.tables WHERE table_name = 'unseen'",
    "columns of a schema": "SELECT count(*) FROM information_schema.columns WHERE table_schema IN ('shut')",
    "columns of every other schema": "SELECT count(*) FROM information_schema.columns WHERE table_schema <> 'open'",
    "tables of schemas like one": "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'open' OR table_schema LIKE 'sh%'",
    "a secret setting by its function": "SELECT count(*) FROM pg_show_all_settings() WHERE name = 'hba_file'",
    "constraints": "SELECT count(*) FROM information_schema.table_constraints WHERE table_schema = 'open'",
    "grants": 'SELECT count(*) FROM "information_schema" . "role_table_grants"',
    "statistics of columns": "SELECT count(*) FROM pg_stats",
    "sequences that run out": "SELECT count(*) FROM pg_sequences WHERE last_value > max_value / 2",
    "settings that wait for a restart": "SELECT count(*) FROM pg_settings WHERE pending_restart",
    "a secret setting": "SELECT count(*) FROM pg_settings WHERE name = 'hba_file'",
    "a secret setting beside another": "SELECT count(*) FROM pg_settings WHERE name IN ('port', 'log_directory')",
    "rows of a policy": "SELECT count(*) FROM orders",
}  # fmt: skip


@pytest.mark.parametrize("sql", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_a_role_may_not_see(secrets: str, sql: str) -> None:
    """Where PostgreSQL silently leaves out what others did, nothing found means nothing."""
    result = asked(secrets, sql, {"row_count": ">= 0"}, "plain_reader")
    assert result.verdict is Q
    reasons = ("GRANT pg_monitor", "row-level security", "grant it the rights")
    assert any(word in raw(result) for word in reasons), result.headline
    assert asked(secrets, sql, {"row_count": ">= 0"}).verdict is P


OPEN = {
    "that a session is there, and whose": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL",
    "the archiver": "SELECT count(*) FROM pg_stat_archiver",
    "columns of what it may read": "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'open' AND table_name = 'seen'",
    "columns of one of several schemas": "SELECT count(*) FROM information_schema.columns WHERE table_schema = ANY (ARRAY['open']) AND table_name = 'seen'",
    "an ordinary setting": "SELECT count(*) FROM pg_settings WHERE name = 'archive_timeout'",
    "the catalogue itself": "SELECT count(*) FROM pg_class WHERE relname = 'unseen'",
    "schemas of the standard": "SELECT count(*) FROM information_schema.information_schema_catalog_name",
}  # fmt: skip


@pytest.mark.parametrize("sql", OPEN.values(), ids=OPEN.keys())
def test_what_every_role_may_see(secrets: str, sql: str) -> None:
    """What is no secret is read without further rights."""
    result = asked(
        secrets, sql, {"value": "== 1" if "pg_stat_activity" not in sql else ">= 1"}, "plain_reader"
    )
    assert result.verdict is P, result.headline


@pytest.mark.parametrize("style", ["SQL, DMY", "German", "Postgres, MDY"])
def test_dates_are_read_in_every_style(secrets: str, style: str) -> None:
    """How a role has dates written does not matter."""
    with psycopg.connect(secrets, autocommit=True) as session:
        session.execute(f"ALTER ROLE plain_reader SET datestyle = '{style}'".encode())
        fresh = asked(secrets, "SELECT now()", {"value": "age <= 1h"}, "plain_reader")
        old = asked(secrets, "SELECT now() - interval '2 h'", {"value": "age <= 1h"}, "plain_reader")
        session.execute("ALTER ROLE plain_reader RESET datestyle")
    assert (fresh.verdict, old.verdict) == (P, F), fresh.headline


SHIPPED: dict[str, tuple[str, list[tuple[str, Verdict]]]] = {
    "migrations_tested": (
        "CREATE TABLE _prisma_migrations (finished_at timestamptz, rolled_back_at timestamptz)",
        [
            ("", F),
            ("INSERT INTO _prisma_migrations VALUES (now(), NULL), (NULL, now())", P),
            ("INSERT INTO _prisma_migrations VALUES (NULL, NULL)", F),
        ],
    ),
    "indexes_created.0": (
        "CREATE TABLE users (id int, email text); CREATE INDEX by_id ON users (id)",
        [("", F), ("CREATE INDEX by_email ON users (email)", P)],
    ),
}


@pytest.mark.parametrize(("name", "tables", "steps"), [(n, *case) for n, case in SHIPPED.items()])
def test_shipped_checks_need_something_to_look_at(
    empty: str, name: str, tables: str, steps: list[tuple[str, Verdict]]
) -> None:
    """No migration at all is none that is finished, and no index is not every index."""
    (spec,) = (one for found, one in shipped("postgres_query").items() if name in found)
    connections = dict.fromkeys(("postgres", "staging_postgres"), connection(empty))
    with psycopg.connect(empty, autocommit=True) as session:
        session.execute(tables.encode())
        for statement, verdict in steps:
            session.execute(statement.encode())
            ctx = context(connections, variables={"required_indexes": "by_id,by_email"})
            assert run(run_checks([spec], ctx))[0].verdict is verdict
    if "indexes" in name:
        ctx = context(connections, variables={"required_indexes": ""})
        assert run(run_checks([spec], ctx))[0].verdict is F
