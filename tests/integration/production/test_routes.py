"""Every route of a deployment: what stops it is what docs/routes.yaml says, asked as every role."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from servers.judged import DAG, INSTALLED, KNOWN, NEXT, Asking, judged, unjudged
from servers.plugin_server import an_open_gate
from servers.programs import wait_for
from servers.who_may import TASK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.deployed_api import DeployedApi

pytestmark = pytest.mark.integration

PROGRAM = Path(__file__).resolve().parents[2] / "servers" / "routes_of.py"
ROOT = Path(__file__).resolve().parents[3]
OF_FAB = [each for each in judged() if each.stopped_by != "option"]
PEOPLE = [role for role in FabRole if role is not FabRole.ADMIN]


@pytest.fixture(scope="module")
def asking(api: DeployedApi) -> Asking:
    """Give what asks with ids of nothing."""
    return Asking(api)


def test_list_is_of_the_airflow_that_is_installed() -> None:
    """A new version of Airflow has its routes judged before it is taken."""
    for listed, lock in ((KNOWN, "requirements.lock"), (NEXT, "requirements-next.lock")):
        assert f"apache-airflow-core=={listed['airflow']} " in (ROOT / lock).read_text()
    assert INSTALLED in {KNOWN["airflow"], NEXT["airflow"]}


def test_no_route_goes_unjudged(api: DeployedApi) -> None:
    """Every route of the deployment's program is in the list, hidden or in the schema; no other is."""
    done = api.deployment.run("api-server", "python", str(PROGRAM))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) > 300
    assert unjudged(found) == []
    there = {f"{method} {path}" for method, path in found}
    assert [each.route for each in OF_FAB if each.route not in there] == []


@pytest.mark.parametrize("role", FabRole)
def test_every_route_is_stopped_where_the_list_says_so(asking: Asking, role: FabRole) -> None:
    """403 where permission, door or token stop it; anything else where the list lets the role through."""
    asked = [each for each in OF_FAB if not each.of_flask and not each.route.endswith("logout")]
    said = [each.said(role, asking.ask(each, role).status_code) for each in asked]
    assert list(filter(None, said)) == []


def test_nobody_in_particular_gets_nowhere(api: DeployedApi, asking: Asking) -> None:
    """Without a token every route but those to sign in says 401 or less."""
    for each in OF_FAB:
        if not each.of_flask and "everybody" not in each.roles and not each.route.endswith("logout"):
            reply = api.raw(each.method, asking.path_of(each), asking.body_of(each))
            assert reply.status_code in {401, 403}, f"{each.route}: {reply.status_code}"


# ---- FAB's own pages -----------------------------------------------------------------------------------


class Browser:
    """A session on FAB's pages. Its cookies are for HTTPS only, so they are carried by hand."""

    def __init__(self, client: httpx.Client, user: str, password: str) -> None:
        self._client = client
        self._cookies: dict[str, str] = {}
        self.token = _hidden(self.send("GET", "/auth/login/").text)
        form = {"username": user, "password": password, "csrf_token": self.token}
        # FAB counts attempts: a few in half a minute.
        wait_for(lambda: self.send("POST", "/auth/login/", form).status_code == 302, "signing in", 90, 2)
        self.token = _hidden(self.send("GET", "/auth/resetmypassword/form").text) or self.token

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> httpx.Response:
        """Send a form, or ask for a page."""
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        reply = self._client.request(method, path, data=form, headers={"Cookie": cookie})
        for line in reply.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        self._client.cookies.clear()
        return reply


