"""What of 'launch up' answers requests: PostgreSQL, api-server, the Dags once parsed; nothing runs tasks."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.settings import PIPELINE_USER, StackSettings, User
from launch_pipeline.stack.slack_access import BRIDGE_USER
from launch_pipeline.stack.stack import Stack
from servers.airflow_database import GateRows
from servers.signed_in import SignedIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.stack.processes import ComponentSpec

ROOT = Path(__file__).resolve().parents[2]
ANSWERING = ("api-server", "dag-processor")
SERVICE = {FabRole.BRIDGE: BRIDGE_USER, FabRole.PIPELINE: PIPELINE_USER, FabRole.ADMIN: "admin"}


class AnsweringStack(Stack):
    """A stack without scheduler and triggerer: rows that a test writes stay as they are."""

    def _airflow_specs(self) -> list[ComponentSpec]:
        return [spec for spec in super()._airflow_specs() if spec.name in ANSWERING]


class StackApi(SignedIn):
    """Clients of a stack's api-server, with an account for each role."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack
        self.url = stack.settings.url
        self.ledger_dsn = stack.settings.ledger_dsn
        self.rows = GateRows(stack.settings.airflow_dsn, self.ledger_dsn)
        self.passwords = stack.settings.passwords()

    def account(self, role: FabRole) -> str:
        """Give the account that has one role and nothing else."""
        return SERVICE.get(role, f"only-{role.value}")

    def program(self, *arguments: str) -> str:
        """Run a Python program in the environment of the stack's api-server; gives what it wrote."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.stack.settings.component_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


@contextmanager
def answering(home: Path, contacts: Path) -> Iterator[StackApi]:
    """Run it, as 'launch up' would, with an account for each role beside the stack's own."""
    single = (FabRole.VIEWER, FabRole.APPROVER, FabRole.LAUNCHER)
    users = (
        User(name="admin", roles={FabRole.ADMIN}),
        *(User(name=f"only-{role.value}", roles={role}) for role in single),
    )
    port = free_ports(1)[0]
    settings = StackSettings.resolve(home=home, root=ROOT, port=port, users=users, contacts=contacts)
    with AnsweringStack(settings) as stack:
        yield StackApi(stack)
