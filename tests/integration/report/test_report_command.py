"""``launch report`` on a real ledger: where it writes, what it says, and its exit codes."""

from __future__ import annotations

import json
import shutil
import stat
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from typer.testing import CliRunner

from launch_pipeline.checklist.files import include_folder
from launch_pipeline.cli.main import app
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.migrate import migrate
from launch_pipeline.ledger.schema import Entry, Outcome
from launch_pipeline.report.marks import stripped
from servers.chains import rewrite, tamper
from servers.databases import fresh_database
from servers.reported import (
    LAUNCH,
    a_launch,
    a_whole_launch,
    document_places,
    plan,
    record_of,
    shipped_document,
)
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = document_places()[0]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stack runs here, and no variable names another one."""
    monkeypatch.setenv("LAUNCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAUNCH_CONTACTS", str(include_folder() / "contacts.example.yaml"))
    for name in ("LAUNCH_AIRFLOW_URL", "LAUNCH_AIRFLOW_USER", "LAUNCH_LEDGER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def kept(pg_server: str) -> Iterator[str]:
    """Give a ledger with a whole launch, which nobody changes."""
    with fresh_database(pg_server) as dsn:
        migrate(dsn)
        yield whole(dsn)


@pytest.fixture
def own(dsn: str) -> str:
    """Give another one, to be changed."""
    return whole(dsn)


def whole(dsn: str) -> str:
    """Keep a whole launch, as its conductor ends it."""
    Launches(dsn).start(a_launch(started_at=None, planned_at=None), plan())
    Ledger(dsn).append_all(a_whole_launch())
    Launches(dsn).end(LAUNCH, LaunchState.COMPLETE)
    return dsn


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["report", *arguments])


def test_markdown_goes_to_standard_output_and_strips_to_the_document(kept: str, tmp_path: Path) -> None:
    """What ``--strip`` leaves of a report is the document, byte for byte."""
    done = run(LAUNCH, "--ledger", kept)
    assert done.exit_code == 0, done.output
    assert "**Status**: <!--launch:was [PENDING/IN PROGRESS/COMPLETE]-->COMPLETE<!--" in done.stdout
    (tmp_path / "report.md").write_bytes(done.stdout_bytes)
    assert run("--strip", "report.md").stdout_bytes == shipped_document()


def test_page_is_a_file_for_its_owner_alone_written_anew(kept: str, tmp_path: Path) -> None:
    """It holds names; made again it is the newer one, and nothing else is left behind."""
    path = tmp_path / f"{LAUNCH}.html"
    for _ in range(2):
        done = run(LAUNCH, "--ledger", kept, "--format", "html")
        assert done.exit_code == 0, done.output
        assert (done.stdout, done.stderr.split(":")[0]) == ("", path.name)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_data_say_that_the_notes_are_elsewhere(kept: str) -> None:
    """The ledger is enough; without Airflow the notes are left out, and it is said."""
    data = json.loads(run(LAUNCH, "--ledger", kept, "--format", "json").stdout)
    assert (data["status"], data["counts"]) == ("complete", {"passed": 217, "approved": 55})
    assert data["notes"] == []
    assert data["notes_unread"].startswith("The notes are in Airflow, which was not reached: no stack runs")
    assert (data["chain"]["broken"], data["chain"]["rows"]) == ("", 302)
    assert all(not person["phone"] for line in data["contacts"] for person in line["people"])
    asked = json.loads(run(LAUNCH, "--ledger", kept, "--format", "json", "--addresses").stdout)
    assert asked["contacts"][0]["people"][0]["phone"] == "+1 202 555 0101"


def test_notes_are_those_of_the_runs(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from Airflow where it is reachable, those of the launch first."""
    runs = [
        {"dag_id": "week_1_pre_launch_requirements", "dag_run_id": LAUNCH, "note": "moved the tag"},
        {"dag_id": "launch", "dag_run_id": LAUNCH, "note": "we were late"},
        {"dag_id": "go_no_go", "dag_run_id": LAUNCH, "note": None},
    ]
    with ScriptedHttp() as server:
        server.reply("POST", "/auth/token", (201, {"access_token": "t"}))
        server.reply("GET", "/api/v2/dags/~/dagRuns", (200, {"dag_runs": runs, "total_entries": 3}))
        monkeypatch.setenv("LAUNCH_AIRFLOW_PASSWORD", "secret")
        done = run(LAUNCH, "--ledger", kept, "--format", "json", "--url", server.url, "--user", "ada")
    assert [note["text"] for note in json.loads(done.stdout)["notes"]] == ["we were late", "moved the tag"]


