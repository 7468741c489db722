"""Settings of one stack: folders, ports and users, and the environment of its components."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from launch_pipeline.airflow.connection_ids import (
    AIRFLOW_CONNECTION,
    LEDGER_CONNECTION,
    connection_variable,
)
from launch_pipeline.airflow.deployment.fab_roles import FabRole, written
from launch_pipeline.approvals.deployed import CONTACTS_VARIABLE
from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.stack.keys import StackKeys, load_keys, load_passwords
from launch_pipeline.stack.ports import LOOPBACK, free_ports
from launch_pipeline.stack.slack_access import BRIDGE_USER, SlackAccess
from launch_pipeline.stack.slack_access import SECRETS as SLACK_SECRETS
from launch_pipeline.stack.tuning import PARALLELISM, as_variables, tuned

HOME_VARIABLE = "LAUNCH_HOME"
PROJECT_VARIABLE = "LAUNCH_PROJECT"

STACK_VARIABLE = "LAUNCH_STACK"
"""Holds the stack's home in every process that the stack starts, so that a sweep finds its own."""

LEDGER_OWNER = "launch"
LEDGER_APPLICATION = "launch_app"
"""The owner only migrates. The application's role cannot change existing rows."""
ADMIN_USER = "admin"
PIPELINE_USER = "launch-pipeline"
AUTH_MANAGER = "launch_pipeline.airflow.api_server.auth_manager.LaunchAuthManager"
DEFAULT_PORT = 8080


class User(Frozen):
    """An account of Airflow, with the roles of a deployment."""

    name: str = Field(pattern=r"^[^:,\s]+$")
    roles: frozenset[FabRole] = frozenset({FabRole.APPROVER})

    @property
    def words(self) -> str:
        """The roles, as shown to people."""
        return ", ".join(sorted(role.removeprefix("launch-").lower() for role in self.roles))


