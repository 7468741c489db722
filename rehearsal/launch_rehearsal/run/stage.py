"""Prepare a rehearsal: settings, users, the fakes beside Airflow, and the environment file."""

from __future__ import annotations

import json
import os
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import SecretStr

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.approvals.contacts import Contacts, load_contacts
from launch_pipeline.checklist.files import include_folder
from launch_pipeline.stack.home import prepare_home
from launch_pipeline.stack.ports import LOOPBACK, free_ports
from launch_pipeline.stack.processes import ComponentSpec
from launch_pipeline.stack.settings import StackSettings, User, home_folder, project_root
from launch_pipeline.stack.slack_access import SlackAccess
from launch_rehearsal.product.base.plan import Part, ProductPlan
from launch_rehearsal.product.connections import connection_variables, overlay
from launch_rehearsal.slack_server.base.settings import (
    BRIDGE_TOKEN,
    CHECK_TOKEN,
    LAUNCH_CHANNEL,
    SOCKET_TOKEN,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RELEASE_MANAGER = "rita.release"
ADMIN = "admin"
ENVIRONMENT = "rehearsal"
ENVIRONMENTS_VARIABLE = "LAUNCH_ENVIRONMENTS"
PRODUCT = "fake-product"
SLACK = "slack"
"""Process name of the fake Slack."""


def example_contacts() -> Path:
    """Return the path of the invented people who take part."""
    return include_folder() / "contacts.example.yaml"


def committed_environment() -> dict[str, Any]:
    """Return the rehearsal's environment as committed in the project."""
    text = (files(__package__) / "environment.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def users_of(contacts: Contacts) -> tuple[User, ...]:
    """List the users who may sign in: an administrator, the release manager, and the contacts."""
    people = [person.airflow_user for person in contacts.people if person.active and person.airflow_user]
    return (
        User(name=ADMIN, roles=frozenset({FabRole.ADMIN})),
        User(name=RELEASE_MANAGER, roles=frozenset({FabRole.LAUNCHER})),
        *(User(name=name) for name in people),
    )


class Stage:
    """Hold what is decided before the stack starts."""

    def __init__(self, *, home: Path | None, port: int, broken: Iterable[Part]) -> None:
        root = project_root()
        # A home of its own: a rehearsal must not write into the database of real launches.
        folder = home or home_folder(None, root) / "rehearsal"
        self.contacts = load_contacts(example_contacts())
        self.slack_port = free_ports(1)[0]
        settings = StackSettings.resolve(
            home=folder,
            root=root,
            port=port,
            users=users_of(self.contacts),
            rehearsal=True,
            # With more workers the scheduler only waits for the processor.
            parallelism=max(4, os.cpu_count() or 4),
            contacts=example_contacts(),
            slack=SlackAccess(
                bot_token=SecretStr(BRIDGE_TOKEN),
                app_token=SecretStr(SOCKET_TOKEN),
                channel=LAUNCH_CHANNEL,
                api=f"{self.slack_url}/api/",
            ),
        )
        prepare_home(settings.home)
        self.plan = _plan(settings, tuple(broken))
        self.plan_file = settings.home / "product.json"
        self.environments = settings.home / "environments"
        self.settings = settings.model_copy(update={"extra_environment": self._variables()})
        # The form offers the environments present when the Dags are parsed, before the product is ready.
        self._keep(committed_environment())

    @property
    def slack_url(self) -> str:
        """Return the address of the page on which people see their Slack."""
        return f"http://{LOOPBACK}:{self.slack_port}"

    def _variables(self) -> dict[str, str]:
        checks = {
            "conn_type": "slack",
            "password": CHECK_TOKEN,
            "extra": {"base_url": f"{self.slack_url}/api/"},
        }
        return {
            **connection_variables(self.plan),
            "AIRFLOW_CONN_SLACK_CHECK": json.dumps(checks),
            ENVIRONMENTS_VARIABLE: str(self.environments),
            # The product's certificates are trusted beside those that the system trusts.
            "SSL_CERT_FILE": str(self.plan.trust_file),
        }

    def components(self) -> list[ComponentSpec]:
        """Describe the processes of the fake product and the fake Slack, and save the product's plan."""
        self.plan.save(self.plan_file)
        slack = ("--port", str(self.slack_port), "--contacts", str(self.settings.contacts))
        return [
            self._component(SLACK, "launch_rehearsal.slack_server", *slack),
            self._component(PRODUCT, "launch_rehearsal.product", str(self.plan_file)),
        ]

    def _component(self, name: str, module: str, *arguments: str) -> ComponentSpec:
        return ComponentSpec(
            name=name,
            command=(sys.executable, "-m", module, *arguments),
            environment=self.settings.component_environment(),
        )

    def write_environment(self, schema_fingerprint: str) -> None:
        """Write the environment file of this rehearsal."""
        self._keep(overlay(committed_environment(), self.plan, schema_fingerprint))

    def _keep(self, content: dict[str, Any]) -> None:
        self.environments.mkdir(exist_ok=True)
        path = self.environments / f"{ENVIRONMENT}.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _plan(settings: StackSettings, broken: tuple[Part, ...]) -> ProductPlan:
    from launch_pipeline.checks.engine.environment import Environment  # noqa: PLC0415 - only its pace is wanted

    password = settings.keys().postgres_password
    return ProductPlan.make(
        settings.home / "product",
        f"postgresql://postgres:{password}@{LOOPBACK}:{settings.database_port}/postgres",
        pace=Environment.model_validate(committed_environment()).pace,
        broken=broken,
    )
