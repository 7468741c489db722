"""Who may do what in production: every cell of the table in docs/production.md, asked of the api-server."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.orchestration.fab_roles import FabRole
from launch_pipeline.orchestration.shipped import shipped_dags
from launch_pipeline.record.ledger import Ledger
from launch_pipeline.record.schema import Entry
from launch_pipeline.runtime.secret_files import Secret
from servers.plugin_server import an_item, an_open_gate
from servers.records import a_record

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from servers.deployed_api import DeployedApi

pytestmark = pytest.mark.integration

PAGE = Path(__file__).resolve().parents[3] / "docs" / "production.md"
DAG, TASK = an_item(owner="operations_lead", mode="approval")
COLUMNS = {
    "viewer": FabRole.VIEWER,
    "approver": FabRole.APPROVER,
    "launcher": FabRole.LAUNCHER,
    "bridge": FabRole.BRIDGE,
    "pipeline": FabRole.PIPELINE,
    "Admin": FabRole.ADMIN,
}
SERVICE = {FabRole.BRIDGE: "launch-slack", FabRole.PIPELINE: "launch-pipeline"}


def table() -> dict[tuple[str, str], bool]:
    """The table's cells: action and role, and whether it is ticked."""
    section = PAGE.read_text().split("## Who may do what")[1].split("\n## ")[0]
    lines = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    assert head[1:] == list(COLUMNS)
    return {(row[0], role): cell == "✓" for row in rows for role, cell in zip(head[1:], row[1:], strict=True)}


CELLS = table()


def _run(api: DeployedApi, user: str, method: str, rest: str, body: Any = None) -> list[httpx.Response]:
    run = api.a_run(DAG)
    return [api.call(user, method, f"/api/v2/dags/{DAG}/dagRuns/{run}{rest}", body)]


def _delete(api: DeployedApi, user: str) -> list[httpx.Response]:
    run = api.a_run(DAG)
    api.rows.execute("UPDATE dag_run SET state = 'success' WHERE run_id = %s", run)
    return [api.call(user, "DELETE", f"/api/v2/dags/{DAG}/dagRuns/{run}")]


def _forge(api: DeployedApi, user: str) -> list[httpx.Response]:
    task = an_open_gate(api.rows, DAG, TASK).path.removesuffix("/-1/hitlDetails")
    return [api.call(user, "POST", f"{task}/xcomEntries", {"key": "record", "value": "x"})]


def _mark(api: DeployedApi, user: str) -> list[httpx.Response]:
    gate = an_open_gate(api.rows, DAG, TASK)
    path = gate.path.removesuffix("/-1/hitlDetails")
    return [api.call(user, "PATCH", path, {"new_state": "success"})]


def _answer(api: DeployedApi, user: str) -> list[httpx.Response]:
    """Of a request that is none of ours, so that nothing but Airflow's permission is asked."""
    body = {"chosen_options": ["Approve"], "params_input": {}}
    return _run(api, user, "PATCH", "/taskInstances/nothing.of_ours/-1/hitlDetails", body)


def _trigger(api: DeployedApi, user: str) -> list[httpx.Response]:
    body = {"logical_date": None, "conf": {}, "dag_run_id": f"started-{uuid.uuid4().hex}"}
    return [api.call(user, "POST", f"/api/v2/dags/{DAG}/dagRuns", body)]


def _clear(api: DeployedApi, user: str) -> list[httpx.Response]:
    gate = an_open_gate(api.rows, DAG, TASK)
    body = {"dry_run": True, "dag_run_id": gate.run_id, "task_ids": [TASK], "only_failed": False}
    return [api.call(user, "POST", f"/api/v2/dags/{DAG}/clearTaskInstances", body)]


def _reads(api: DeployedApi, user: str) -> list[httpx.Response]:
    run = f"/api/v2/dags/{DAG}/dagRuns/{api.a_run(DAG)}"
    places = (
        "/api/v2/dags",
        f"/api/v2/dags/{DAG}/dagRuns",
        run,
        f"{run}/taskInstances",
        f"{run}/hitlDetails",
    )
    return [api.call(user, "GET", path) for path in places]


