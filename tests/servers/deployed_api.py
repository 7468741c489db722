"""Clients of a running deployment's api-server: the administrator, people, and accounts made for a test."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from launch_pipeline.runtime.secret_files import Secret, Secrets
from servers.airflow_database import GateRows

if TYPE_CHECKING:
    from launch_pipeline.orchestration.fab_roles import FabRole
    from servers.deployment import Deployment

PASSWORD = "correct-horse-battery-staple"
ACCOUNTS = "/auth/fab/v1/users"


@dataclass
class DeployedApi:
    """Signed-in requests to the api-server, and its database."""

    deployment: Deployment
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.secrets = Secrets(self.deployment.ground.production / "secrets")
        self.url = f"http://127.0.0.1:{self.deployment.ground.ports['api-server']}"
        self.rows = GateRows(self.secrets.get(Secret.AIRFLOW_DATABASE).replace("+psycopg", ""))
        self.passwords = {
            "admin": self.secrets.get(Secret.ADMIN_PASSWORD),
            "launch-pipeline": self.secrets.get(Secret.PIPELINE_PASSWORD),
            "launch-slack": self.secrets.get(Secret.BRIDGE_PASSWORD),
        }

    def sign_in(self, user: str, password: str) -> httpx.Response:
        """Ask for a token."""
        return self.raw("POST", "/auth/token", {"username": user, "password": password})

    def raw(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a request without anybody's credentials."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            content = None if body is None else json.dumps(body)
            typed = {"Content-Type": "application/json", **(headers or {})}
            return client.request(method, path, content=content, headers=typed)

    def call(self, user: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request as somebody whose password is known here."""
        if user not in self._tokens:
            reply = self.sign_in(user, self.passwords[user])
            assert reply.is_success, reply.text
            self._tokens[user] = reply.json()["access_token"]
        return self.raw(method, path, body, {"Authorization": f"Bearer {self._tokens[user]}"})

    def account(self, role: FabRole) -> str:
        """Let the administrator make an account that has one role and nothing else."""
        name = f"only-{role.value}".lower()
        if name not in self.passwords:
            body = {
                "username": name,
                "email": f"{name}@example.org",
                "first_name": "Only",
                "last_name": role.value,
                "password": PASSWORD,
                "roles": [{"name": str(role)}],
            }
            reply = self.call("admin", "POST", ACCOUNTS, body)
            assert reply.is_success, reply.text
            self.passwords[name] = PASSWORD
        return name

    def forget_accounts(self) -> None:
        """Delete the accounts that :meth:`account` made; FAB would remember their roles for half a minute."""
        for name in [name for name in self.passwords if name.startswith("only-")]:
            reply = self.call("admin", "DELETE", f"{ACCOUNTS}/{name}")
            assert reply.is_success, reply.text
            del self.passwords[name]
            self._tokens.pop(name, None)

    def let_in(self, user: str) -> str:
        """Give a person a password that is known here."""
        if user not in self.passwords:
            body = {"password": PASSWORD}
            reply = self.call("admin", "PATCH", f"{ACCOUNTS}/{user}?update_mask=password", body)
            assert reply.is_success, reply.text
            self.passwords[user] = PASSWORD
        return user

    def number(self, user: str) -> str:
        """The id under which FAB knows somebody."""
        (row,) = self.rows.execute("SELECT id FROM ab_user WHERE username = %s", user)
        return str(row[0])

    def a_run(self, dag_id: str, run_id: str = "") -> str:
        """Write a run that is under way."""
        run_id = run_id or f"run-{uuid.uuid4().hex}"
        self.rows.waiting(dag_id, run_id, "nothing.of_ours", request=True)
        return run_id

    def forget_runs(self) -> None:
        """Remove every run, so that a scheduler that starts later finds none."""
        with psycopg.connect(self.rows.dsn) as connection:
            for table in ("hitl_detail", "xcom", "task_instance", "dag_run"):
                connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]  # noqa: S608