class StackSettings(Frozen):
    """Everything that is decided before a stack starts. :meth:`resolve` fills in what was not given."""

    root: Path
    """The project: ``dags/``, ``plugins/``, ``include/``."""
    home: Path
    """The folder of the stack's databases, logs and secrets."""
    host: str = LOOPBACK
    """The address on which the web interface listens."""
    port: int = DEFAULT_PORT
    database_port: int = 0
    """0 until resolved."""
    users: tuple[User, ...] = (User(name=ADMIN_USER, roles=frozenset({FabRole.ADMIN})),)
    parallelism: int = Field(default=PARALLELISM, ge=1)
    """Workers of the local executor."""
    rehearsal: bool = False
    """Shorter intervals, and a database that may be lost if the machine crashes."""
    contacts: Path | None = None
    """The contacts file, by default from ``LAUNCH_CONTACTS``, then ``contacts.yaml`` in the project."""
    dags_folder: Path | None = None
    """Another folder of Dags than the project's, for tests."""
    slack: SlackAccess | None = None
    """The workspace where people answer, by default from ``LAUNCH_SLACK_…``."""
    extra_environment: dict[str, str] = Field(default_factory=dict)
    """Added to every component's environment, and wins over what is derived here."""

    @classmethod
    def resolve(cls, *, home: Path | None = None, root: Path | None = None, **given: Any) -> Self:
        """Complete the settings from the environment and free ports, and create the home (0700).

        Raises :class:`ConfigurationError` if the project has no Dags.
        """
        root = (root or project_root()).resolve()
        home = home_folder(home, root)
        given.setdefault("contacts", contacts_file(root))
        given.setdefault("slack", SlackAccess.from_environment())
        if not given.get("database_port"):
            given["database_port"] = free_ports(1)[0]
        return cls.model_validate({"root": root, "home": home, **given})

    @property
    def dags(self) -> Path:
        """The folder of Dags."""
        return self.dags_folder or self.root / "dags"

    @property
    def url(self) -> str:
        """The address of the web interface."""
        shown = LOOPBACK if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{shown}:{self.port}"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder."""
        return self.home / "airflow"

    @property
    def log_folder(self) -> Path:
        """One log per component."""
        return self.home / "logs"

    @property
    def passwords_file(self) -> Path:
        """Users and passwords, mode 0600."""
        return self.home / "passwords.json"

    def keys(self) -> StackKeys:
        """Return the stack's secrets, generated at the first call. The home must exist."""
        return load_keys(self.home / "secrets.json")

    def passwords(self) -> dict[str, str]:
        """Return every user's password, generated at the first call. The home must exist."""
        return load_passwords(self.passwords_file, [user.name for user in self.all_users])

    @property
    def all_users(self) -> tuple[User, ...]:
        """The people, and the accounts of pipeline and Slack bridge, each with its own narrow role."""
        return (
            *self.users,
            User(name=PIPELINE_USER, roles=frozenset({FabRole.PIPELINE})),
            User(name=BRIDGE_USER, roles=frozenset({FabRole.BRIDGE})),
        )

    @property
    def airflow_dsn(self) -> str:
        """The address of Airflow's database, for psycopg 3."""
        return self._dsn("airflow", self.keys().airflow_password, "airflow")

    @property
    def ledger_dsn(self) -> str:
        """The address of the ledger for the application's role, for psycopg 3."""
        return self._dsn(LEDGER_APPLICATION, self.keys().ledger_app_password, "launch")

    @property
    def ledger_owner_dsn(self) -> str:
        """The address of the ledger for its owner, used for migrations."""
        return self._dsn(LEDGER_OWNER, self.keys().ledger_password, "launch")

    def _dsn(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.database_port}/{database}"

    def component_environment(self) -> dict[str, str]:
        """Return a component's whole environment: what it inherits, and the variables set here."""
        return {**_inherited(), **self.environment()}

    def worker_environment(self) -> dict[str, str]:
        """Return the environment of the component whose children run tasks."""
        return {**self.component_environment(), **(self.slack.worker_environment() if self.slack else {})}

    def bridge_environment(self) -> dict[str, str]:
        """Return the environment of a component that knows only Airflow's address."""
        given = {k: v for k, v in self.extra_environment.items() if not k.startswith("AIRFLOW")}
        return {**_inherited(), **self._own_process(), **given}

    def environment(self) -> dict[str, str]:
        """Return the variables that are set for every component."""
        options = {
            **tuned(rehearsal=self.rehearsal),
            **self._core(),
            **self._api(),
            **self._logging(),
        }
        return {**as_variables(options), **self._process(), **self.extra_environment}

    def _core(self) -> dict[str, object]:
        keys = self.keys()
        dsn = self.airflow_dsn.removeprefix("postgresql")
        return {
            "core.dags_folder": self.dags,
            "core.plugins_folder": self.root / "plugins",
            "core.parallelism": self.parallelism,
            "core.fernet_key": keys.fernet,
            "core.execution_api_server_url": f"http://{self._internal_host}:{self.port}/execution/",
            "core.auth_manager": AUTH_MANAGER,
            "core.simple_auth_manager_users": ",".join(
                f"{user.name}:{written(user.roles)}" for user in self.all_users
            ),
            "core.simple_auth_manager_passwords_file": self.passwords_file,
            "database.sql_alchemy_conn": f"postgresql+psycopg{dsn}",
            "database.sql_alchemy_conn_async": f"postgresql+asyncpg{dsn}",
        }

    @property
    def _internal_host(self) -> str:
        """The host by which components reach the api-server, without proxy or public name."""
        return self.url.removeprefix("http://").rsplit(":", 1)[0]

    def _api(self) -> dict[str, object]:
        keys = self.keys()
        return {
            "api.host": self.host,
            "api.port": self.port,
            "api.base_url": self.url,
            "api.secret_key": keys.api,
            "api_auth.jwt_secret": keys.jwt,
        }

    def _logging(self) -> dict[str, object]:
        return {
            "logging.base_log_folder": self.airflow_home / "logs",
            "logging.dag_processor_child_process_log_directory": self.airflow_home / "logs" / "dag_processor",
        }

    def _process(self) -> dict[str, str]:
        return {
            **self._own_process(),
            "AIRFLOW_HOME": str(self.airflow_home),
            connection_variable(LEDGER_CONNECTION): self.ledger_dsn,
            connection_variable(AIRFLOW_CONNECTION): self._own_connection(),
        }

    def _own_process(self) -> dict[str, str]:
        no_proxy = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "", LOOPBACK, "localhost"]
        direct = ",".join(filter(None, no_proxy))
        python_path = os.pathsep.join(
            filter(None, [str(self.root / "include"), os.environ.get("PYTHONPATH", "")]),
        )
        variables = {
            "PYTHONPATH": python_path,
            "PYTHONUNBUFFERED": "1",
            HOME_VARIABLE: str(self.home),
            PROJECT_VARIABLE: str(self.root),
            STACK_VARIABLE: str(self.home),
            # Process titles must not overwrite the environment, from which STACK_VARIABLE is read.
            "SPT_NOENV": "1",
            # Components talk to each other on loopback, without a proxy.
            "NO_PROXY": direct,
            "no_proxy": direct,
        }
        if self.contacts:
            variables[CONTACTS_VARIABLE] = str(self.contacts)
        if sys.platform == "darwin":
            variables["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
        return variables

    def _own_connection(self) -> str:
        own = {"conn_type": "http", "host": self._internal_host, "port": self.port, "login": PIPELINE_USER}
        return json.dumps({**own, "password": self.passwords()[PIPELINE_USER]})


def _inherited() -> dict[str, str]:
    """Return the variables that components inherit: all but a slow setting and the bridge's secrets."""
    # Without cached bytecode each component compiles 3500 modules at its start: 3 s of CPU.
    kept_back = {"PYTHONDONTWRITEBYTECODE", *SLACK_SECRETS}
    return {name: value for name, value in os.environ.items() if name not in kept_back}


def contacts_file(root: Path) -> Path | None:
    """Return the contacts file: ``LAUNCH_CONTACTS``, else ``contacts.yaml`` in the project, else none."""
    named = os.environ.get(CONTACTS_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    beside = root / "contacts.yaml"
    return beside if beside.is_file() else None


def home_folder(home: Path | None, root: Path) -> Path:
    """Return the stack's home: as given, else ``LAUNCH_HOME``, else ``.launch`` in the project."""
    return Path(home or os.environ.get(HOME_VARIABLE) or root / ".launch").expanduser().resolve()


def project_root() -> Path:
    """Return the project's folder: ``LAUNCH_PROJECT``, or the one from which this package is installed.

    Raises :class:`ConfigurationError` if it has no folder of Dags.
    """
    named = os.environ.get(PROJECT_VARIABLE)
    root = Path(named).expanduser() if named else Path(__file__).resolve().parents[3]
    if not (root / "dags").is_dir():
        raise ConfigurationError(
            source=PROJECT_VARIABLE if named else "the installed package",
            place="",
            problem=f"{str(root)!r} has no folder 'dags'.",
            fix=f"set {PROJECT_VARIABLE} to a checkout of the project.",
        )
    return root
