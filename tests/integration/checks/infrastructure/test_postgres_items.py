"""The shipped statements against Debian's PostgreSQL: who is a standby, which index counts, what drifts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers import postgres_pair
from servers.checking import context, raw, run
from servers.postgres_pair import PASSWORD, Pair
from servers.programs import open_folder, program, running, wait_for
from servers.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checks.verdict import CheckResult

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
CHECKS = shipped("postgres_query", database_schema="shop")
TABLES = """
    CREATE SCHEMA shop;
    CREATE TYPE shop.size AS ENUM ('small', 'large');
    CREATE TABLE shop.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80) NOT NULL,
                             made timestamptz NOT NULL DEFAULT now());
    CREATE TABLE shop.orders (id bigint PRIMARY KEY, buyer bigint REFERENCES shop.users (id),
                              total numeric(8, 2) CHECK (total >= 0));
    CREATE INDEX orders_buyer_idx ON shop.orders (buyer);
    CREATE TABLE shop.events (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Start a primary with one standby, and a role without pg_monitor."""
    with postgres_pair.serving() as made:
        made.execute(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")
        yield made


def asked(
    pair: Pair, check: str, expect: str = "", *, port: int = 0, login: str = "launch_check", **variables: Any
) -> CheckResult:
    """Run a shipped check; ``expect`` replaces what it wants of the value."""
    spec = CHECKS[check if check in CHECKS else f"infrastructure_setup.{check}"]
    changed = {**spec.params, **({"expect": {"value": expect}} if expect else {})}
    found = {"postgres": pair.connection(port or pair.primary, login=login)}
    ctx = context(found, variables=with_product(variables))
    (result,) = run(run_checks([spec.model_copy(update={"params": changed})], ctx))
    return result


@contextmanager
def receiving(pair: Pair, name: str, *arguments: str) -> Iterator[None]:
    """Run a receiver of WAL until it is seen to stream."""
    uri = f"host=127.0.0.1 port={pair.primary} user=postgres password={PASSWORD}"
    streaming = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
    with open_folder("postgres") as folder:
        command = [program(name, "postgresql-client-15"), *arguments, "--no-loop", "-d"]
        with running([*command, uri], lambda: (name,) in pair.execute(streaming), folder, user="postgres"):
            yield


def test_one_standby_is_counted(pair: Pair) -> None:
    """One is one, and not the two that are wanted."""
    assert asked(pair, "postgresql_ha.1", "== 1").verdict is P
    assert asked(pair, "postgresql_ha.1").verdict is F


def test_receiver_of_wal_is_no_standby(pair: Pair) -> None:
    """pg_receivewal, and Barman by it, streams and replays nothing."""
    with receiving(pair, "pg_receivewal", "-D", "."):
        assert asked(pair, "postgresql_ha.1", "== 1").verdict is P
        assert asked(pair, "replication.0").verdict is P


HA = "backup_disaster_recovery.database_ha.1"


def test_high_availability_needs_a_standby(pair: Pair) -> None:
    """A receiver of WAL beside the standby is not counted, and a standby does not speak for the primary."""
    with receiving(pair, "pg_receivewal", "-D", "."):
        assert asked(pair, HA).verdict is P
        assert asked(pair, HA, "== 1").verdict is P
    assert asked(pair, HA, port=pair.standby).verdict is F
    assert asked(pair, HA, login="plain").verdict is Q


def test_logical_subscriber_is_no_standby(pair: Pair) -> None:
    """A subscriber replays what it was sent, and cannot take over."""
    pair.execute("SELECT pg_create_logical_replication_slot('s', 'test_decoding')")
    try:
        with receiving(pair, "pg_recvlogical", "--slot", "s", "--start", "-f", "changes"):
            assert asked(pair, "postgresql_ha.1", "== 1").verdict is P
            assert asked(pair, "replication.1").verdict is P
        idle = "SELECT 1 FROM pg_replication_slots WHERE slot_name = 's' AND NOT active"
        wait_for(lambda: bool(pair.execute(idle)), "leaving the slot")
        assert asked(pair, "replication.1").verdict is F
    finally:
        pair.execute("SELECT pg_drop_replication_slot('s')")


def test_standby_does_not_speak_for_the_primary(pair: Pair) -> None:
    """A standby has standbys of its own at most: neither check passes there."""
    result = asked(pair, "postgresql_ha.1", port=pair.standby)
    assert (result.verdict, "only the primary" in result.headline) == (F, True), result.headline
    assert asked(pair, "replication.0", port=pair.standby).verdict is F


@pytest.mark.parametrize("check", ["postgresql_ha.1", "replication.0"])
def test_role_that_sees_a_part_is_told_the_grant(pair: Pair, check: str) -> None:
    """Without pg_monitor the standbys are hidden, which is no lack of standbys."""
    result = asked(pair, check, login="plain")
    assert (result.verdict, "GRANT pg_monitor" in raw(result)) == (Q, True), result.headline


@pytest.fixture
def schema(pair: Pair) -> Iterator[str]:
    """Create a schema; gives its fingerprint."""
    pair.execute(TABLES)
    try:
        yield fingerprint(pair)
    finally:
        pair.execute("DROP SCHEMA shop CASCADE")


def fingerprint(pair: Pair, login: str = "launch_check") -> str:
    result = asked(pair, "schema_verified.0", "exists", login=login)
    assert result.verdict is P, result.headline
    return str(result.observed["value"])


DRIFTS = {
    "a column": "ALTER TABLE shop.users ADD name text",
    "a type": "ALTER TABLE shop.users ALTER email TYPE varchar(40)",
    "a default": "ALTER TABLE shop.users ALTER made DROP DEFAULT",
    "not null": "ALTER TABLE shop.users ALTER made DROP NOT NULL",
    "a foreign key": "ALTER TABLE shop.orders DROP CONSTRAINT orders_buyer_fkey",
    "a check": "ALTER TABLE shop.orders DROP CONSTRAINT orders_total_check",
    "an index": "DROP INDEX shop.orders_buyer_idx",
    "an index of another sort": "CREATE UNIQUE INDEX more ON shop.users (lower(email))",
    "a table": "CREATE TABLE shop.more (id int)",
    "a value of an enum": "ALTER TYPE shop.size ADD VALUE 'medium' BEFORE 'large'",
    "a name of a value": "ALTER TYPE shop.size RENAME VALUE 'large' TO 'big'",
}


@pytest.mark.parametrize("statement", DRIFTS.values(), ids=DRIFTS.keys())
def test_drift_is_seen(pair: Pair, schema: str, statement: str) -> None:
    """What migrations of tables, indexes and enums make shows in the fingerprint."""
    pair.execute(statement)
    assert fingerprint(pair) != schema


SAME = {
    "rows": "INSERT INTO shop.users (email) VALUES ('a@example.org')",
    "a partition": "CREATE TABLE shop.may PARTITION OF shop.events DEFAULT",
    "a grant": "GRANT SELECT ON shop.users TO plain",
    "another schema": "CREATE TEMP TABLE users (id int)",
    "statistics": "ANALYZE shop.users",
    "views of an extension": "CREATE EXTENSION pg_stat_statements SCHEMA shop",
}


@pytest.mark.parametrize("statement", SAME.values(), ids=SAME.keys())
def test_what_is_no_drift(pair: Pair, schema: str, statement: str) -> None:
    """Work of every day leaves the fingerprint, and so does another role or a database made anew."""
    pair.execute(statement)
    assert {fingerprint(pair), fingerprint(pair, "plain")} == {schema}


def test_schema_made_anew_has_the_same_fingerprint(pair: Pair, schema: str) -> None:
    """The order in which things were made, and their numbers, do not matter."""
    pair.execute(f"DROP SCHEMA shop CASCADE; {TABLES}")
    pair.execute("ALTER TABLE shop.users ADD gone int; ALTER TABLE shop.users DROP gone")
    assert fingerprint(pair) == schema
    result = asked(pair, "schema_verified.0", schema_fingerprint=schema)
    assert result.verdict is P, result.headline


INDEXES = {
    "orders_buyer_idx": P,
    "orders_buyer_idx,orders_pkey": P,
    "orders_buyer_idx, orders_pkey": P,
    "orders_buyer_idx,users_email_key": F,
    "other_idx": F,
    "": F,
}


@pytest.mark.usefixtures("schema")
@pytest.mark.parametrize(("wanted", "verdict"), INDEXES.items())
def test_indexes(pair: Pair, wanted: str, verdict: Verdict) -> None:
    """An index of the same name in another schema is another index."""
    pair.execute("CREATE SCHEMA old; CREATE TABLE old.t (a int); CREATE INDEX other_idx ON old.t (a)")
    try:
        result = asked(pair, "indexes_created.0", required_indexes=wanted)
        assert result.verdict is verdict, result.headline
    finally:
        pair.execute("DROP SCHEMA old CASCADE")
