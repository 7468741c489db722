"""The memory outlives Airflow's: cleaned databases, deleted runs and runs of the same name again."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proof.verify import read_rows, verify
from launch_pipeline.ledger.schema import Entry, Outcome
from launch_pipeline.report.source import make_report
from launch_pipeline.stack.postgres import binaries
from servers.airflow_database import GateRows, sqlalchemy_url
from servers.chains import LAUNCH, PLAN, a_launch, append_some
from servers.databases import fresh_database
from servers.records import a_record
from servers.reported import example_contacts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from launch_pipeline.report.model import Report

DAG, TASK, ITEM = "week_1", "security.tls", "week_1.security.tls"


@pytest.fixture(scope="module")
def airflow_dsn(pg_server: str, airflow_template: str) -> Iterator[str]:
    """Give a database with Airflow's tables, and the ledger's schema beside them."""
    with fresh_database(pg_server, airflow_template) as dsn:
        yield dsn


@pytest.fixture(params=["schema of its own", "database of its own"])
def ledger_dsn(request: pytest.FixtureRequest, airflow_dsn: str) -> str:
    """Give the ledger where a deployment may have it: beside Airflow's tables, or apart from them."""
    return airflow_dsn if request.param.startswith("schema") else str(request.getfixturevalue("dsn"))


@pytest.fixture
def empty_too(pg_server: str) -> Iterator[str]:
    """Give another database without tables."""
    with fresh_database(pg_server) as dsn:
        yield dsn


def clean(dsn: str, home: Path) -> None:
    """Purge everything that Airflow knows of the past, with its own command."""
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": sqlalchemy_url(dsn),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    purge = ["db", "clean", "--clean-before-timestamp", until, "--yes", "--skip-archive"]
    command = [sys.executable, "-W", "ignore", "-m", "airflow", *purge, "--error-on-cleanup-failure"]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def decided(rows: GateRows, launch_id: str, outcome: Outcome) -> Entry:
    """Have a gate wait in Airflow and make the entry of the decision about it."""
    # Airflow keeps the last run of a Dag that no person began.
    instance = rows.waiting(DAG, launch_id, TASK, run_type="manual")
    rows.execute("UPDATE dag_run SET start_date = now(), end_date = now(), state = 'success'")
    record = a_record(
        launch_id=launch_id,
        environment=launch_id.removeprefix(f"{LAUNCH}-"),
        outcome=outcome,
        task_instance_id=instance,
        item_ref=ITEM,
    )
    return Entry.of_record(record)


def reported(dsn: str, launch_id: str) -> Report:
    """Make the launch's report, but for the time at which it was made."""
    made = make_report(dsn, launch_id, example_contacts)
    return made.model_copy(update={"made_at": datetime(2030, 1, 1, tzinfo=UTC)})


def test_cleaned_and_deleted_runs_lose_no_sign_off(airflow_dsn: str, ledger_dsn: str, tmp_path: Path) -> None:
    """After `airflow db clean` and a deleted run every row is there; a new attempt is a row of its own."""
    ledger, rows = Ledger(ledger_dsn), GateRows(airflow_dsn)
    launch_id = f"{LAUNCH}-{tmp_path.name}"
    Launches(ledger_dsn).start(a_launch(launch_id, environment=tmp_path.name), PLAN)
    first = decided(rows, launch_id, Outcome.REJECTED)
    ledger.append(first)
    before = read_rows(ledger_dsn, launch_id).links
    head = ledger.head(launch_id)
    assert head is not None
    report = reported(ledger_dsn, launch_id)

    clean(airflow_dsn, tmp_path)
    assert rows.execute("SELECT count(*) FROM dag_run WHERE run_id = %s", launch_id) == [(0,)]
    assert rows.execute("SELECT count(*) FROM task_instance WHERE run_id = %s", launch_id) == [(0,)]
    assert read_rows(ledger_dsn, launch_id).links == before
    assert reported(ledger_dsn, launch_id) == report

    again = decided(rows, launch_id, Outcome.WAIVED)
    ledger.append(again)
    rows.execute("DELETE FROM dag_run WHERE run_id = %s", launch_id)
    outcomes = [entry.record.outcome for entry in ledger.entries(launch_id) if entry.record]
    assert outcomes == [Outcome.REJECTED, Outcome.WAIVED]
    assert again.task_instance_id != first.task_instance_id
    proved = verify(ledger_dsn, launch_id, head.digest)
    assert (proved.rows, proved.broken) == (3, None)


def program(name: str, *arguments: str, given: str = "") -> str:
    """Run one of PostgreSQL's own programs; give what it writes."""
    command = [str(binaries() / name), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_chain_survives_dump_and_restore(dsn: str, empty_too: str) -> None:
    """A backup that was restored has the same rows, the same head, and is as append-only as before."""
    append_some(dsn)
    head = Ledger(dsn).head(LAUNCH)
    assert head is not None
    dumped = program("pg_dump", "--no-owner", "--dbname", dsn)
    program("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", empty_too, given=dumped)
    assert read_rows(empty_too, LAUNCH) == read_rows(dsn, LAUNCH)
    for statement in ("DELETE FROM launch.ledger", "TRUNCATE launch.ledger"):
        with (
            psycopg.connect(empty_too) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
        ):
            connection.execute(f"SET session_replication_role = replica; {statement}".encode())
    Ledger(empty_too).append(Entry.of_record(a_record(task_instance_id="afterwards")))
    proved = verify(empty_too, LAUNCH, head.digest)
    assert (proved.rows, proved.broken) == (7, None)
