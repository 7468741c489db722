"""Launches are started, moved and ended from a terminal by a person who signs in; there is no default."""

from __future__ import annotations

import json
import os
import pwd
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from launch_pipeline.cli.main import app
from launch_pipeline.errors import OperationError
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.stack import target
from launch_pipeline.stack.home import HomeLock, StackInfo, write_info
from launch_pipeline.stack.target import Target
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAUNCH = "shop-1.2"
START = [
    "start", "--release", "2.4.0", "--release-commit", "9f2", "--previous-release", "2.3",
    "--launch-time", "2030-06-01T10:00:00Z", "--environment", "production", "--id", LAUNCH,
]  # fmt: skip
POSTPONE = ["postpone", LAUNCH, "--to", "2040-06-01T10:00:00Z", "--reason", "the CDN is down"]
ABORT = ["abort", LAUNCH, "--reason", "withdrawn", "--yes"]
AMEND = ["amend", LAUNCH, "--reason", "a new threshold"]
CONFIRM = ["amend", LAUNCH, "--confirm", "sha256:1"]
RETARGET = ["retarget", LAUNCH, "--release-commit", "b" * 40, "--release", "2.4.1", "--reason", "a fix"]
HOLD = ["hold", LAUNCH, "--reason", "the CDN is down"]
RESUME = ["resume", LAUNCH, "--reason", "the CDN is back"]
COMMANDS = {
    "start": START, "postpone": POSTPONE, "abort": ABORT, "amend": AMEND, "confirm": CONFIRM,
    "retarget": RETARGET, "hold": HOLD, "resume": RESUME,
}  # fmt: skip
SENT = {
    "postpone": {"to": "2040-06-01T10:00:00+00:00", "reason": "the CDN is down"},
    "abort": {"reason": "withdrawn"},
    "amend": {"reason": "a new threshold", "digest": "sha256:1"},
    "confirm": {"digest": "sha256:1"},
    "retarget": {"release_sha": "b" * 40, "release": "2.4.1", "reason": "a fix"},
    "hold": {"reason": "the CDN is down"},
    "resume": {"reason": "the CDN is back"},
}
DIFFERS = {
    "launch_id": LAUNCH, "digest": "sha256:1", "consequences": [], "needs_second": False, "proposed": None,
    "differences": [{"where": "a.b.c", "what": ["added"], "dag_id": "a", "text": "C", "shown": []}],
}  # fmt: skip
NAMES = (
    "LAUNCH_AIRFLOW_URL",
    "LAUNCH_AIRFLOW_USER",
    "LAUNCH_AIRFLOW_PASSWORD",
    "LAUNCH_AIRFLOW_PASSWORD_FILE",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home in which nothing runs, and a terminal in which no user is named."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAUNCH_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Iterator[ScriptedHttp]:
    """Give an Airflow that takes everything."""
    target = {"release": "2.4.1", "release_sha": "b" * 40}
    moved = {"launch_id": LAUNCH, "launch_at": "2040-06-01T10:00:00+00:00", "state": "active", **target}
    with ScriptedHttp() as running:
        running.reply("POST", "/auth/token", (201, {"access_token": "t"}))
        running.reply("POST", "/api/v2/dags/launch/dagRuns", {"dag_run_id": LAUNCH})
        for what in ("postpone", "amend", "confirm", "retarget", "hold", "resume"):
            running.reply("POST", f"/launch/launches/{LAUNCH}/{what}", moved)
        running.reply("POST", f"/launch/launches/{LAUNCH}/abort", {**moved, "state": "aborted"})
        running.reply("GET", f"/launch/launches/{LAUNCH}/amendment", DIFFERS)
        running.reply("GET", "/api/v2/dags/~/dagRuns", {"dag_runs": [], "total_entries": 0})
        yield running


@pytest.fixture
def stack(home: Path, server: ScriptedHttp) -> Iterator[StackInfo]:
    """Let a stack run on this machine, with its administrator and two people."""
    info = StackInfo(
        url=server.url,
        pid=os.getpid(),
        user="admin",
        people=("admin", "ada.technical", "omar.operations"),
        passwords_file=home / "passwords.json",
        ledger_dsn="postgresql://nobody@127.0.0.1:1/launch",
        rehearsal=False,
        log_folder=home,
    )
    info.passwords_file.write_text(json.dumps({name: f"pw of {name}" for name in info.people}))
    with HomeLock(home):
        write_info(home, info)
        yield info


def run(*arguments: str, typed: str | None = None) -> Any:
    return CliRunner().invoke(app, list(arguments), input=typed)


def signed_in(server: ScriptedHttp) -> list[tuple[str, str]]:
    bodies = [request["body"] for request in server.seen("POST", "/auth/token")]
    return [(body["username"], body["password"]) for body in bodies]


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("command", COMMANDS)
def test_nobody_acts_unnamed(server: ScriptedHttp, command: str) -> None:
    """Not the stack's administrator either: the accounts and the option are told, nothing is sent."""
    done = run(*COMMANDS[command])
    assert done.exit_code == 3
    said = " ".join(done.stderr.split())
    assert "--user" in said
    assert "admin, ada.technical, omar.operations" in said
    assert server.requests == []


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("command", COMMANDS)
def test_person_who_is_named_acts(server: ScriptedHttp, command: str) -> None:
    """The stack of this machine knows the password of the person who is named."""
    done = run(*COMMANDS[command], "--user", "ada.technical")
    assert done.exit_code == 0, done.output
    assert signed_in(server) == [("ada.technical", "pw of ada.technical")]


@pytest.mark.usefixtures("stack")
def test_person_without_an_account_is_told_who_has_one(server: ScriptedHttp) -> None:
    """A wrong name is no reason to act as another."""
    done = run(*ABORT, "--user", "mallory")
    assert done.exit_code == 3
    assert "omar.operations" in done.stderr
    assert server.requests == []


@pytest.mark.parametrize("command", SENT)
def test_nobody_says_who_somebody_else_is(command: str) -> None:
    """There is no '--by'."""
    done = run(*COMMANDS[command], "--by", "carla.cto")
    assert done.exit_code == 2
    assert "--by" in done.stderr


@pytest.mark.parametrize("command", SENT)
def test_what_is_asked_is_sent(server: ScriptedHttp, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """To the plugin's routes, with nothing about who asks but the token."""
    monkeypatch.setenv("LAUNCH_AIRFLOW_PASSWORD", "secret")
    monkeypatch.setenv("LAUNCH_AIRFLOW_USER", "ada.technical")
    assert run(*COMMANDS[command], "--url", server.url).exit_code == 0
    (sent,) = server.seen("POST", f"/launch/launches/{LAUNCH}/{command}")
    assert (sent["body"], sent["token"]) == (SENT[command], "Bearer t")


def test_refusal_is_shown(server: ScriptedHttp) -> None:
    """What the door says is what the person reads."""
    path = f"/launch/launches/{LAUNCH}/refused"
    server.reply(
        "POST", path, (403, {"code": "no_launcher", "detail": "The account 'x' may not start launches"})
    )
    api = target._client(server.url, "x", "y")
    with pytest.raises(OperationError, match="may not start launches"):
        api._change(LAUNCH, "refused", {})


def test_password_in_a_variable_is_that_of_the_user_beside_it(
    server: ScriptedHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user named on the command line does not sign in with another user's password."""
    monkeypatch.setenv("LAUNCH_AIRFLOW_USER", "admin")
    monkeypatch.setenv("LAUNCH_AIRFLOW_PASSWORD", "admin's")
    with pytest.raises(OperationError, match=r"password of 'ada.technical'"):
        Target(url=server.url, user="ada.technical").person()


def test_reader_of_a_deployment_acts_not(server: ScriptedHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account with which the doctor looks is not one with which a launch is ended."""
    monkeypatch.setenv("LAUNCH_READER_USER", "admin")
    monkeypatch.setenv("LAUNCH_READER_PASSWORD", "admin's")
    assert Target(url=server.url).api().dag_runs() == []
    assert signed_in(server) == [("admin", "admin's")]
    done = run(*ABORT, "--url", server.url)
    assert (done.exit_code, "--user" in done.stderr) == (3, True)


def test_password_is_asked_where_a_terminal_is_there(
    server: ScriptedHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not shown while it is typed; without a terminal the variable is named."""
    with pytest.raises(OperationError, match="LAUNCH_AIRFLOW_PASSWORD"):
        Target(url=server.url, user="ada.technical").person()
    asked: list[dict[str, Any]] = []

    def prompt(_text: str, **given: Any) -> str:
        asked.append(given)
        return "typed"

    monkeypatch.setattr(target.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(target.typer, "prompt", prompt)
    Target(url=server.url, user="ada.technical").person().dag_runs()
    assert signed_in(server) == [("ada.technical", "typed")]
    assert asked == [{"hide_input": True, "err": True}]


def test_where_only_a_terminal_speaks_the_record_says_so(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow is away: the row names user and host of the operating system, whatever the variables say."""
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "carla.cto")
    Launches(dsn).start(
        Launch(
            launch_id=LAUNCH, environment="production", rehearsal=False, release="1.2.0",
            release_sha="a" * 40, launch_at=datetime.now(UTC) + timedelta(days=9), started_by="ada.technical",
        )
    )  # fmt: skip
    for command in (POSTPONE, HOLD, RESUME, ABORT):
        done = run(*command, "--terminal", "--ledger", dsn, "--user", "carla.cto")
        assert done.exit_code == 0, done.output
    _, *changes = Ledger(dsn).entries(LAUNCH)
    assert [row.kind for row in changes] == [
        EntryKind.LAUNCH_POSTPONED, EntryKind.LAUNCH_HELD, EntryKind.LAUNCH_RESUMED, EntryKind.LAUNCH_ABORTED,
    ]  # fmt: skip
    here = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    assert {(row.content["by"], row.content["via"]) for row in changes} == {(here, "terminal")}


@pytest.mark.parametrize("command", ["amend", "retarget"])
def test_no_terminal_stands_in_for_a_role(command: str) -> None:
    """A name of the operating system holds none: amending needs an account of Airflow."""
    done = run(*COMMANDS[command], "--terminal")
    assert (done.exit_code, "--terminal" in done.stderr) == (2, True)
