"""``launch check``: one item's checks now, with everything that was seen, and an honest exit code."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer import BadParameter

from launch_pipeline.cli.commands.check import find_item
from launch_pipeline.doctor.context import stack_variables
from servers.harbour import Harbour
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "planted-check-password"
CHECK = {"http_request": {"path": "/health", "expect": {"json.status": "== ${wanted}"}}}


@pytest.fixture
def harbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    """One item asks for what the variable ``wanted`` says."""
    made = Harbour(tmp_path, monkeypatch)
    made.checks("pier_open", CHECK)
    return made


@pytest.fixture
def pier(harbour: Harbour) -> Iterator[ScriptedHttp]:
    """Start a server behind the connection ``http``."""
    with ScriptedHttp() as running:
        running.reply("GET", "/health", {"status": "open"})
        host, _, port = running.url.removeprefix("http://").partition(":")
        harbour.connect("http", {"conn_type": "http", "host": host, "port": int(port), "password": SECRET})
        yield running


@pytest.mark.usefixtures("pier")
@pytest.mark.parametrize(("wanted", "code", "verdict"), [("open", 0, "passed"), ("shut", 1, "failed")])
def test_the_verdict_is_the_exit_code(harbour: Harbour, wanted: str, code: int, verdict: str) -> None:
    """Observation, expectation, verdict, timing and the connection's origin are shown; the secret is not."""
    done = harbour.launch("check", "pier_open", "--environment", "test", "--set", f"wanted={wanted}")
    assert done.exit_code == code, done.output
    for part in (
        "harbour.quay.pier_open",
        "Pier open",
        "json.status",
        f"== {wanted}",
        "open",
        " ms",
        verdict,
    ):
        assert part in done.stdout
    assert "connection http: AIRFLOW_CONN_HTTP of this terminal" in done.stdout
    assert SECRET not in done.output


@pytest.mark.usefixtures("pier")
def test_json_is_one_object_with_all_that_was_seen(harbour: Harbour) -> None:
    """A script reads the verdict, every comparison and where each connection came from."""
    told = harbour.told("check", "quay.pier_open", "--set", "wanted=open")
    assert (told["item"], told["verdict"], told["environment"]) == (
        "harbour.quay.pier_open",
        "passed",
        "none",
    )
    (check,) = told["checks"]
    compared = {finding["expression"]: finding["actual"] for finding in check["findings"]}
    assert compared == {"status": 200, "json.status": "open"}
    assert told["connections"] == {"http": "AIRFLOW_CONN_HTTP of this terminal"}
    assert SECRET not in str(told)


@pytest.mark.usefixtures("pier")
def test_a_missing_variable_is_named(harbour: Harbour) -> None:
    """Exit 3: inconclusive is neither yes nor no."""
    done = harbour.launch("check", "pier_open")
    assert done.exit_code == 3
    assert "variable 'wanted' is not set" in done.stdout


def test_a_missing_connection_is_named(harbour: Harbour) -> None:
    """With the variable to set, so that the next try finds it."""
    done = harbour.launch("check", "pier_open", "--set", "wanted=open")
    assert done.exit_code == 3
    assert "not connected: http" in done.stdout
    assert "AIRFLOW_CONN_HTTP" in done.stdout


def test_a_connection_that_cannot_be_read_shows_no_secret(harbour: Harbour) -> None:
    """The variable is named, its value is not."""
    harbour.connect("http", f'{{"host": "{SECRET}"')
    done = harbour.launch("check", "pier_open", "--set", "wanted=open")
    assert done.exit_code == 3
    assert "AIRFLOW_CONN_HTTP" in done.stdout
    assert SECRET not in done.output


def test_what_airflow_keeps_without_a_secret_is_used(harbour: Harbour) -> None:
    """A connection of Airflow's own database serves where the environment has none."""
    with ScriptedHttp() as running:
        running.reply("GET", "/health", {"status": "open"})
        harbour.airflow(running, host=running.url)
        told = harbour.told("check", "pier_open", "--set", "wanted=open")
        assert told["verdict"] == "passed", told
        assert told["connections"] == {"http": f"connections of Airflow at {running.url}"}


@pytest.mark.parametrize("hidden", [{"password": "***"}, {"extra": '{"headers": {"Cookie": "***"}}'}])
def test_what_airflow_keeps_with_a_secret_is_not_asked_without_it(
    harbour: Harbour, hidden: dict[str, str]
) -> None:
    """Airflow's API hides secrets; asking with '***' would be a wrong verdict, so it is inconclusive."""
    with ScriptedHttp() as running:
        harbour.airflow(running, host=running.url, **hidden)
        done = harbour.launch("check", "pier_open", "--set", "wanted=open")
        assert done.exit_code == 3
        assert "does not show its secret" in done.stdout
        assert running.seen("GET", "/health") == []


def test_an_airflow_that_cannot_be_asked_is_named(harbour: Harbour) -> None:
    """Who is missing is Airflow, not the connection."""
    with ScriptedHttp() as running:
        harbour.airflow(running, signs_in=False)
        done = harbour.launch("check", "pier_open", "--set", "wanted=open")
    assert done.exit_code == 3
    assert "Airflow could not be asked" in done.stdout


def test_side_effects_need_an_environment_that_allows_them(harbour: Harbour) -> None:
    """Trying a check must not page a person by accident."""
    with ScriptedHttp() as running:
        harbour.connect("http", running.url)
        harbour.checks("pier_open", CHECK, side_effects=["sends a request burst"])
        done = harbour.launch("check", "pier_open", "--environment", "test", "--set", "wanted=open")
        assert (done.exit_code, running.requests) == (3, [])
    assert "does not allow them" in done.stdout


