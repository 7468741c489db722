"""``postgres_query`` against Debian's PostgreSQL: a primary, a streaming standby, and PgBouncer."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import postgres_pair
from servers.checking import check, context, raw, run
from servers.postgres_pair import PASSWORD, Pair
from servers.programs import wait_for
from servers.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
SHIPPED = {
    name: spec
    for name, spec in shipped("postgres_query").items()
    if any(
        part in name
        for part in ("automated_backups", ".replication.", "connection_pooling", "indexes_created.1")
    )
}
STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Start a primary with an archived segment, its standby, and PgBouncer."""
    with postgres_pair.serving() as made:
        made.execute("CREATE TABLE t AS SELECT 1 AS a")
        made.execute("SELECT pg_switch_wal()")
        archived = "SELECT 1 FROM pg_stat_archiver WHERE last_archived_time IS NOT NULL"
        wait_for(lambda: bool(made.execute(archived)), "archiving")
        made.execute("GRANT INSERT, SELECT ON t TO launch_check")
        yield made


def asked(
    pair: Pair, port: int, database: str = "postgres", fields: dict[str, Any] | None = None, **params: Any
) -> CheckResult:
    ctx = context({"postgres": pair.connection(port, database, **(fields or {}))})
    result = run(check(ctx, "postgres_query", **params))
    assert PASSWORD not in result.model_dump_json()
    return result


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_checks_pass_on_a_good_database(pair: Pair, name: str) -> None:
    """What the checklists ask of replication, archive, indexes and pooling is there to be read."""
    connections = {
        "postgres": pair.connection(pair.primary),
        "pgbouncer": pair.connection(pair.bouncer, "pgbouncer"),
    }
    (result,) = run(run_checks([SHIPPED[name]], context(connections)))
    assert result.verdict is P, result.headline


QUESTIONS: dict[str, tuple[str, dict[str, Any], Verdict, str]] = {
    "the primary sees its standby": ("primary", {"sql": STREAMING, "expect": {"value": "== 1"}}, P, "value = 1"),
    "two standbys are wanted": ("primary", {"sql": STREAMING, "expect": {"value": ">= 2"}}, F, "value = 1, want >= 2"),
    "the standby sees none": ("standby", {"sql": STREAMING, "expect": {"value": ">= 1"}}, F, "value = 0"),
    "the standby is one": ("standby", {"sql": "SELECT pg_is_in_recovery()", "expect": {"value": "== true"}}, P, "true"),
    "the primary is none": ("primary", {"sql": "SELECT pg_is_in_recovery()", "expect": {"value": "== false"}}, P, "false"),
    "the slot is in use": ("primary", {"sql": "SELECT slot_name, active FROM pg_replication_slots", "expect": {"rows[0].active": "== true"}}, P, "true"),
    "writing": ("primary", {"sql": "INSERT INTO t VALUES (2)"}, Q, "read-only"),
    "writing in a query": ("primary", {"sql": "WITH x AS (INSERT INTO t VALUES (3) RETURNING a) SELECT * FROM x"}, Q, "read-only"),
    "a function that writes": ("primary", {"sql": "SELECT nextval('no_such')"}, Q, "no_such"),
    "writing on the standby": ("standby", {"sql": "INSERT INTO t VALUES (2)"}, Q, "read-only"),
    "too slow": ("primary", {"sql": "SELECT pg_sleep(9)", "statement_timeout": "100ms"}, Q, "statement timeout"),
    "too slow through the pool": ("bouncer", {"sql": "SELECT pg_sleep(9)", "statement_timeout": "100ms"}, Q, "statement timeout"),
    "through the pool": ("bouncer", {"sql": "SELECT %s::int + 1", "params": [1], "expect": {"value": "== 2"}}, P, "value = 2"),
    "writing through the pool": ("bouncer", {"sql": "INSERT INTO t VALUES (2)"}, Q, "read-only"),
    "a second statement that ends the transaction": (
        "primary", {"sql": "COMMIT\t; INSERT INTO t VALUES (2)"}, Q, "one statement"),
    "many rows are counted": (
        "primary", {"sql": "SELECT generate_series(1, 50000)", "expect": {"row_count": "== 50000", "rows[0].generate_series": "== 1"}}, P, "50000"),
    "what is in the rest of many rows nobody knows": (
        "primary", {"sql": "SELECT n, n = 1200 AS bad FROM generate_series(1, 1500) AS n", "expect": {"length(rows[?bad])": "== 0"}},
        Q, "holds the first 1000"),
    "rows of many megabytes": (
        "primary", {"sql": "SELECT repeat('x', 5000000) FROM generate_series(1, 9)", "expect": {"row_count": "== 9"}}, Q, "larger than 8 MiB"),
    "no right": ("primary", {"sql": "SELECT * FROM pg_authid"}, Q, "permission denied"),
}  # fmt: skip


