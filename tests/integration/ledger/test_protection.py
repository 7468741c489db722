"""Who may do what: the database itself lets everybody append and nobody change what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from launch_pipeline.errors import LedgerError, LedgerUnavailable
from launch_pipeline.ledger.launch import Launch, LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.migrate import migrate
from launch_pipeline.ledger.proof.verify import read_rows, verify
from launch_pipeline.ledger.schema import Entry
from servers.chains import LAUNCH, append_some
from servers.ledger_roles import OwnedLedger, owned_ledger
from servers.records import a_record

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGES = (
    "UPDATE launch.ledger SET try_number = 2",
    "UPDATE launch.ledger SET try_number = 2 WHERE false",
    "DELETE FROM launch.ledger WHERE position = 5",
    "TRUNCATE launch.ledger",
    "TRUNCATE launch.ledger CASCADE",
    "MERGE INTO launch.ledger k USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    """INSERT INTO launch.ledger (kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content)
       SELECT kind, launch_id, dag_id, item_ref, task_instance_id, try_number, '{}' FROM launch.ledger
       ON CONFLICT ON CONSTRAINT ledger_kept_once DO UPDATE SET content = '{}'""",
    "SELECT * FROM launch.ledger FOR UPDATE; DELETE FROM launch.ledger",
)
"""Ways to change what is kept."""
OWNERS = (
    "ALTER TABLE launch.ledger DISABLE TRIGGER ledger_append_only",
    "ALTER TABLE launch.ledger DISABLE TRIGGER ALL",
    "DROP TRIGGER ledger_append_only ON launch.ledger",
    "DROP TRIGGER ledger_link ON launch.ledger",
    "ALTER TABLE launch.ledger DROP CONSTRAINT ledger_one_chain",
    "ALTER TABLE launch.ledger ALTER COLUMN content TYPE text",
    "ALTER TABLE launch.ledger RENAME TO other",
    "DROP TABLE launch.ledger",
    "DROP SCHEMA launch CASCADE",
    """CREATE OR REPLACE FUNCTION launch.ledger_refuse() RETURNS trigger LANGUAGE plpgsql
       AS 'BEGIN RETURN NEW; END'""",
    "DROP FUNCTION launch.ledger_refuse() CASCADE",
    "CREATE TABLE launch.other (id int)",
    "CREATE RULE quiet AS ON INSERT TO launch.ledger DO INSTEAD NOTHING",
    "SET session_replication_role = replica",
    "SELECT setval('launch.ledger_seq_seq', 1)",
    "ALTER SEQUENCE launch.ledger_seq_seq RESTART",
    "DELETE FROM launch.launches",
    "TRUNCATE launch.launches",
    "UPDATE launch.launches SET environment = 'staging'",
    "UPDATE launch.launches SET rehearsal = true",
    "UPDATE launch.launches SET started_by = 'mallory'",
    "UPDATE launch.launches SET started_at = now()",
    "UPDATE launch.launches SET planned_at = now()",
    "UPDATE launch.launches SET conf = '{}'",
    "UPDATE launch.launches SET launch_id = 'other'",
    "INSERT INTO launch.launches (launch_id, state) VALUES ('x', 'complete')",
    "INSERT INTO launch.launches (launch_id, started_at) VALUES ('x', now())",
    "INSERT INTO launch.launches (launch_id, ended_at) VALUES ('x', now())",
    "INSERT INTO launch.launches (launch_id, held_at) VALUES ('x', now())",
    "UPDATE launch.definitions SET content = '{}'",
    "UPDATE launch.definitions SET stored_at = now()",
    "DELETE FROM launch.definitions",
    "TRUNCATE launch.definitions",
    "INSERT INTO launch.definitions (digest, content, stored_at) VALUES ('', '{}', now())",
    "ALTER TABLE launch.definitions DROP CONSTRAINT definitions_by_digest",
    "UPDATE launch.ledger_migrations SET digest = ''",
    "DELETE FROM launch.ledger_migrations",
    # Granting what one has not is only a warning.
    "GRANT DELETE ON launch.ledger TO PUBLIC; DELETE FROM launch.ledger",
)
"""Ways to prepare a change, for owners only."""
CHOSEN = (
    ("position", "1"),
    ("previous", "''"),
    ("digest", "''"),
    ("content_digest", "''"),
    ("appended_at", "now() - interval '1 year'"),
    ("seq", "1000"),
)
"""Columns that are the database's own, and what somebody might want in them."""