def _reads_records(api: DeployedApi, user: str) -> list[httpx.Response]:
    gate = an_open_gate(api.rows, DAG, TASK)
    task = gate.path.removesuffix("/-1/hitlDetails")
    return [api.call(user, "GET", f"{task}/{rest}") for rest in ("xcomEntries", "logs/1")]


def _reports(api: DeployedApi, user: str) -> list[httpx.Response]:
    record = a_record(launch_id=f"kept-{uuid.uuid4().hex}", task_instance_id=uuid.uuid4().hex)
    Ledger(api.secrets.get(Secret.LEDGER)).append(Entry.of_record(record))
    forms = ("", ".md", ".json")
    return [api.call(user, "GET", f"/launch/report/{record.launch_id}{form}") for form in forms]


def _connections(api: DeployedApi, user: str) -> list[httpx.Response]:
    body = {"connection_id": f"made_{uuid.uuid4().hex}", "conn_type": "http"}
    made = api.call(user, "POST", "/api/v2/connections", body)
    where = "/api/v2/connections/launch_ledger"
    edited = api.call(user, "PATCH", f"{where}?update_mask=description", {**_LEDGER, "description": "seen"})
    return [api.call(user, "GET", where), edited, made]


_LEDGER = {"connection_id": "launch_ledger", "conn_type": "postgres"}


def _variables(api: DeployedApi, user: str) -> list[httpx.Response]:
    made = api.call(user, "POST", "/api/v2/variables", {"key": f"made_{uuid.uuid4().hex}", "value": "1"})
    return [api.call(user, "GET", "/api/v2/variables"), made]


