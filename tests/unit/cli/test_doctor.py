"""``launch doctor``: missing is no error, wrong is; and each missing thing says what it would automate."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo, Environment
from launch_pipeline.doctor.checks import probing
from launch_pipeline.doctor.checks.probing import addresses, probe_all
from launch_pipeline.doctor.rows import problem
from launch_pipeline.slack.token_info import TokenInfo
from servers.harbour import ROOT, Harbour
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "planted-doctor-password"
DEAD = "postgresql://ledger:planted-doctor-password@127.0.0.1:1/ledger"


@pytest.fixture
def harbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    return Harbour(tmp_path, monkeypatch)


def connection(found: dict[str, Any], conn_id: str) -> dict[str, Any]:
    (state,) = [state for state in found["connections"] if state["conn_id"] == conn_id]
    return dict(state)


def test_on_day_one_nothing_is_wrong(harbour: Harbour) -> None:
    """With nothing configured the pipeline is a human checklist, which is no error."""
    done = harbour.launch("doctor")
    assert done.exit_code == 0, done.output
    assert "missing" in done.stdout
    assert "0 of 2 items with checks verify themselves here, without an environment." in done.stdout
    assert "no request can be answered" in done.stdout


def test_a_missing_connection_says_what_it_would_automate(harbour: Harbour) -> None:
    """How many items use it, by name, and how many of them lack nothing else."""
    harbour.checks("pier_open", {"http_request": {}}, {"redis_info": {}})
    redis = connection(harbour.told("doctor"), "redis")
    assert (redis["configured"], redis["alone"]) == (False, 1)
    assert redis["items"] == ["harbour.quay.pier_open", "harbour.quay.crane_ready"]
    assert "redis: harbour.quay.crane_ready" in harbour.launch("doctor", "--verbose").stdout


def test_connections_of_auth_and_of_defaults_are_found(harbour: Harbour) -> None:
    """Also where only a kind's default, or another connection's secret, names them."""
    harbour.checks(
        "pier_open", {"http_request": {"auth": "plain_user"}}, {"report": {"uri": "x", "format": "k6"}}
    )
    found = harbour.told("doctor")
    # A report needs no connection where its folder is open.
    assert [state["conn_id"] for state in found["connections"]] == ["http", "plain_user", "redis"]


def test_connection_that_a_variable_names(harbour: Harbour) -> None:
    """A variable of the product stands for the connection that it names."""
    (checklist_folder() / "variables.yaml").write_text("session: browser\n")
    harbour.checks("pier_open", {"http_request": {"auth": "${session}"}})
    found = harbour.told("doctor")
    assert [state["conn_id"] for state in found["connections"]] == ["browser", "http", "redis"]


def test_missing_variables_name_the_items_they_hold_back(harbour: Harbour) -> None:
    """Those that a launch sets by itself are never missing, those of the environment are not if set."""
    check = {"http_request": {"path": "/${a}/${b}/${release}/${today}"}}
    harbour.checks("pier_open", check)
    harbour.environment(variables={"a": "1", "b": None})
    found = harbour.told("doctor", "--environment", "test")
    (missing,) = found["missing_variables"]
    assert (missing["name"], missing["items"]) == ("b", ["harbour.quay.pier_open"])


def test_a_server_that_answers_is_reachable(harbour: Harbour) -> None:
    """Whether we are let in stays open where no cheap read would show it."""
    with ScriptedHttp() as running:
        harbour.connect("http", running.url)
        done = harbour.launch("doctor")
        state = connection(harbour.told("doctor"), "http")
        assert running.requests == []
    assert done.exit_code == 0
    assert (state["reachable"], state["permitted"], state["wrong"]) == (True, None, False)
    assert state["source"] == "AIRFLOW_CONN_HTTP of this terminal"


@pytest.mark.parametrize(
    ("reply", "permitted", "code"),
    [((200, {"data": []}), True, 0), ((401, {}), False, 1), ((403, {}), False, 1), ((404, {}), None, 0)],
)
def test_a_cheap_read_shows_whether_we_are_let_in(
    harbour: Harbour, reply: Any, permitted: bool | None, code: int
) -> None:
    """Refused credentials are wrong; a server without that page says nothing about them."""
    harbour.checks("pier_open", {"log_query": {"query": "x"}})
    with ScriptedHttp() as running:
        running.reply("GET", "/loki/api/v1/labels", reply)
        host, port = running.url.removeprefix("http://").split(":")
        harbour.connect("loki", {"conn_type": "http", "host": host, "port": int(port), "password": SECRET})
        done = harbour.launch("doctor")
        state = connection(harbour.told("doctor"), "loki")
    assert (done.exit_code, state["permitted"], state["reachable"]) == (code, permitted, True)
    assert SECRET not in done.output


def test_what_airflow_keeps_with_a_secret_is_configured(harbour: Harbour) -> None:
    """The pipeline can use it, but a terminal cannot; whether its secret is accepted stays unknown."""
    with ScriptedHttp() as running:
        harbour.airflow(running, host=running.url, password="***")
        state = connection(harbour.told("doctor"), "http")
    assert (state["configured"], state["permitted"], state["wrong"]) == (True, None, False)
    assert "does not show its secret" in state["says"]


def test_an_airflow_that_cannot_be_asked_is_wrong(harbour: Harbour) -> None:
    """Its connections must not be taken for missing."""
    with ScriptedHttp() as running:
        harbour.airflow(running, signs_in=False)
        done = harbour.launch("doctor")
    assert done.exit_code == 1
    assert "its connections are unknown" in done.stdout


def test_refused_and_unreadable_connections_are_wrong(harbour: Harbour) -> None:
    """Exit 1, with the reason, and without the secret; the last line names what is wrong."""
    harbour.connect("http", f"http://x:{SECRET}@127.0.0.1:1")
    harbour.connect("redis", f'{{"{SECRET}')
    done = harbour.launch("doctor")
    assert done.exit_code == 1
    assert "127.0.0.1:1 cannot be reached" in done.stdout
    assert "AIRFLOW_CONN_REDIS: is neither a URI nor the JSON" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 problems: http, redis"
    assert SECRET not in done.output
    assert harbour.told("doctor")["connections"][0]["wrong"] is True


def test_a_wrong_environment_is_refused(harbour: Harbour) -> None:
    """With the file and the fix."""
    harbour.environment(hour="never")
    done = harbour.launch("doctor", "--environment", "test")
    assert done.exit_code == 1
    assert "test.yaml" in done.stderr


def test_contacts_are_loaded_and_roles_counted(harbour: Harbour) -> None:
    """The example's people hold every role."""
    shutil.copy(ROOT / "include/contacts.example.yaml", harbour.include.parent / "contacts.yaml")
    found = {finding["what"]: finding for finding in harbour.told("doctor")["findings"]}
    assert "people in contacts.yaml" in found["contacts"]["says"]
    assert (found["roles"]["wrong"], found["policy"]["says"]) == (False, "readable")