@pytest.mark.parametrize(("place", "params", "verdict", "headline"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_query(pair: Pair, place: str, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """Each of the three answers for itself; nothing is written and nothing runs on."""
    result = asked(pair, getattr(pair, place), **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline
    assert pair.execute("SELECT count(*) FROM t") == [(1,)]


CONSOLE: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "settings far down the list": ({"sql": "SHOW CONFIG", "expect": {"rows[?key=='pool_mode'].value | [0]": "== transaction"}}, P, "transaction"),
    "the last setting": ({"sql": "SHOW CONFIG", "expect": {"rows[?key=='verbose'].value | [0]": "exists"}}, P, "verbose"),
    "pools": ({"sql": "SHOW POOLS", "expect": {"max(rows[].maxwait)": "< 1"}}, P, "= 0"),
    "parameters": ({"sql": "SHOW %s", "params": ["POOLS"]}, Q, "takes no parameters"),
    "an order": ({"sql": "PAUSE"}, Q, "admin access needed"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), CONSOLE.values(), ids=CONSOLE.keys())
def test_console(pair: Pair, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """PgBouncer's console speaks the simple protocol only, and has more settings than fit on a page."""
    result = asked(pair, pair.bouncer, "pgbouncer", **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_session_names_itself(pair: Pair) -> None:
    """The database administrator sees who asks."""
    sql = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    result = asked(pair, pair.primary, sql=sql, expect={"value": "== launch-check"})
    assert result.verdict is P, result.headline


WRONG: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "wrong password": ("primary", "postgres", {"password": "wrong-planted"}, "password authentication failed"),
    "wrong password at the pool": ("bouncer", "postgres", {"password": "wrong-planted"}, "authentication failed"),
    "no password": ("primary", "postgres", {"password": ""}, "has none"),
    "no such role": ("primary", "postgres", {"login": "nobody_here"}, "nobody_here"),
    "a role without LOGIN": ("primary", "postgres", {"login": "no_login"}, "not permitted to log in"),
    "a database without CONNECT": ("primary", "closed", {}, "permission denied for database"),
    "not in pg_hba.conf": ("primary", "outside", {}, "pg_hba.conf"),
}  # fmt: skip


@pytest.fixture(scope="module")
def strict(pair: Pair) -> Pair:
    """Start the same servers, with roles that may not sign in."""
    pair.execute(f"CREATE ROLE no_login PASSWORD '{PASSWORD}'")
    pair.execute("CREATE DATABASE closed")
    pair.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    pair.execute("CREATE DATABASE outside")
    rules = Path(str(pair.execute("SHOW hba_file")[0][0]))
    rules.write_text(f"host outside launch_check 127.0.0.1/32 reject\n{rules.read_text()}")
    loaded = pair.execute("SELECT pg_conf_load_time()")
    pair.execute("SELECT pg_reload_conf()")
    wait_for(lambda: pair.execute("SELECT pg_conf_load_time()") != loaded, "reading pg_hba.conf again")
    return pair


@pytest.mark.parametrize(("place", "database", "fields", "said"), WRONG.values(), ids=WRONG.keys())
def test_refused_sign_in(strict: Pair, place: str, database: str, fields: dict[str, Any], said: str) -> None:
    """Whoever is not let in has asked nothing: inconclusive, asked once, and told what to correct."""
    result = asked(strict, getattr(strict, place), database, fields, sql="SELECT 1")
    assert (result.verdict, result.attempts, result.headline[:13]) == (Q, 1, "credentials: "), result.headline
    assert said in raw(result)
    assert "wrong-planted" not in result.model_dump_json()


def test_no_place_is_asked_again(pair: Pair) -> None:
    """A server without a free place may have one in a moment."""
    pair.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    pair.execute(f"ALTER ROLE crowded PASSWORD '{PASSWORD}'")
    result = asked(pair, pair.primary, fields={"login": "crowded"}, sql="SELECT 1")
    assert (result.verdict, result.attempts, "accepts no connections now" in raw(result)) == (Q, 3, True)


@pytest.mark.parametrize("place", ["primary", "bouncer"])
def test_no_such_database(pair: Pair, place: str) -> None:
    """A database that is not there is named, and is no fault of the password."""
    result = asked(pair, getattr(pair, place), "nothing", sql="SELECT 1")
    told = "correct the database (schema) of connection 'postgres'" in raw(result)
    assert (result.verdict, result.attempts, told) == (Q, 1, True), result.headline


UNUSABLE: dict[str, tuple[dict[str, str], str]] = {
    "TLS where there is none": ({"sslmode": "require"}, "no TLS connection"),
    "a mode that is none": ({"sslmode": "sometimes"}, "cannot be used: invalid sslmode"),
}


@pytest.mark.parametrize(("extra", "said"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_connection(pair: Pair, extra: dict[str, str], said: str) -> None:
    """What only the connection's owner can correct is asked once."""
    result = asked(pair, pair.primary, fields={"extra": extra}, sql="SELECT 1")
    assert (result.verdict, result.attempts, said in raw(result)) == (Q, 1, True), result.headline