@pytest.fixture
def ledger_of_two(pg_server: str) -> Iterator[OwnedLedger]:
    """Give a ledger with rows, an owner and an application; afterwards its chain must be whole."""
    with owned_ledger(pg_server) as made:
        append_some(made.application)
        yield made
        proved = verify(made.superuser, LAUNCH)
        assert (proved.rows, proved.broken) == (6, None)


@pytest.fixture(scope="module")
def untouched(pg_server: str) -> Iterator[OwnedLedger]:
    """Give one for all tests that change nothing, since everything is refused to them."""
    with owned_ledger(pg_server) as made:
        append_some(made.application)
        before = read_rows(made.superuser, LAUNCH)
        yield made
        assert read_rows(made.superuser, LAUNCH) == before


def refused(dsn: str, statement: str) -> str:
    """Run a statement that must be refused for want of a right; give the message."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as error, psycopg.connect(dsn) as connection:
        connection.execute(statement.encode())
    return str(error.value)


@pytest.mark.parametrize("statement", [*CHANGES, *OWNERS])
def test_application_can_change_nothing_that_is_kept(untouched: OwnedLedger, statement: str) -> None:
    """With the application's role every way to change, remove or prepare it is refused."""
    refused(untouched.application, statement)


@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("who", ["owner", "superuser"])
def test_not_even_owner_and_superuser_change_a_row(untouched: OwnedLedger, who: str, statement: str) -> None:
    """As far as triggers reach nobody changes, removes or empties; one that touches no row says so too."""
    assert "append-only" in refused(getattr(untouched, who), statement)


def test_replication_role_passes_no_trigger_by(untouched: OwnedLedger) -> None:
    """The setting with which superusers skip triggers does not skip these."""
    assert "append-only" in refused(
        untouched.superuser, "SET session_replication_role = replica; DELETE FROM launch.ledger"
    )


def test_application_cannot_become_the_owner(untouched: OwnedLedger) -> None:
    """Being the owner is no right of the application."""
    with (
        psycopg.connect(untouched.application) as connection,
        pytest.raises(psycopg.Error, match="permission"),
    ):
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(untouched.owner_role)))


@pytest.mark.parametrize(("column", "value"), CHOSEN)
def test_application_cannot_choose_what_is_the_databases(
    untouched: OwnedLedger, column: str, value: str
) -> None:
    """Place, links, number and time of a row are no columns that the application may fill."""
    overriding = "OVERRIDING SYSTEM VALUE" if column == "seq" else ""
    refused(untouched.application, insert_with(column, value, overriding))


@pytest.mark.parametrize(("column", "value"), CHOSEN[:-1])
def test_database_links_whatever_the_owner_sends(untouched: OwnedLedger, column: str, value: str) -> None:
    """Who may fill these columns fills them in vain: the row is put at the end of its chain, now."""
    with psycopg.connect(untouched.owner) as connection:
        connection.execute(insert_with(column, value).encode())
        connection.execute("SET LOCAL TIME ZONE 'Asia/Kathmandu'")
        row = connection.execute(
            "SELECT position, appended_at > now() - interval '1 minute' FROM launch.ledger"
            " WHERE task_instance_id = 'by hand'"
        ).fetchone()
        assert row == (7, True)
        assert ends(connection) == [("ok", True)]
        connection.rollback()


def insert_with(column: str, value: str, overriding: str = "") -> str:
    """Write an INSERT by hand that fills one column more."""
    columns = f"kind, launch_id, dag_id, item_ref, task_instance_id, try_number, content, {column}"
    values = f"'nudge', '{LAUNCH}', '', '', 'by hand', 0, '{{}}', {value}"
    return f"INSERT INTO launch.ledger ({columns}) {overriding} VALUES ({values})"  # noqa: S608 - constants


def ends(connection: psycopg.Connection[Any]) -> list[Any]:
    """Compare the last row's links with the row before it and with the database's own formula."""
    return connection.execute(
        "SELECT 'ok', k.digest = launch.ledger_digest(k) AND k.previous = b.digest FROM launch.ledger k"
        " JOIN launch.ledger b ON b.launch_id = k.launch_id AND b.position = k.position - 1"
        " WHERE k.launch_id = 'shop-1.2' ORDER BY k.position DESC LIMIT 1"
    ).fetchall()


