"""A real api-server with the launch plugin: Airflow's own program, on loopback, against a real PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Entry
from servers.airflow_database import EVERY_TRY_IS_KEPT, GateRows, sqlalchemy_url
from servers.programs import end, free_ports, wait_for
from servers.records import a_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.schema import Record
    from servers.include_folder import IncludeFolder

ROOT = Path(__file__).resolve().parents[2]
BRIDGE = "launch-slack"
ADMIN = "root.admin"
ROLES = {BRIDGE: "viewer", ADMIN: "admin", "selma.officer": "viewer", "milo.product": ""}
"""Accounts that are not simply users; an empty role is no account at all."""
START_SECONDS = 120.0
_XCOM_33 = """
    INSERT INTO xcom (dag_run_id, dag_id, run_id, task_id, map_index, key, value, timestamp)
    SELECT id, dag_id, run_id, %s, -1, %s, %s, clock_timestamp() FROM dag_run
    WHERE dag_id = %s AND run_id = %s
    ON CONFLICT (dag_run_id, task_id, map_index, key)
    DO UPDATE SET value = EXCLUDED.value, timestamp = EXCLUDED.timestamp
"""
_XCOM = """
    INSERT INTO xcom_v2 (id, task_instance_id, key, value, timestamp)
    VALUES (gen_random_uuid(), %s, %s, %s, clock_timestamp())
    ON CONFLICT (task_instance_id, key)
    DO UPDATE SET value = EXCLUDED.value, timestamp = EXCLUDED.timestamp
"""
"""From Airflow 3.4 on, each try has XComs of its own."""


def accounts(include: IncludeFolder) -> dict[str, str]:
    """Everybody of the contacts with an Airflow user, and the bridge, with their roles."""
    people = yaml.safe_load(include.contacts.read_text())["people"]
    everybody = {person["airflow_user"]: "user" for person in people} | ROLES
    return {name: role for name, role in everybody.items() if role}


@dataclass
class PluginServer:
    """The running server, as its clients and its operator see it."""

    url: str
    log_file: Path
    passwords: dict[str, str]
    rows: GateRows
    _tokens: dict[str, str] = field(default_factory=dict)

    def client(self) -> httpx.Client:
        """Build a client without any credentials."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60)

    def token(self, user: str = BRIDGE) -> str:
        """Sign somebody in; the token is kept."""
        if user not in self._tokens:
            with self.client() as client:
                account = {"username": user, "password": self.passwords[user]}
                self._tokens[user] = client.post("/auth/token", json=account).json()["access_token"]
        return self._tokens[user]

    def bearer(self, user: str = BRIDGE) -> dict[str, str]:
        """Return the header with which a user calls."""
        return {"Authorization": f"Bearer {self.token(user)}"}

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        """Send JSON, half characters included."""
        typed = {**headers, "Content-Type": "application/json"}
        with self.client() as client:
            return client.request(method, path, content=json.dumps(body), headers=typed)

    def post(self, path: str, body: Any, user: str = BRIDGE) -> httpx.Response:
        """Send JSON as somebody, the bridge unless named."""
        return self.send("POST", path, body, self.bearer(user))

    def decide(self, request: dict[str, Any]) -> httpx.Response:
        """Ask to answer, as the bridge does."""
        return self.post("/launch/decide", request)

    def log(self) -> str:
        """Everything that the server has written so far."""
        return self.log_file.read_text(errors="replace")


@dataclass(frozen=True)
class Gate:
    """An item that waits for an answer in the server's database."""

    dag_id: str
    run_id: str
    task_id: str
    instance: str

    @property
    def path(self) -> str:
        """Airflow's own route to answer it."""
        return f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}/-1/hitlDetails"

    def request(self, slack_id: str, answer: str = "Approve", **changes: Any) -> dict[str, Any]:
        """Build what the bridge sends of a click."""
        return {
            "slack_id": slack_id,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task_id": self.task_id,
            "task_instance_id": self.instance,
            "try_number": 1,
            "evidence": "",
            "answer": answer,
            **changes,
        }

    def detail(self, rows: GateRows) -> dict[str, Any]:
        """Return the request's row, as Airflow has it."""
        columns = "responded_by, chosen_options, params_input, responded_at"
        query = f"SELECT {columns} FROM hitl_detail WHERE ti_id = %s"  # noqa: S608 - constants
        (row,) = rows.execute(query, self.instance)
        return dict(zip(columns.split(", "), row, strict=True))


