"""``launch doctor`` on day one: how many items verify themselves, what the others lack, what to set next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from launch_pipeline.airflow.deployment.connections import FIELDS
from launch_pipeline.checks.engine.registry import kind_names
from launch_pipeline.doctor.checks.questions import _FIELDS
from servers.harbour import Harbour
from servers.programs import free_ports
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
TLS: Json = {"tls_certificate": {"hosts": ["${domain}:443"]}}
PORT: Json = {"tcp_port": {"targets": ["${namespace}:443"]}}
WEB: Json = {"http_request": {"auth": "none"}}


@pytest.fixture
def harbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    """Both items ask no server that is not named by a variable."""
    made = Harbour(tmp_path, monkeypatch)
    made.checks("pier_open", TLS)
    made.checks("crane_ready", TLS)
    return made


def told(harbour: Harbour) -> Json:
    """Return the diagnosis of the environment ``test``."""
    return harbour.told("doctor", "--environment", "test")


def lacks(found: Json) -> dict[str, list[str]]:
    """Return what each question lacks, by the last name of its item."""
    return {
        one["item"].rpartition(".")[2]: [f"{lack['want']} {lack['name']}" for lack in one["lacks"]]
        for one in found["questions"]
    }


def test_what_lacks_nothing_verifies_itself(harbour: Harbour) -> None:
    """Items that a person approves as well are counted, and so are those without checks."""
    harbour.environment(variables={"domain": "azora.test"})
    found = told(harbour)
    assert (found["automated"], found["items"], found["approved_too"]) == (2, 2, 1)
    assert (found["without_checks"], found["questions"], found["advice"]) == (1, [], None)
    says = harbour.launch("doctor", "--environment", "test").stdout
    assert "2 of 2 items with checks verify themselves in test; a person approves 1 of them as well." in says


def test_each_cause_is_told_by_item(harbour: Harbour) -> None:
    """A connection, a variable, the contacts, side effects and commands, also several of one item."""
    command = {"command": {"argv": ["k6", "${domain}"]}}
    harbour.checks("pier_open", WEB, command, side_effects=["writes canary data"])
    harbour.checks("crane_ready", {"slack_channel": {"channels": ["war-room"], "roles": ["cto"]}})
    found = told(harbour)
    assert lacks(found) == {
        "pier_open": [
            "connection http",
            "variable domain",
            "allow_commands allow_commands",
            "allow_side_effects allow_side_effects",
        ],
        "crane_ready": ["connection slack_check", "contacts contacts"],
    }
    says = harbour.launch("doctor", "--environment", "test", "--verbose").stdout
    assert "   2 a connection that works" in says
    assert "   1 permission for commands (allow_commands)" in says
    assert "allow_side_effects: harbour.quay.pier_open" in says


def test_an_item_with_one_check_that_lacks_something_is_a_question(harbour: Harbour) -> None:
    """That its other check could run does not make it verified."""
    harbour.checks("pier_open", TLS, PORT)
    harbour.environment(variables={"domain": "azora.test"})
    assert lacks(told(harbour)) == {"pier_open": ["variable namespace"]}


def test_permissions_of_the_environment_are_not_lacking(harbour: Harbour) -> None:
    """Allowed side effects and commands make no question."""
    harbour.checks("pier_open", {"command": {"argv": ["k6"]}}, side_effects=["writes canary data"])
    harbour.environment(allow_side_effects=True, allow_commands=True, variables={"domain": "azora.test"})
    assert told(harbour)["questions"] == []


def test_a_connection_that_does_not_work_is_lacking(harbour: Harbour) -> None:
    """Its items ask people as if it were missing, and the advice is to mend it."""
    harbour.checks("pier_open", WEB)
    harbour.environment(variables={"domain": "azora.test"})
    harbour.connect("http", f"http://127.0.0.1:{free_ports(1)[0]}")
    found = told(harbour)
    assert lacks(found) == {"pier_open": ["connection http"]}
    assert found["advice"]["says"].startswith("mend connection 'http' (127.0.0.1:")
    with ScriptedHttp() as running:
        harbour.connect("http", running.url)
        assert told(harbour)["questions"] == []


def test_a_report_needs_no_connection(harbour: Harbour) -> None:
    """Also where another item needs the connection of that name."""
    harbour.checks("pier_open", {"report": {"uri": "x", "format": "k6", "conn_id": "http"}})
    harbour.checks("crane_ready", WEB)
    assert lacks(told(harbour)) == {"crane_ready": ["connection http"]}


def test_the_variable_that_frees_most_items_is_a_line_to_copy(harbour: Harbour) -> None:
    """With its place and the number of items; a default is lacking by the variable behind it."""
    (harbour.include / "checklists" / "variables.yaml").write_text("host: api.${domain}\n", "utf-8")
    harbour.checks("pier_open", {"tls_certificate": {"hosts": ["${host}:443"]}})
    advice = told(harbour)["advice"]
    file = harbour.include / "environments" / "test.yaml"
    assert advice["says"] == (f"add `domain: ...` under variables: in {file}: 2 more items verify themselves")
    assert advice["items"] == ["harbour.quay.pier_open", "harbour.quay.crane_ready"]
    assert (
        f"To automate most next: {advice['says']}."
        in harbour.launch("doctor", "--environment", "test").stdout
    )


def test_a_value_of_the_example_is_not_set(harbour: Harbour) -> None:
    """It is told in its own words, and so is what to do."""
    harbour.environment(variables={"domain": "example.org"})
    found = told(harbour)
    assert found["missing_variables"][0]["example"] == "example.org"
    assert found["advice"]["says"].startswith("replace the example's `domain: example.org` under variables:")
    says = harbour.launch("doctor", "--environment", "test").stdout
    assert "domain: holds back 2 items; still the example's example.org" in says


def test_the_first_of_equals_is_advised(harbour: Harbour) -> None:
    """In the order of the document."""
    harbour.checks("pier_open", PORT)
    assert told(harbour)["advice"]["says"].startswith("add `namespace: ...`")
    assert told(harbour)["advice"]["says"].endswith(": 1 more item verifies itself")


def test_a_pair_is_advised_where_nothing_alone_frees_an_item(harbour: Harbour) -> None:
    """Both steps are said."""
    harbour.checks("pier_open", TLS, WEB)
    harbour.checks("crane_ready", TLS, PORT, WEB)
    advice = told(harbour)["advice"]
    assert [lack["name"] for lack in advice["lacks"]] == ["http", "domain"]
    assert advice["says"].startswith("set `AIRFLOW_CONN_HTTP='{")
    assert " and add `domain: ...`" in advice["says"]


def test_the_line_of_a_connection_can_be_read_by_airflow(harbour: Harbour) -> None:
    """What is copied, with the gaps filled in, is a connection."""
    harbour.checks("pier_open", {"redis_info": {}})
    harbour.environment(variables={"domain": "azora.test"})
    line = told(harbour)["advice"]["says"].split("`")[1]
    name, _, value = line.partition("=")
    assert name == "AIRFLOW_CONN_REDIS"
    port = free_ports(1)[0]
    harbour.connect(
        "redis", value.strip("'").replace('"host": "..."', '"host": "127.0.0.1"').replace("6379", str(port))
    )
    (state,) = told(harbour)["connections"]
    assert (state["configured"], state["reachable"]) == (True, False)


def test_permission_says_what_it_permits(harbour: Harbour) -> None:
    """The line that is copied tells that checks write from then on."""
    harbour.checks("pier_open", TLS, side_effects=["writes canary data"])
    harbour.environment(variables={"domain": "azora.test"})
    says = told(harbour)["advice"]["says"]
    assert says.startswith("write `allow_side_effects: true` in ")
    assert "(checks then write canary data, send bursts, generate load and page people)" in says


def test_the_lines_of_connections_are_those_of_known_kinds() -> None:
    """And use the fields that ``connections.yaml`` knows."""
    assert set(_FIELDS) <= set(kind_names())
    assert {name for one in _FIELDS.values() for name in one} <= set(FIELDS)


def test_an_unreadable_set_of_defaults_is_refused(harbour: Harbour) -> None:
    """Defaults in a circle are told with the fix."""
    circle = yaml.safe_dump({"a": "${b}", "b": "${a}"})
    (harbour.include / "checklists" / "variables.yaml").write_text(circle, "utf-8")
    done = harbour.launch("doctor")
    assert done.exit_code == 1
    assert "circle" in done.stderr