def test_unknown_launch_names_those_there_are(kept: str) -> None:
    """So that a typing error is seen at once."""
    done = run("production-2.4", "--ledger", kept)
    assert done.exit_code == 1
    assert f"There is no launch 'production-2.4' in the ledger. Known launches: '{LAUNCH}'." in done.stderr


def test_empty_ledger_says_so(dsn: str) -> None:
    """There is nothing to choose from."""
    done = run("x", "--ledger", dsn)
    assert (done.exit_code, "the ledger is empty" in done.stderr) == (1, True)


def test_ledger_that_is_away_is_trouble_of_the_stack() -> None:
    """With what to look at, and an exit code of its own."""
    done = run("x", "--ledger", "postgresql://nobody@127.0.0.1:9/none")
    assert done.exit_code == 3
    assert "Check the connection 'launch_ledger'" in done.stderr
    assert run("x").exit_code == 3


@pytest.mark.parametrize("arguments", [(), ("x", "--strip", "y"), ("x", "--format", "pdf")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    """A launch or a report to strip, and a format that there is."""
    assert run(*arguments).exit_code == 2


def test_broken_record_is_reported_as_broken(own: str) -> None:
    """The report is made, and says first that it cannot be believed."""
    tamper(own, "UPDATE launch.ledger SET try_number = 7 WHERE position = 3")
    done = run(LAUNCH, "--ledger", own)
    assert done.stdout.splitlines()[1].startswith("**The record is broken, and proves nothing**: row 3 (")
    assert "-->RECORD BROKEN<!--" in done.stdout


def test_complete_is_what_the_rows_prove(own: str) -> None:
    """The table of launches says complete, and a seal is gone: the report believes the rows."""
    tamper(own, "DELETE FROM launch.ledger WHERE kind = 'seal' AND dag_id = 'sign_off'")
    rewrite(own, LAUNCH)
    data = json.loads(run(LAUNCH, "--ledger", own, "--format", "json").stdout)
    assert data["status"] == "record broken"
    assert "it says 'complete', but sign_off is not" in data["chain"]["broken"]


def test_end_that_the_table_alone_says_is_none(dsn: str) -> None:
    """Somebody who may write the table cannot make a report say complete."""
    Launches(dsn).start(a_launch(started_at=None, planned_at=None), plan())
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE launch.launches SET state = 'complete', ended_at = now()")
    data = json.loads(run(LAUNCH, "--ledger", dsn, "--format", "json").stdout)
    assert data["status"] == "record broken"
    assert "says state 'complete', the rows say 'active'" in data["chain"]["broken"]


def test_latest_attempt_counts(dsn: str) -> None:
    """An item that was cleared and decided again, read back from the database."""
    Launches(dsn).start(a_launch(started_at=None, planned_at=None), plan())
    rejected = record_of(FIRST, Outcome.REJECTED, instance="before")
    Ledger(dsn).append_all(map(Entry.of_record, (rejected, record_of(FIRST, instance="again"))))
    data = json.loads(run(LAUNCH, "--ledger", dsn, "--format", "json").stdout)
    line = data["phases"][0]["sections"][0]["items"][0]
    assert (data["status"], data["chain"]["broken"]) == ("under way", "")
    assert (line["latest"]["outcome"], line["earlier"][0]["outcome"]) == ("approved", "rejected")


def test_contacts_that_cannot_be_read_are_left_out(kept: str) -> None:
    """And it is said; the names of who decided are in the record itself."""
    done = run(LAUNCH, "--ledger", kept, "--format", "json", "--contacts", "nothing.yaml")
    data = json.loads(done.stdout)
    assert (data["contacts"], data["contacts_unread"]) == ([], "The contacts cannot be read: does not exist.")


def test_checklist_that_is_broken_today_hides_no_record(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its items are shown by the words of their records, and what is wrong with the file is said."""
    shutil.copytree(include_folder() / "checklists", tmp_path / "include" / "checklists")
    (tmp_path / "include" / "checklists" / "02_infrastructure_setup.yaml").write_text("schema_version: 2\n")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(tmp_path / "include"))
    done = run(LAUNCH, "--ledger", kept, "--format", "json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["checklists_unread"][0].startswith("02_infrastructure_setup.yaml: ")
    assert (len(data["strays"]), len(data["loose"]), sum(data["counts"].values())) == (37, 37, 235)
    made = run(LAUNCH, "--ledger", kept)
    assert stripped(made.stdout_bytes.decode()).encode() == shipped_document()
    assert "Not in this report: 02\\_infrastructure\\_setup.yaml" in made.stdout
    assert run(LAUNCH, "--ledger", kept, "--format", "html").exit_code == 0
