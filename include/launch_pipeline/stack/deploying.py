"""Initialise a deployment: make its databases match its secrets, contacts and files before anything starts.

Run it again to apply a change: rotated secrets, other people, other connections.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from launch_pipeline.airflow.connection_ids import (
    AIRFLOW_CONNECTION,
    LEDGER_CONNECTION,
    OWN_CONNECTIONS,
    SLACK_CONNECTION,
)
from launch_pipeline.airflow.deployment.fab_roles import FabAccount, FabRole
from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.approvals.deployed import CONTACTS_VARIABLE
from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.stack.databases import create_databases
from launch_pipeline.stack.production import AIRFLOW_VARIABLE, API_SERVER, SECRETS, SECRETS_VARIABLE
from launch_pipeline.stack.progress import Progress, silent, step
from launch_pipeline.stack.secret_files import CONNECTIONS_FILE, Secret, Secrets
from launch_pipeline.stack.settings import ADMIN_USER, PIPELINE_USER
from launch_pipeline.stack.slack_access import API, BRIDGE_USER, CHANNEL
from launch_pipeline.stack.stack import MIGRATION_TIMEOUT, migrate_ledger

if TYPE_CHECKING:
    from launch_pipeline.approvals.contacts import Contacts, Person

LAUNCHERS = "LAUNCH_LAUNCHERS"
DATABASE_TIMEOUT = 60.0


class DeploymentSettings(Frozen):
    """Settings of one deployment."""

    secrets: Path
    contacts: Path
    launchers: tuple[str, ...] = ()
    """Airflow users who may start launches."""
    airflow_url: str = API_SERVER
    channel: str = ""
    slack_api: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the variables. Raises ConfigurationError if no contacts file is named."""
        contacts = os.environ.get(CONTACTS_VARIABLE, "")
        if not contacts:
            problem = "is not set, so no request could be answered."
            fix = "set it to the path of the contacts file."
            raise ConfigurationError(CONTACTS_VARIABLE, "", problem, fix)
        return cls(
            secrets=Path(os.environ.get(SECRETS_VARIABLE) or SECRETS),
            contacts=Path(contacts),
            launchers=names_in(os.environ.get(LAUNCHERS, "")),
            airflow_url=os.environ.get(AIRFLOW_VARIABLE) or API_SERVER,
            channel=os.environ.get(CHANNEL, ""),
            slack_api=os.environ.get(API, ""),
        )


def names_in(text: str) -> tuple[str, ...]:
    """Split names at commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def initialise(settings: DeploymentSettings, progress: Progress = silent) -> list[str]:
    """Check secrets and contacts, then update databases, migrations, roles, accounts and connections.

    Returns what was changed, in words. Raises ConfigurationError before anything is changed, OperationError
    if a step fails. Finished steps are not undone; the next run continues.
    """
    secrets = Secrets(settings.secrets)
    with step(progress, "secrets and contacts"):
        secrets.require()
        people = load_contacts(settings.contacts)
        accounts = [*service_accounts(secrets), *accounts_of(people, settings)]
        _slack_whole(secrets, settings)
    said = []
    with step(progress, "databases"):
        if secrets.get(Secret.POSTGRES_PASSWORD):
            said += [f"{made} created" for made in _databases(secrets)]
    with step(progress, "migrations"):
        _migrate(secrets)
    with step(progress, "roles and accounts"):
        said += _accounts(accounts)
    with step(progress, "connections"):
        said += _connections(settings, secrets)
    return said


def _databases(secrets: Secrets) -> list[str]:
    import psycopg  # noqa: PLC0415 - not needed to read settings

    deadline = time.monotonic() + DATABASE_TIMEOUT
    while True:
        try:
            return create_databases(secrets.superuser_dsn(), secrets.databases())
        except psycopg.OperationalError as error:
            said = str(error).replace(secrets.get(Secret.POSTGRES_PASSWORD), "***").strip()
            if time.monotonic() > deadline or "password authentication failed" in said:
                message = (
                    f"the database server refuses us: {said}. A server keeps the password with which "
                    "it was first started: restore the secret postgres_password."
                )
                raise OperationError(message) from None
            time.sleep(1)


def _migrate(secrets: Secrets) -> None:
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(  # noqa: S603 - our own command line, no shell
        command, capture_output=True, text=True, check=False, timeout=MIGRATION_TIMEOUT
    )
    if done.returncode:
        raise OperationError(f"Airflow could not migrate its database:\n{done.stderr.strip()[-2000:]}")
    migrate_ledger(secrets.get(Secret.LEDGER_OWNER), secrets.databases().application.name)


def _accounts(accounts: list[FabAccount]) -> list[str]:
    from launch_pipeline.airflow.deployment.fab_accounts import establish  # noqa: PLC0415 - loads Airflow

    return establish(accounts)


def _connections(settings: DeploymentSettings, secrets: Secrets) -> list[str]:
    from launch_pipeline.airflow.deployment.connections import (  # noqa: PLC0415 - loads Airflow
        connection,
        keep_connections,
        read_connections,
    )

    wanted = read_connections(settings.secrets / CONNECTIONS_FILE, OWN_CONNECTIONS)
    own = own_connections(settings, secrets)
    wanted |= {conn_id: connection(conn_id, **fields) for conn_id, fields in own.items()}
    return keep_connections(wanted, set(OWN_CONNECTIONS) - set(own))


def own_connections(settings: DeploymentSettings, secrets: Secrets) -> dict[str, dict[str, Any]]:
    """Return the fields of the pipeline's own connections: ledger, Airflow, Slack."""
    ledger, airflow = urlsplit(secrets.get(Secret.LEDGER)), urlsplit(settings.airflow_url)
    login = secrets.databases().application
    found: dict[str, dict[str, Any]] = {
        LEDGER_CONNECTION: {
            "conn_type": "postgres",
            "host": ledger.hostname,
            "port": ledger.port,
            "login": login.name,
            "password": login.password,
            "schema": ledger.path.lstrip("/"),
        },
        AIRFLOW_CONNECTION: {
            "conn_type": airflow.scheme,
            "host": airflow.hostname,
            "port": airflow.port,
            "login": PIPELINE_USER,
            "password": secrets.get(Secret.PIPELINE_PASSWORD),
        },
    }
    if token := secrets.get(Secret.SLACK_BOT_TOKEN):
        extra = {
            "channel": settings.channel,
            **({"base_url": settings.slack_api} if settings.slack_api else {}),
        }
        found[SLACK_CONNECTION] = {"conn_type": "slack", "password": token, "extra": extra}
    return found