def test_application_does_its_work(ledger_of_two: OwnedLedger) -> None:
    """Everything the pipeline does with the ledger and the launches, it can do with that role."""
    soon = datetime.now(UTC) + timedelta(days=1)
    launches, ledger = Launches(ledger_of_two.application), Ledger(ledger_of_two.application)
    launch = Launch(
        launch_id="shop-2",
        environment="staging",
        rehearsal=False,
        release="2",
        release_sha="a" * 40,
        launch_at=soon,
        started_by="ada",
    )
    launches.start(launch)
    launches.postpone("shop-2", soon + timedelta(hours=1), "ada", "the CDN is not ready")
    assert not launches.get("shop-2").over
    launches.abort("shop-2", "ada", "withdrawn")
    ledger.ping()
    (first, *_) = [entry.seq for entry in ledger.entries(LAUNCH) if entry.record]
    tls = Entry.of_record(a_record(task_instance_id="tls", item_ref="week_1.security.tls"))
    assert ledger.append(tls) == first
    assert ledger.seal(LAUNCH, "week_1") is not None
    assert [entry.kind for entry in ledger.entries("shop-2")] == [
        "launch_started",
        "launch_postponed",
        "launch_aborted",
    ]
    assert verify(ledger_of_two.application, "shop-2").broken is None


def test_application_ends_a_launch(pg_server: str) -> None:
    """Whoever runs the pipeline's last step has the rights for it."""
    with owned_ledger(pg_server) as made:
        append_some(made.application)
        Launches(made.application).end(LAUNCH, LaunchState.COMPLETE)
        proved = verify(made.application, LAUNCH)
        assert (proved.broken, proved.state) == (None, LaunchState.COMPLETE)


def test_application_works_with_tables_that_keep_no_history(ledger_of_two: OwnedLedger) -> None:
    """Where Slack's messages are may be noted, changed and forgotten; a new table needs no grant by hand."""
    with psycopg.connect(ledger_of_two.owner) as connection:
        connection.execute("CREATE TABLE launch.of_tomorrow (id int)")
    migrate(ledger_of_two.owner, ledger_of_two.application_role)
    with psycopg.connect(ledger_of_two.application) as connection:
        for table in ("of_tomorrow", "slack_messages", "slack_nudges"):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("launch", table)))


def test_rights_that_were_given_by_hand_are_taken_back(ledger_of_two: OwnedLedger) -> None:
    """Every migration leaves the application with exactly its rights."""
    role = sql.Identifier(ledger_of_two.application_role)
    with psycopg.connect(ledger_of_two.owner) as connection:
        connection.execute(sql.SQL("GRANT UPDATE, DELETE, TRUNCATE ON launch.ledger TO {}").format(role))
        connection.execute(sql.SQL("GRANT INSERT (position) ON launch.ledger TO {}").format(role))
    migrate(ledger_of_two.owner, ledger_of_two.application_role)
    assert "permission denied" in refused(ledger_of_two.application, "DELETE FROM launch.ledger")
    assert "permission denied" in refused(ledger_of_two.application, insert_with("position", "1"))


@pytest.mark.parametrize("how", ["itself", "member", "superuser"])
def test_application_that_could_be_the_owner_is_refused(ledger_of_two: OwnedLedger, how: str) -> None:
    """A deployment that gives the application the owner's rights is told so when it migrates."""
    owner, application = (
        sql.Identifier(ledger_of_two.owner_role),
        sql.Identifier(ledger_of_two.application_role),
    )
    role = ledger_of_two.owner_role if how == "itself" else ledger_of_two.application_role
    with psycopg.connect(ledger_of_two.superuser) as connection:
        if how == "member":
            connection.execute(sql.SQL("GRANT {} TO {}").format(owner, application))
        if how == "superuser":
            connection.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(application))
    with pytest.raises(LedgerError, match="a role of its own") as error:
        migrate(ledger_of_two.owner, role)
    assert not isinstance(error.value, LedgerUnavailable)


def test_role_that_is_missing_is_named(ledger_of_two: OwnedLedger) -> None:
    """A typing mistake in the role ends the migration, with nothing half done."""
    with pytest.raises(LedgerError, match="nobody_here"):
        migrate(ledger_of_two.owner, "nobody_here")


def test_role_without_any_right_reads_nothing(ledger_of_two: OwnedLedger) -> None:
    """Names are in the ledger: a role that was given nothing sees nothing."""
    with psycopg.connect(ledger_of_two.superuser) as connection:
        connection.execute("DROP ROLE IF EXISTS curious")
        connection.execute("CREATE ROLE curious LOGIN")
    with pytest.raises(LedgerError, match="InsufficientPrivilege"):
        Ledger(psycopg.conninfo.make_conninfo(ledger_of_two.superuser, user="curious")).entries(LAUNCH)
