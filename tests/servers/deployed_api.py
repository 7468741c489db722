"""Clients of a running deployment's api-server: the administrator, people, and accounts made for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.stack.secret_files import Secret, Secrets
from servers.airflow_database import GateRows
from servers.signed_in import SignedIn

if TYPE_CHECKING:
    from servers.deployment import Deployment

PASSWORD = "correct-horse-battery-staple"
SERVICE = {FabRole.BRIDGE: "launch-slack", FabRole.PIPELINE: "launch-pipeline"}
ACCOUNTS = "/auth/fab/v1/users"


class DeployedApi(SignedIn):
    """Signed-in requests to the api-server, and its database."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__()
        self.deployment = deployment
        self.secrets = Secrets(self.deployment.ground.production / "secrets")
        self.url = f"http://127.0.0.1:{self.deployment.ground.ports['api-server']}"
        self.ledger_dsn = self.secrets.get(Secret.LEDGER)
        airflow_dsn = self.secrets.get(Secret.AIRFLOW_DATABASE).replace("+psycopg", "")
        self.rows = GateRows(airflow_dsn, self.ledger_dsn)
        self.passwords = {
            "admin": self.secrets.get(Secret.ADMIN_PASSWORD),
            "launch-pipeline": self.secrets.get(Secret.PIPELINE_PASSWORD),
            "launch-slack": self.secrets.get(Secret.BRIDGE_PASSWORD),
        }

    def account(self, role: FabRole) -> str:
        """Let the administrator make an account that has one role and nothing else."""
        if role in SERVICE:
            return SERVICE[role]
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
        """Return the id under which FAB knows a user."""
        (row,) = self.rows.execute("SELECT id FROM ab_user WHERE username = %s", user)
        return str(row[0])