def xcom(rows: GateRows, gate: Gate, key: str, value: Any) -> None:
    """Write an XCom of a gate's task, over the one that is there."""
    if EVERY_TRY_IS_KEPT:
        rows.execute(_XCOM, gate.instance, key, json.dumps(value))
    else:
        rows.execute(_XCOM_33, gate.task_id, key, json.dumps(value), gate.dag_id, gate.run_id)


def recorded(rows: GateRows, gate: Gate, **fields: Any) -> Record:
    """Keep the record of a gate's task instance, as its task does."""
    of_gate = {
        "launch_id": gate.run_id,
        "dag_id": gate.dag_id,
        "task_id": gate.task_id,
        "item_ref": deployed_dags()[gate.dag_id].specs[gate.task_id].ref,
        "task_instance_id": gate.instance,
    }
    record = a_record(**{**of_gate, **fields})
    Ledger(rows.dsn).append(Entry.of_record(record))
    return record


def an_item(**wanted: Any) -> tuple[str, str]:
    """Give Dag and task of the first shipped item that is as wanted (owner, mode, gate, …)."""
    for dag_id, dag in deployed_dags().items():
        for task_id, spec in dag.specs.items():
            if all(getattr(spec.item, name) == value for name, value in wanted.items()):
                return dag_id, task_id
    raise LookupError(f"no shipped item is {wanted}")


def an_open_gate(rows: GateRows, dag_id: str, task_id: str, run_id: str = "", **fields: Any) -> Gate:
    """Let an item wait with the options it takes, in a run of its own unless named."""
    run_id = run_id or f"run-{uuid.uuid4().hex}"
    instance = rows.waiting(dag_id, run_id, task_id, **fields)
    options = [str(option) for option in deployed_dags()[dag_id].specs[task_id].options]
    rows.execute("UPDATE hitl_detail SET options = %s WHERE ti_id = %s", json.dumps(options), instance)
    return Gate(dag_id, run_id, task_id, instance)


@contextmanager
def serving(dsn: str, include: IncludeFolder, folder: Path, **options: str) -> Iterator[PluginServer]:
    """Run ``airflow api-server`` with the project's plugin; ``options`` are variables of its environment."""
    folder.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    passwords = {name: f"pw-{uuid.uuid4().hex}" for name in accounts(include)}
    (folder / "passwords.json").write_text(json.dumps(passwords))
    environment = {**_environment(dsn, include, folder), **options}
    log_file = folder / "api-server.log"
    command = [sys.executable, "-m", "airflow", "api-server", "--host", "127.0.0.1", "--port", str(port)]
    with log_file.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, cwd=folder, start_new_session=True
        )
    server = PluginServer(f"http://127.0.0.1:{port}", log_file, passwords, GateRows(dsn))
    try:
        wait_for(lambda: _healthy(server) or process.poll() is not None, "the api-server", START_SECONDS)
        assert process.poll() is None, server.log()[-3000:]
        yield server
    finally:
        end(process)


def _healthy(server: PluginServer) -> bool:
    with server.client() as client:
        try:
            return client.get("/api/v2/version").is_success
        except httpx.TransportError:
            return False


def _environment(dsn: str, include: IncludeFolder, folder: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LAUNCH"))}
    (folder / "dags").mkdir(exist_ok=True)
    users = ",".join(f"{name}:{role}" for name, role in accounts(include).items())
    options = {
        "CORE__DAGS_FOLDER": folder / "dags",
        "CORE__PLUGINS_FOLDER": ROOT / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": users,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": folder / "passwords.json",
        "DATABASE__SQL_ALCHEMY_CONN": sqlalchemy_url(dsn),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": sqlalchemy_url(dsn, "postgresql+asyncpg"),
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": uuid.uuid4().hex * 2,
        # The guard waits for this and a second more after a gate was opened.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
    }
    return {
        **inherited,
        **{f"AIRFLOW__{name}": str(value) for name, value in options.items()},
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW_CONN_LAUNCH_LEDGER": sqlalchemy_url(dsn, "postgresql"),
        "LAUNCH_INCLUDE": str(include.path),
        "PYTHONPATH": str(ROOT / "include"),
    }
