"""Signed-in requests to a running api-server, and rows of its database."""

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import httpx
import psycopg

from servers.airflow_database import EVERY_TRY_IS_KEPT

if TYPE_CHECKING:
    from launch_pipeline.airflow.deployment.fab_roles import FabRole
    from servers.airflow_database import GateRows


class SignedIn(ABC):
    """Clients of one api-server, by account."""

    url: str
    rows: GateRows
    ledger_dsn: str
    passwords: dict[str, str]

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    @abstractmethod
    def account(self, role: FabRole) -> str:
        """Give an account that has one role and nothing else."""

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

    def a_run(self, dag_id: str, run_id: str = "") -> str:
        """Write a run that is under way."""
        run_id = run_id or f"run-{uuid.uuid4().hex}"
        self.rows.waiting(dag_id, run_id, "nothing.of_ours", request=True)
        return run_id

    def forget_runs(self) -> None:
        """Remove every run, so that a scheduler that starts later finds none."""
        # From Airflow 3.4 on, XComs go with the tries that left them.
        xcoms = () if EVERY_TRY_IS_KEPT else ("xcom",)
        with psycopg.connect(self.rows.dsn) as connection:
            for table in ("hitl_detail", *xcoms, "task_instance", "dag_run"):
                connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]  # noqa: S608