def test_an_item_without_checks_shows_its_question(harbour: Harbour) -> None:
    """Exit 3: only a person can say."""
    done = harbour.launch("check", "crew_aboard")
    assert done.exit_code == 3
    assert "Is everybody aboard?" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pier_opne",), "harbour.quay.pier_open"),
        (("crane",), "harbour.quay.crane_ready"),
        (("pier_open", "--environment", "tset"), "test"),
        (("pier_open", "--set", "wanted"), "release=2.4.0"),
        (("pier_open", "--set", "wanted=[1"), "is none"),
        (("pier_open", "--set", "=open"), "release=2.4.0"),
        (("pier_open", "--set", "1st=open"), "release=2.4.0"),
        (("",), "there is no item ''"),
        (("[red]pier[/red]",), "there is no item '[red]pier[/red]'"),
        (("pier" * 1000,), "docs/catalogue.md"),
        (("pier_open", "crane_ready"), "unexpected extra argument"),
        ((), "Missing argument 'ITEM'"),
    ],
)
def test_wrong_usage_names_what_is_near(harbour: Harbour, arguments: tuple[str, ...], said: str) -> None:
    """Exit 2, so that no script takes a slip for a verdict."""
    done = harbour.launch("check", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


WRONG_FILES: dict[str, tuple[str, bytes, str]] = {
    "an environment that is no YAML": ("environments/test.yaml", b"a: [", "Fix:"),
    "an environment that is no text": ("environments/test.yaml", b"\xff\xfe", "Fix:"),
    "an environment with a wrong value": ("environments/test.yaml", b"{name: test, hour: never}", "Fix:"),
    "a checklist that is no YAML": ("checklists/01_harbour.yaml", b"a: [", "Fix:"),
    "a checklist that is none": ("checklists/01_harbour.yaml", b"{}", "Fix:"),
}


@pytest.mark.parametrize(("path", "content", "said"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_a_wrong_file_is_no_verdict(harbour: Harbour, path: str, content: bytes, said: str) -> None:
    """Exit 2 with the file and the fix: 1 would tell a script that the product failed."""
    (harbour.include / path).write_bytes(content)
    done = harbour.launch("check", "pier_open", "--environment", "test", "--set", "wanted=open")
    assert done.exit_code == 2, done.output
    assert path.rpartition("/")[2] in done.stderr
    assert said in done.stderr
    assert done.stdout == ""


def test_a_folder_without_checklists_is_named(harbour: Harbour) -> None:
    """The message shows which folder LAUNCH_INCLUDE names."""
    (harbour.include / "checklists" / "01_harbour.yaml").unlink()
    done = harbour.launch("check", "pier_open")
    assert done.exit_code == 2
    assert str(harbour.include / "checklists") in "".join(done.stderr.split())


@pytest.mark.usefixtures("pier")
@pytest.mark.parametrize("given", ["rehearsal=maybe", "launch_at=soon", 'release=["a"]', "launch_id="])
def test_what_a_form_would_refuse_is_only_a_variable_here(harbour: Harbour, given: str) -> None:
    """A check that does not use it does not mind."""
    done = harbour.launch("check", "pier_open", "--set", "wanted=open", "--set", given)
    assert done.exit_code == 0, done.output


def test_the_last_of_two_values_counts(harbour: Harbour, pier: ScriptedHttp) -> None:
    """As with every option that is given twice; the one request shows that it was asked once."""
    done = harbour.launch("check", "pier_open", "--set", "wanted=shut", "--set", "wanted=open")
    assert (done.exit_code, len(pier.requests)) == (0, 1), done.output


@pytest.mark.parametrize("command", ["check", "doctor", "catalogue"])
def test_help_shows_an_example(harbour: Harbour, command: str) -> None:
    """Help without an example sends people to the documentation."""
    assert f"launch {command} " in harbour.launch(command, "--help").output.partition("Examples:")[2]


def test_a_list_can_be_set(harbour: Harbour) -> None:
    """JSON where a parameter wants several."""
    harbour.checks("pier_open", {"http_request": {"paths": ["${pages}"]}})
    with ScriptedHttp() as running:
        running.reply("GET", "/a", {}).reply("GET", "/b", {})
        harbour.connect("http", running.url)
        done = harbour.launch("check", "pier_open", "--set", 'pages=["/a", "/b"]')
        assert done.exit_code == 0, done.output
        assert {request["path"] for request in running.requests} == {"/a", "/b"}


def test_an_end_that_several_items_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are named, and a longer end of the name is enough."""
    monkeypatch.delenv("LAUNCH_INCLUDE", raising=False)
    with pytest.raises(BadParameter, match=r"several items: .*\.smoke_tests, .*\.smoke_tests"):
        find_item("smoke_tests")
    assert find_item("smoke.smoke_tests").ref == "rollback.smoke.smoke_tests"


class Info:
    """A stack's info: only its pid counts here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid


class Found:
    """A target at which a stack runs."""

    url = None

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def info(self) -> Info:
        return Info(self._pid)


SUPERVISOR = """
import os, subprocess, sys
environment = {**os.environ, "AIRFLOW_HOME": "/x", "LAUNCH_STACK": "/x", "AIRFLOW_CONN_API": "http://api"}
child = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()"], env=environment,
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
input()
child.communicate(b"\\n")
"""


def test_the_running_stack_s_environment_is_found() -> None:
    """What a stack on this machine runs with is what its checks run with, so a second terminal sees it."""
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdin is not None
        supervisor.stdout.readline()
        found: Any = Found(supervisor.pid)
        assert stack_variables(found)["AIRFLOW_CONN_API"] == "http://api"
        supervisor.communicate("\n")
    assert stack_variables(found) == {}
