"""The command line: found quickly, honest exit codes, and requests that say what was asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from launch_pipeline.airflow.hooks.rest_client import AirflowApi
from launch_pipeline.cli.commands.launches import end_runs, name_launch
from launch_pipeline.cli.main import app
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator

INCLUDE = Path(__file__).resolve().parents[3] / "include"
RUNS = "/api/v2/dags/launch/dagRuns"
START = ["start", "--release", "2.4.0", "--release-commit", "9f2", "--previous-release", "2.3"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedHttp]:
    with ScriptedHttp() as running:
        monkeypatch.setenv("LAUNCH_HOME", str(tmp_path))
        monkeypatch.setenv("LAUNCH_AIRFLOW_URL", running.url)
        monkeypatch.setenv("LAUNCH_AIRFLOW_USER", "ada")
        monkeypatch.setenv("LAUNCH_AIRFLOW_PASSWORD", "secret")
        yield running.reply("POST", "/auth/token", (201, {"access_token": "t"}))


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    """Help comes within a second because neither Airflow, HTTP nor database code is imported."""
    code = (
        "import sys, launch_pipeline.cli.main;"
        "print([m for m in ('airflow', 'requests', 'psycopg', 'psutil', 'pydantic') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(INCLUDE)}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "command",
    [
        *("up", "down", "start", "status", "postpone", "amend", "retarget", "hold", "resume", "abort"),
        *("validate", "rehearse", "report"),
    ],
)
def test_every_command_shows_an_example(command: str) -> None:
    """Help without an example sends people to the documentation."""
    shown = run(command, "--help")
    assert shown.exit_code == 0
    assert f"launch {command}" in shown.output


def test_start_sends_the_form(server: ScriptedHttp) -> None:
    """The conductor gets exactly the keys it knows, and the launch id as the run id."""
    server.reply("POST", RUNS, {"dag_run_id": "my-launch"})
    done = run(
        *START,
        "--launch-time",
        "2030-06-01T10:00:00+02:00",
        "--environment",
        "production",
        "--id",
        "my-launch",
    )
    assert done.exit_code == 0, done.output
    assert server.seen("POST", RUNS)[0]["body"] == {
        "logical_date": None,
        "dag_run_id": "my-launch",
        "conf": {
            "release": "2.4.0",
            "release_sha": "9f2",
            "previous_release": "2.3",
            "launch_at": "2030-06-01T10:00:00+02:00",
            "environment": "production",
            "rehearsal": False,
        },
    }
    assert "my-launch" in done.output


def test_a_first_launch_has_nothing_to_roll_back_to(server: ScriptedHttp) -> None:
    """Without a previous release the form's own 'nothing' is sent."""
    server.reply("POST", RUNS, {"dag_run_id": "first"})
    first = [word for word in START if word not in {"--previous-release", "2.3"}]
    done = run(*first, "--launch-time", "2030-06-01T10:00:00Z", "--environment", "production")
    assert done.exit_code == 0, done.output
    assert server.seen("POST", RUNS)[0]["body"]["conf"]["previous_release"] is None


def test_a_refused_start_exits_with_1_and_the_reason(server: ScriptedHttp) -> None:
    """Airflow's refusal is shown; a script sees a refusal, not a broken stack."""
    server.reply("POST", RUNS, (409, {"detail": "DagRun exists"}))
    done = run(*START, "--launch-time", "2030-06-01T10:00:00Z", "--environment", "production")
    assert done.exit_code == 1
    assert "DagRun exists" in done.stderr


@pytest.mark.parametrize("when", ["tomorrow", "2030-06-01T10:00:00", "2030-13-01T10:00:00Z"])
def test_a_time_without_zone_or_sense_is_wrong_usage(when: str) -> None:
    """A launch time that could be read in two ways is not guessed."""
    done = run(*START, "--launch-time", when, "--environment", "production")
    assert done.exit_code == 2
    assert when in done.stderr


def test_without_a_stack_the_ways_to_name_one_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 3: the stack is what is missing."""
    monkeypatch.delenv("LAUNCH_AIRFLOW_URL", raising=False)
    done = run("status", "--home", str(tmp_path))
    assert done.exit_code == 3
    assert "launch up" in done.stderr
    assert "--url" in done.stderr


@pytest.mark.usefixtures("server")
def test_a_missing_password_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are never options: command lines are visible to others."""
    monkeypatch.delenv("LAUNCH_AIRFLOW_PASSWORD")
    done = run("status", "x")
    assert done.exit_code == 3
    assert "LAUNCH_AIRFLOW_PASSWORD" in done.stderr