def test_a_role_that_nobody_holds_is_wrong(harbour: Harbour) -> None:
    """A launch would not start with it."""
    shutil.copy(ROOT / "include/contacts.example.yaml", harbour.include.parent / "contacts.yaml")
    path = harbour.include.parent / "contacts.yaml"
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.strip().startswith("infrastructure_lead:")]
    path.write_text("\n".join(lines), encoding="utf-8")
    done = harbour.launch("doctor")
    assert done.exit_code == 1
    assert "no active person holds Infrastructure Lead" in done.stdout


def test_contacts_and_policy_that_are_wrong_are_told(harbour: Harbour) -> None:
    """Each with file, place and fix."""
    (harbour.include.parent / "contacts.yaml").write_text("people: []\n", encoding="utf-8")
    (harbour.include / "checklists" / "policy.yaml").write_text("settle: 1ms\n", encoding="utf-8")
    done = harbour.launch("doctor")
    assert done.exit_code == 1
    assert done.stdout.count("Fix:") == 2


def test_a_ledger_that_does_not_answer_is_wrong(harbour: Harbour) -> None:
    """Without it no phase is sealed; its password is not shown."""
    done = harbour.launch("doctor", "--ledger", DEAD)
    assert done.exit_code == 1
    assert "The ledger cannot be reached" in done.stdout
    assert SECRET not in done.output


