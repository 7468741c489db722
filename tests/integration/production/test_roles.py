"""Who may do what in production: every cell of the table in docs/production.md, asked of the api-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.airflow.policies.responders import SHOWN_NAMES, user_name
from launch_pipeline.launch.deployed_checklists import deployed_dags
from servers.plugin_server import an_item, an_open_gate
from servers.who_may import ACTIONS, CELLS, COLUMNS, DAG, TASK, ask

if TYPE_CHECKING:
    from servers.deployed_api import DeployedApi

pytestmark = pytest.mark.integration


def test_the_table_names_every_action() -> None:
    """No row of the page goes untested, and no action here is missing from the page."""
    assert {action for action, _ in CELLS} == set(ACTIONS)
    assert len(CELLS) == len(ACTIONS) * len(COLUMNS)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("column", COLUMNS)
def test_cell(api: DeployedApi, action: str, column: str) -> None:
    """A tick is done by every request of the action; an empty cell is refused by every one, with 403."""
    ask(api, action, column)


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
    # From Airflow 3.4 on it keeps the name that its pages show; the guard says which account it is.
    assert detail["responded_by"] == {
        "id": number,
        "name": "Rhea Costa" if SHOWN_NAMES else "rhea.operations",
    }
    assert detail["params_input"] == {"via": "slack", "user": "rhea.operations", "user_id": number}
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
    detail = gate.detail(api.rows)
    assert user_name(detail["responded_by"], detail["params_input"]) == rhea
    assert detail["responded_by"]["id"] == detail["params_input"]["user_id"] == api.number(rhea)


@pytest.mark.parametrize("user", ["admin", "carla.cto"])
def test_account_that_may_answer_still_needs_the_role(api: DeployedApi, user: str) -> None:
    """Airflow's permission decides nothing: not for the administrator, not for another role's holder."""
    gate = an_open_gate(api.rows, DAG, TASK)
    assert deployed_dags()[DAG].specs[TASK].item.owner == "operations_lead"
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