def test_status_of_an_unknown_launch_is_refused(server: ScriptedHttp) -> None:
    """No empty table for a launch that does not exist."""
    server.reply("GET", "/api/v2/dags/~/dagRuns", {"dag_runs": [], "total_entries": 0})
    done = run("status", "nope")
    assert done.exit_code == 1
    assert "there is no launch 'nope'" in done.stderr


def test_several_running_launches_must_be_named(server: ScriptedHttp) -> None:
    """Which one is meant is not guessed."""
    runs = [{"dag_run_id": name, "state": "running"} for name in ("a", "b")]
    server.reply("GET", RUNS, {"dag_runs": runs, "total_entries": 2})
    done = run("status")
    assert done.exit_code == 1
    assert "a, b" in done.stderr


def test_status_as_json_is_one_object_on_standard_output(server: ScriptedHttp) -> None:
    """Programs read standard output alone."""
    conf = {"release": "2.4.0", "environment": "production", "launch_at": "2030-06-01T10:00:00Z"}
    conductor = {"dag_id": "launch", "dag_run_id": "x", "state": "running", "conf": conf}
    server.reply("GET", "/api/v2/dags/~/dagRuns", {"dag_runs": [conductor], "total_entries": 1})
    server.reply("GET", f"{RUNS}/x/taskInstances", {"task_instances": [], "total_entries": 0})
    server.reply("GET", "/api/v2/dags/~/dagRuns/x/hitlDetails", {"hitl_details": [], "total_entries": 0})
    done = run("status", "x", "--json")
    assert done.exit_code == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["launch_id"], shown["state"], shown["release"]) == ("x", "running", "2.4.0")
    assert sum(phase["items"] for phase in shown["phases"]) >= 272


def test_abort_asks_first(server: ScriptedHttp) -> None:
    """A launch is not ended by a slip; a no changes nothing."""
    done = CliRunner().invoke(
        app,
        ["abort", "x", "--reason", "withdrawn", "--ledger", "postgresql://nobody@127.0.0.1:1/x"],
        input="n\n",
    )
    assert done.exit_code == 1
    assert [r for r in server.requests if r["method"] != "POST"] == []


def test_aborting_ends_the_conductor_first(server: ScriptedHttp) -> None:
    """The conductor must not start the next phase while the running ones are ended; ended ones stay."""
    states = {"go_no_go": "running", "launch": "running", "sign_off": "queued", "rollback": "success"}
    runs = [{"dag_id": dag, "dag_run_id": "x", "state": state} for dag, state in states.items()]
    server.reply("GET", "/api/v2/dags/~/dagRuns", {"dag_runs": runs, "total_entries": len(runs)})
    for dag in states:
        server.reply("PATCH", f"/api/v2/dags/{dag}/dagRuns/x", {})
    assert end_runs(AirflowApi(server.url, "ada", "secret"), "x") == ["launch", "go_no_go", "sign_off"]
    assert {r["body"]["state"] for r in server.requests if r["method"] == "PATCH"} == {"failed"}


def test_validate_names_every_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, value and fix of each, and exit 1."""
    (tmp_path / "contacts.yaml").write_text("schema_version: 1\npeople: []\nroles: {}\n", encoding="utf-8")
    monkeypatch.setenv("LAUNCH_CONTACTS", str(tmp_path / "contacts.yaml"))
    done = run("validate")
    assert done.exit_code == 1
    assert "contacts.yaml: roles.technical_lead" in done.stderr
    assert "Fix:" in done.stderr
    assert "checklists" in done.stdout


def test_validate_accepts_what_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the project are right."""
    monkeypatch.delenv("LAUNCH_CONTACTS", raising=False)
    done = run("validate")
    assert done.exit_code == 0, done.stderr


def test_a_named_launch_is_a_legal_run_id() -> None:
    """Whatever the release is called, Airflow takes the id."""
    when = datetime(2030, 6, 1, 10, tzinfo=UTC)
    assert name_launch("production", "v2/4 beta", when) == "production-v2-4-beta-20300601T100000"


def test_rehearse_without_its_distribution_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Production installs no rehearsal: one sentence and exit 1, not a traceback."""
    monkeypatch.setattr("launch_pipeline.cli.commands.rehearse.entry_points", lambda **_: ())
    done = run("rehearse")
    assert done.exit_code == 1
    assert "the rehearsal is not installed here" in done.stderr
    assert "make rehearsal" in done.stderr
    assert "Traceback" not in done.output