@contextmanager
def silent() -> Iterator[int]:
    """Accept no connection and refuse none: the backlog of a listener is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_everybody_is_touched_at_the_same_time() -> None:
    """Twenty who stay silent take as long as one."""
    with silent() as port:

        async def connect(conn_id: str) -> ConnectionInfo:
            return ConnectionInfo(conn_id, "http", "127.0.0.1", port)

        kinds = {f"c{number}": ("http_request",) for number in range(20)}
        began = time.monotonic()
        found = asyncio.run(probe_all(kinds, CheckContext(Environment(name="x"), connect)))
        took = time.monotonic() - began
    assert {state.reachable for state in found.values()} == {False}
    assert took < 10, took


ADDRESSES = {
    "url": (ConnectionInfo("x", host="https://a.test/b"), [("a.test", 443)]),
    "host and port": (ConnectionInfo("x", "http", "a.test", 8080), [("a.test", 8080)]),
    "database": (ConnectionInfo("x", "postgres", "a.test"), [("a.test", 5432)]),
    "cluster": (ConnectionInfo("x", "redis", "a:7000,b", 7001), [("a", 7000), ("b", 7001)]),
    "endpoint": (ConnectionInfo("x", "aws", extra={"endpoint_url": "http://a:5000"}), [("a", 5000)]),
    "no host": (ConnectionInfo("x", "aws"), []),
}


@pytest.mark.parametrize(("known", "wanted"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_the_address_is_where_checks_would_ask(known: ConnectionInfo, wanted: list[tuple[str, int]]) -> None:
    """Hosts in URLs, ports by default, several nodes, endpoints; none where there is no host."""
    assert addresses(known) == wanted


def test_an_address_that_is_none_is_wrong(harbour: Harbour) -> None:
    """And said to be, without a traceback."""
    harbour.connect("http", {"conn_type": "http", "host": "http://a:99999"})
    done = harbour.launch("doctor")
    assert done.exit_code == 1
    assert "names no address" in done.stdout


def test_metadata_addresses_are_not_touched(harbour: Harbour) -> None:
    """A connection must not lead a check to a cloud's credentials."""
    harbour.connect("http", "http://169.254.169.254")
    done = harbour.launch("doctor")
    assert done.exit_code == 1
    assert "link-local or metadata" in done.stdout


def test_a_row_keeps_its_keys_for_programs() -> None:
    """Scripts read ``what``, ``standing``, ``says`` and ``fix`` of a deployment's rows."""
    row = problem("ledger", "takes no rows", "run init.")
    assert row.model_dump(mode="json") == {
        "what": "ledger",
        "standing": "problem",
        "says": "takes no rows",
        "fix": "run init.",
        "wrong": True,
    }


def test_an_auth_test_names_owner_and_missing_scopes() -> None:
    """A header that Slack did not send is no scope."""
    found = TokenInfo.read(
        {"ok": True, "user": "launch", "team": "Azora", "url": "x"}, "chat:write, users:read"
    )
    assert (found.user, found.team, found.error) == ("launch", "Azora", "")
    assert found.missing(("users:read", "channels:read")) == ("channels:read",)
    assert TokenInfo.read({"ok": False, "error": "invalid_auth"}, "").scopes == frozenset()


def test_the_words_of_a_full_postgresql_are_those_of_the_check() -> None:
    """The doctor tells a full server from one that is away by the headline of ``postgres_query``."""
    kind = ROOT / "include/launch_pipeline/checks/kinds/postgres_query"
    assert [path for path in kind.glob("*.py") if probing._FULL in path.read_text(encoding="utf-8")]