def _hidden(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    return found[1] if found else ""


@contextmanager
def browsing(api: DeployedApi, user: str) -> Iterator[Browser]:
    """Sign somebody in to FAB's pages."""
    with httpx.Client(base_url=api.url, trust_env=False, timeout=60) as client:
        yield Browser(client, user, api.passwords[user])


def accounts(api: DeployedApi) -> list[Any]:
    """Everything that FAB keeps of who may do what; when somebody signed in aside."""
    kept = "SELECT username, password, active, first_name, email FROM ab_user ORDER BY 1"
    held = "SELECT user_id, role_id FROM ab_user_role ORDER BY 1, 2"
    given = "SELECT role_id, permission_view_id FROM ab_permission_view_role ORDER BY 1, 2"
    return [api.rows.execute(query) for query in (kept, held, given)]


@pytest.mark.parametrize("role", PEOPLE)
def test_nobody_but_the_admin_opens_pages_of_accounts(
    api: DeployedApi, asking: Asking, role: FabRole
) -> None:
    """Signed in with a session and a true form token: every page and form of accounts sends them away."""
    victim, user = api.number("rhea.operations"), api.account(role)
    before, said = accounts(api), []
    with browsing(api, user) as browser:
        for each in OF_FAB:
            if each.of_flask and each.stopped_by == "permission":
                form = {"csrf_token": browser.token, "password": "x" * 12, "conf_password": "x" * 12}
                path = f"{asking.path_of(each).replace('999999', victim)}?pk={victim}"
                reply = browser.send(each.method, path, form if each.method == "POST" else None)
                if reply.status_code == 200:
                    said.append(each.route)
    assert said == []
    assert accounts(api) == before


def test_admin_opens_pages_of_accounts(api: DeployedApi) -> None:
    """The same walk lets the administrator in, so it is permission that stops the others."""
    with browsing(api, "admin") as browser:
        for page in ("users/list/", "users/add", "roles/list/", "actions/list/"):
            assert browser.send("GET", f"/auth/{page}").status_code == 200


# ---- attacks with the least that each role has -----------------------------------------------------------


@pytest.mark.parametrize("role", PEOPLE)
def test_bulk_deletes_and_creates_are_no_way_around(api: DeployedApi, role: FabRole) -> None:
    """What a role may not do to one thing it may not do to many, in whatever words."""
    user, gate = api.account(role), an_open_gate(api.rows, DAG, TASK)
    run = gate.run_id
    delete = {"actions": [{"action": "delete", "entities": [{"dag_id": DAG, "dag_run_id": run}]}]}
    assert api.call(user, "PATCH", "/api/v2/dags/~/dagRuns", delete).status_code == 403
    entities = [{"dag_id": DAG, "dag_run_id": run, "task_id": TASK}]
    gone = {"actions": [{"action": "delete", "entities": entities}]}
    reply = api.call(user, "PATCH", "/api/v2/dags/~/dagRuns/~/taskInstances", gone)
    # Whoever may mark hears of each by itself that it was not deleted.
    assert reply.status_code == 403 or reply.json()["delete"]["success"] == []
    assert api.rows.execute("SELECT count(*) FROM task_instance WHERE id = %s", gate.instance) == [(1,)]
    entity = {"connection_id": "launch_ledger", "conn_type": "postgres", "host": "mallory.example"}
    for action in ("create", "update"):
        many = {"actions": [{"action": action, "entities": [entity], "action_on_existence": "overwrite"}]}
        many["actions"][0] |= {"action_on_non_existence": "skip"} if action == "update" else {}
        assert api.call(user, "PATCH", "/api/v2/connections", many).status_code in {403, 422}
    assert api.rows.execute("SELECT host FROM connection WHERE host = 'mallory.example'") == []
    assert api.rows.execute("SELECT count(*) FROM dag_run WHERE run_id = %s", run) == [(1,)]


def test_no_backfill_of_a_dag_of_a_launch(api: DeployedApi) -> None:
    """A launcher may ask; Airflow refuses, whether for the Dag's run types or for its missing schedule."""
    user = api.account(FabRole.LAUNCHER)
    for dag_id in ("launch", "go_no_go", DAG):
        body = {"dag_id": dag_id, "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-02T00:00:00Z"}
        reply = api.call(user, "POST", "/api/v2/backfills", body)
        assert reply.status_code in {400, 409, 422}, reply.text
        assert "backfill" in reply.text
    assert api.rows.execute("SELECT count(*) FROM dag_run WHERE run_type = 'backfill'") == [(0,)]


@pytest.mark.parametrize("role", FabRole)
def test_an_accounts_token_is_no_tasks(api: DeployedApi, role: FabRole) -> None:
    """The execution API, through which tasks write states and XComs, wants a token of another audience."""
    gate, user = an_open_gate(api.rows, DAG, TASK), api.account(role)
    for method, path, body in (
        (
            "PATCH",
            f"task-instances/{gate.instance}/state",
            {"state": "success", "end_date": "2030-01-01T00:00:00Z"},
        ),
        ("POST", f"xcoms/{DAG}/{gate.run_id}/{TASK}/record", "forged"),
        ("PATCH", f"hitlDetails/{gate.instance}", {"chosen_options": ["Approve"], "params_input": {}}),
        ("PUT", f"store/ti/{gate.instance}/rounds", {"value": [1]}),
    ):
        reply = api.call(user, method, f"/execution/{path}", body)
        assert reply.status_code in {401, 403}, f"{method} {path}: {reply.status_code} {reply.text}"
    assert gate.detail(api.rows)["responded_at"] is None