ACTIONS: dict[str, Callable[[DeployedApi, str], list[httpx.Response]]] = {
    "see Dags, runs, tasks": _reads,
    "read XComs (records, evidence) and logs": _reads_records,
    "read the report of a launch": _reports,
    "answer a required action": _answer,
    "start a launch": _trigger,
    "clear a task": _clear,
    "mark a task by hand": _mark,
    "mark a run, write its note": lambda api, user: _run(api, user, "PATCH", "", {"note": "seen"}),
    "pause a Dag": lambda api, user: [api.call(user, "PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})],
    "delete a run": _delete,
    "write XComs": _forge,
    "read or edit connections": _connections,
    "read or edit variables": _variables,
    "see and edit accounts": lambda api, user: [api.call(user, "GET", "/auth/fab/v1/users")],
    "call the bridge's routes": lambda api, user: [api.call(user, "GET", "/launch/board")],
}


def test_the_table_names_every_action() -> None:
    """No row of the page goes untested, and no action here is missing from the page."""
    assert {action for action, _ in CELLS} == set(ACTIONS)
    assert len(CELLS) == len(ACTIONS) * len(COLUMNS)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("column", COLUMNS)
def test_cell(api: DeployedApi, action: str, column: str) -> None:
    """A tick is done by every request of the action; an empty cell is refused by every one, with 403."""
    role = COLUMNS[column]
    user = SERVICE.get(role) or api.account(role)
    replies = ACTIONS[action](api, user)
    assert replies
    for reply in replies:
        said = f"{column} {reply.request.method} {reply.request.url}: {reply.status_code} {reply.text[:300]}"
        if CELLS[action, column]:
            assert reply.is_success, said
        else:
            assert reply.status_code == 403, said


def test_nobody_gets_in_without_an_account(api: DeployedApi) -> None:
    """No token: nothing to see; a wrong password: no token; SimpleAuth's open door is not there."""
    assert api.raw("GET", "/api/v2/dags").status_code == 401
    assert api.sign_in("admin", "admin").status_code == 401
    assert api.raw("GET", "/auth/token").status_code in {404, 405}
    assert api.raw("GET", "/launch/board").status_code == 401
    assert api.raw("GET", "/launch/report/any").status_code == 401


def test_form_offers_the_environment_of_the_deployment(api: DeployedApi) -> None:
    """The file that people put beside their contacts is what the launch's form offers, and no rehearsal's."""
    params = api.call("admin", "GET", "/api/v2/dags/launch/details").json()["params"]
    assert set(params["environment"]["schema"]["enum"]) == {"production"}


# ---- an answer in production ---------------------------------------------------------------------------


def test_airflow_names_the_person_who_clicked(api: DeployedApi) -> None:
    """A decision from Slack: record and audit log name the person, with FAB's number, not the bridge."""
    gate = an_open_gate(api.rows, DAG, TASK)
    reply = api.call("launch-slack", "POST", "/launch/decide", gate.request("U0LAUNCH14"))
    assert reply.json() == {"person": "Rhea Costa", "answer": "Approve"}, reply.text
    detail = gate.detail(api.rows)
    number = api.number("rhea.operations")
    assert detail["responded_by"] == {"id": number, "name": "rhea.operations"}
    assert detail["params_input"] == {"via": "slack"}
    owners = api.rows.execute(
        "SELECT owner FROM log WHERE event = 'update_hitl_detail' AND run_id = %s", gate.run_id
    )
    assert owners == [("rhea.operations",)]


def test_approver_answers_in_airflow_and_marks_nothing(api: DeployedApi) -> None:
    """The person of the role: marking it green by hand is refused, answering is taken, in his name."""
    rhea = api.let_in("rhea.operations")
    gate = an_open_gate(api.rows, DAG, TASK)
    task = gate.path.removesuffix("/-1/hitlDetails")
    assert api.call(rhea, "PATCH", task, {"new_state": "success"}).status_code == 403
    assert api.call(rhea, "PATCH", f"{task}/-1", {"new_state": "success"}).status_code == 403
    bulk = {"actions": [{"action": "update", "entities": [{"task_id": TASK, "new_state": "success"}]}]}
    path = f"/api/v2/dags/{DAG}/dagRuns/{gate.run_id}/taskInstances"
    assert api.call(rhea, "PATCH", path, bulk).status_code == 403
    assert gate.detail(api.rows)["responded_at"] is None
    body = {"chosen_options": ["Approve"], "params_input": {}}
    assert api.call(rhea, "PATCH", gate.path, body).status_code == 200
    assert gate.detail(api.rows)["responded_by"] == {"id": api.number(rhea), "name": rhea}


@pytest.mark.parametrize("user", ["admin", "carla.cto"])
def test_account_that_may_answer_still_needs_the_role(api: DeployedApi, user: str) -> None:
    """Airflow's permission decides nothing: not for the administrator, not for another role's holder."""
    gate = an_open_gate(api.rows, DAG, TASK)
    assert shipped_dags()[DAG].specs[TASK].item.owner == "operations_lead"
    if user != "admin":
        api.let_in(user)
    reply = api.call(user, "PATCH", gate.path, {"chosen_options": ["Approve"], "params_input": {}})
    assert (reply.status_code, reply.json()["code"] in {"unknown_person", "not_your_role"}) == (403, True)
    assert gate.detail(api.rows)["responded_at"] is None


def test_closed_account_answers_nothing_from_slack(api: DeployedApi) -> None:
    """Deactivated in Airflow, he answers nowhere; the sentence says what to mend."""
    user = "selma.officer"
    api.rows.execute("UPDATE ab_user SET active = false WHERE username = %s", user)
    try:
        dag_id, task_id = an_item(owner="security_officer", mode="approval")
        gate = an_open_gate(api.rows, dag_id, task_id)
        reply = api.call("launch-slack", "POST", "/launch/decide", gate.request("U0LAUNCH11"))
        assert (reply.status_code, reply.json()["code"]) == (403, "no_account")
    finally:
        api.rows.execute("UPDATE ab_user SET active = true WHERE username = %s", user)