def _slack_whole(secrets: Secrets, settings: DeploymentSettings) -> None:
    given = {
        f"the secret {Secret.SLACK_BOT_TOKEN}": secrets.get(Secret.SLACK_BOT_TOKEN),
        f"the secret {Secret.SLACK_APP_TOKEN}": secrets.get(Secret.SLACK_APP_TOKEN),
        CHANNEL: settings.channel,
    }
    missing = [name for name, value in given.items() if not value]
    if missing and len(missing) < len(given):
        problem = f"Slack is only partly set up: {', '.join(missing)} missing."
        raise ConfigurationError("Slack", "", problem, "set all of it, or none of it to go without Slack.")


def service_accounts(secrets: Secrets) -> list[FabAccount]:
    """Return the accounts that belong to no person: administrator, pipeline, bridge."""
    rows = (
        (ADMIN_USER, "Administrator", FabRole.ADMIN, Secret.ADMIN_PASSWORD),
        (PIPELINE_USER, "Pipeline", FabRole.PIPELINE, Secret.PIPELINE_PASSWORD),
        (BRIDGE_USER, "Bridge", FabRole.BRIDGE, Secret.BRIDGE_PASSWORD),
    )
    return [
        FabAccount(
            username=name,
            first_name="Launch",
            last_name=last,
            email=f"{name}@launch.invalid",
            roles=frozenset({role}),
            password=secrets.get(secret),
        )
        for name, last, role, secret in rows
    ]


def accounts_of(people: Contacts, settings: DeploymentSettings) -> list[FabAccount]:
    """Return an account for each person with an ``airflow_user``.

    Raises ConfigurationError for a launcher who is not in the contacts.
    """
    strangers = [name for name in settings.launchers if people.by_airflow_user(name) is None]
    if strangers:
        problem = f"{', '.join(strangers)} is not the 'airflow_user' of a person in {settings.contacts}."
        raise ConfigurationError(LAUNCHERS, "", problem, "add the person there, or correct the name.")
    reserved = {ADMIN_USER, PIPELINE_USER, BRIDGE_USER}
    for person in people.people:
        if person.airflow_user in reserved:
            problem = f"{person.airflow_user!r} is an account of the deployment itself, not of a person."
            raise ConfigurationError(
                str(settings.contacts), "people.airflow_user", problem, "use another name."
            )
    return [_account(person, settings) for person in people.people if person.airflow_user]


def _account(person: Person, settings: DeploymentSettings) -> FabAccount:
    first, _, last = person.name.rpartition(" ")
    launches = person.airflow_user in settings.launchers
    roles = {FabRole.APPROVER, *([FabRole.LAUNCHER] if launches else [])} if person.active else set()
    return FabAccount(
        username=person.airflow_user or "",
        first_name=first or last,
        last_name=last,
        email=person.email,
        roles=frozenset(roles),
        active=person.active,
    )
