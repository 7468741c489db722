"""The questions of the table "Who may do what" of docs/production.md, to ask of any running api-server."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.launches import Launches
from servers.plugin_server import an_item, an_open_gate

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from servers.signed_in import SignedIn

PAGE = Path(__file__).resolve().parents[2] / "docs" / "production.md"
DAG, TASK = an_item(owner="operations_lead", mode="approval")
COLUMNS = {
    "viewer": FabRole.VIEWER,
    "approver": FabRole.APPROVER,
    "launcher": FabRole.LAUNCHER,
    "bridge": FabRole.BRIDGE,
    "pipeline": FabRole.PIPELINE,
    "Admin": FabRole.ADMIN,
}


def table() -> dict[tuple[str, str], bool]:
    """Return the table's cells: action and role, and whether it is ticked."""
    section = PAGE.read_text().split("## Who may do what")[1].split("\n\n")[1]
    lines = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    assert head[1:] == list(COLUMNS)
    return {(row[0], role): cell == "✓" for row in rows for role, cell in zip(head[1:], row[1:], strict=True)}


CELLS = table()


def _run(api: SignedIn, user: str, method: str, rest: str, body: Any = None) -> list[httpx.Response]:
    run = api.a_run(DAG)
    return [api.call(user, method, f"/api/v2/dags/{DAG}/dagRuns/{run}{rest}", body)]


def _delete(api: SignedIn, user: str) -> list[httpx.Response]:
    run = api.a_run(DAG)
    api.rows.execute("UPDATE dag_run SET state = 'success' WHERE run_id = %s", run)
    return [api.call(user, "DELETE", f"/api/v2/dags/{DAG}/dagRuns/{run}")]


def _forge(api: SignedIn, user: str) -> list[httpx.Response]:
    task = an_open_gate(api.rows, DAG, TASK).path.removesuffix("/-1/hitlDetails")
    return [api.call(user, "POST", f"{task}/xcomEntries", {"key": "record", "value": "x"})]


def _mark(api: SignedIn, user: str) -> list[httpx.Response]:
    gate = an_open_gate(api.rows, DAG, TASK)
    path = gate.path.removesuffix("/-1/hitlDetails")
    return [api.call(user, "PATCH", path, {"new_state": "success"})]


def _answer(api: SignedIn, user: str) -> list[httpx.Response]:
    """Of a request that is none of ours, so that nothing but Airflow's permission is asked."""
    body = {"chosen_options": ["Approve"], "params_input": {}}
    return _run(api, user, "PATCH", "/taskInstances/nothing.of_ours/-1/hitlDetails", body)


def _trigger(api: SignedIn, user: str) -> list[httpx.Response]:
    body = {"logical_date": None, "conf": {}, "dag_run_id": f"started-{uuid.uuid4().hex}"}
    return [api.call(user, "POST", f"/api/v2/dags/{DAG}/dagRuns", body)]


def _clear(api: SignedIn, user: str) -> list[httpx.Response]:
    gate = an_open_gate(api.rows, DAG, TASK)
    body = {"dry_run": True, "dag_run_id": gate.run_id, "task_ids": [TASK], "only_failed": False}
    return [api.call(user, "POST", f"/api/v2/dags/{DAG}/clearTaskInstances", body)]


def _reads(api: SignedIn, user: str) -> list[httpx.Response]:
    run = f"/api/v2/dags/{DAG}/dagRuns/{api.a_run(DAG)}"
    places = (
        "/api/v2/dags",
        f"/api/v2/dags/{DAG}/dagRuns",
        run,
        f"{run}/taskInstances",
        f"{run}/hitlDetails",
    )
    return [api.call(user, "GET", path) for path in places]


def _reads_records(api: SignedIn, user: str) -> list[httpx.Response]:
    gate = an_open_gate(api.rows, DAG, TASK)
    task = gate.path.removesuffix("/-1/hitlDetails")
    return [api.call(user, "GET", f"{task}/{rest}") for rest in ("xcomEntries", "logs/1")]


def _reports(api: SignedIn, user: str) -> list[httpx.Response]:
    launch, forms = a_launch(api.ledger_dsn), ("", ".md", ".json")
    return [api.call(user, "GET", f"/launch/report/{launch}{form}") for form in forms]


