"""``postgres_query`` against a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import Verdict
from servers.checking import check, context, raw, run

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


@pytest.fixture(scope="module")
def database(pg_server: str) -> ConnectionInfo:
    """Return a connection to the session's PostgreSQL, with a password that is not needed."""
    found = conninfo_to_dict(pg_server)
    host, port, user = str(found["host"]), int(found.get("port") or 5432), str(found["user"])
    return ConnectionInfo("postgres", "postgres", host, port, user, "planted-password", str(found["dbname"]))


STATEMENTS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "one value": ({"sql": "SELECT 1", "expect": {"value": "== 1"}}, P, "value = 1"),
    "several samples": ({"sql": "SELECT 1", "samples": 5, "expect": {"value": "== 1"}}, P, "all 5"),
    "a truth value": ({"sql": "SELECT pg_is_in_recovery()", "expect": {"value": "== false"}}, P, "false"),
    "decimals are numbers": ({"sql": "SELECT 1.5::numeric", "expect": {"value": "< 2"}}, P, "1.5"),
    "parameters": ({"sql": "SELECT %s || 'b'", "params": ["a"], "expect": {"value": "== ab"}}, P, "ab"),
    "a per cent sign": ({"sql": "SELECT 'a' LIKE '%a'", "expect": {"value": "== true"}}, P, "true"),
    "rows by name": ({"sql": "SHOW ALL", "expect": {
        "rows[?name=='allow_in_place_tablespaces'].setting | [0]": "exists"}}, P, "off"),
    "NULL is missing": ({"sql": "SELECT NULL", "expect": {"value": "!= 5"}}, F, "missing"),
    "no row is missing": ({"sql": "SELECT 1 WHERE false", "expect": {"value": "== 1"}}, F, "missing"),
    "writing is refused": ({"sql": "CREATE TABLE x (a int)"}, Q, "read-only"),
    "a slow statement is cancelled": (
        {"sql": "SELECT pg_sleep(9)", "statement_timeout": "50ms"}, Q, "cancelled"),
    "an unknown table": ({"sql": "SELECT * FROM nothing_here"}, Q, "nothing_here"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_statement(database: ConnectionInfo, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """A value is judged; a statement that cannot be answered is inconclusive."""
    result = run(check(context({"postgres": database}), "postgres_query", **params))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline
    assert "planted-password" not in result.model_dump_json()


def test_nobody_there_is_inconclusive() -> None:
    """A server that cannot be reached is asked three times, and the password stays unsaid."""
    lost = ConnectionInfo("postgres", "postgres", "127.0.0.1", 1, "me", "planted-password", "x")
    result = run(check(context({"postgres": lost}), "postgres_query", sql="SELECT 1"))
    assert (result.verdict, result.attempts) == (Q, 3)
    assert "planted-password" not in result.model_dump_json()