def _connections(api: SignedIn, user: str) -> list[httpx.Response]:
    body = {"connection_id": f"made_{uuid.uuid4().hex}", "conn_type": "http"}
    made = api.call(user, "POST", "/api/v2/connections", body)
    where = "/api/v2/connections/launch_ledger"
    edited = api.call(user, "PATCH", f"{where}?update_mask=description", {**_LEDGER, "description": "seen"})
    return [api.call(user, "GET", where), edited, made]


_LEDGER = {"connection_id": "launch_ledger", "conn_type": "postgres"}


def _variables(api: SignedIn, user: str) -> list[httpx.Response]:
    made = api.call(user, "POST", "/api/v2/variables", {"key": f"made_{uuid.uuid4().hex}", "value": "1"})
    return [api.call(user, "GET", "/api/v2/variables"), made]


def _audit(api: SignedIn, user: str) -> list[httpx.Response]:
    return [api.call(user, "GET", "/api/v2/eventLogs")]


def _keep(api: SignedIn, user: str) -> list[httpx.Response]:
    """Into the state store of a task, where rounds of the daily review once were believed."""
    task = an_open_gate(api.rows, DAG, TASK).path.removesuffix("/-1/hitlDetails")
    return [api.call(user, "PUT", f"{task}/state-store/rounds", {"value": [1]})]


def a_launch(dsn: str) -> str:
    """Let a rehearsal be under way in the ledger; gives its id."""
    name = f"kept-{uuid.uuid4().hex}"
    asked = {"environment": name, "rehearsal": True, "release": "1.0.0", "release_sha": "a" * 40}
    at = datetime.now(UTC) + timedelta(days=9)
    Launches(dsn).start(Launch(launch_id=name, launch_at=at, started_by="nobody", **asked))
    return name


def _change(api: SignedIn, user: str) -> list[httpx.Response]:
    later = (datetime.now(UTC) + timedelta(days=99)).isoformat()
    why, path = {"reason": "asked by a test"}, f"/launch/launches/{a_launch(api.ledger_dsn)}"
    return [
        api.call(user, "POST", f"{path}/postpone", {"to": later, **why}),
        *(api.call(user, "POST", f"{path}/{what}", why) for what in ("hold", "resume", "abort")),
    ]


def _amend(api: SignedIn, user: str) -> list[httpx.Response]:
    """By accounts of no one in the contacts, so that Airflow's permission alone is asked."""
    why, path = {"reason": "asked by a test"}, f"/launch/launches/{a_launch(api.ledger_dsn)}"
    bodies = {"amend": why, "confirm": {"digest": "x"}, "retarget": {"release_sha": "b" * 40, **why}}
    return [api.call(user, "POST", f"{path}/{what}", body) for what, body in bodies.items()]


ACTIONS: dict[str, Callable[[SignedIn, str], list[httpx.Response]]] = {
    "see Dags, runs, tasks": _reads,
    "read XComs (records, evidence) and logs": _reads_records,
    "read the report of a launch": _reports,
    "answer a required action": _answer,
    "start a launch": _trigger,
    "postpone, hold, resume or abort a launch": _change,
    "amend a launch, or move it to another commit": _amend,
    "clear a task": _clear,
    "mark a task by hand": _mark,
    "mark a run, write its note": lambda api, user: _run(api, user, "PATCH", "", {"note": "seen"}),
    "pause a Dag": lambda api, user: [api.call(user, "PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})],
    "delete a run": _delete,
    "write a task's state store": _keep,
    "write XComs": _forge,
    "read the audit log": _audit,
    "read or edit connections": _connections,
    "read or edit variables": _variables,
    "see and edit accounts": lambda api, user: [api.call(user, "GET", "/auth/fab/v1/users")],
    "call the bridge's routes": lambda api, user: [api.call(user, "GET", "/launch/board")],
}


def ask(api: SignedIn, action: str, column: str) -> None:
    """Assert that every request of a ticked action is done, and every one of an empty cell gets 403."""
    replies = ACTIONS[action](api, api.account(COLUMNS[column]))
    assert replies
    for reply in replies:
        said = f"{column} {reply.request.method} {reply.request.url}: {reply.status_code} {reply.text[:300]}"
        if CELLS[action, column]:
            assert reply.is_success, said
        else:
            assert reply.status_code == 403, said
