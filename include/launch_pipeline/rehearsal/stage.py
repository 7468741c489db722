"""Sets the stage of a rehearsal: settings, users, the stand-in beside Airflow, and its environment file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import yaml

from launch_pipeline.checklist.files import include_folder
from launch_pipeline.people.contacts import Contacts, load_contacts
from launch_pipeline.rehearsal.standin.connections import connection_variables, overlay
from launch_pipeline.rehearsal.standin.plan import Part, StandInPlan
from launch_pipeline.runtime.home import prepare_home
from launch_pipeline.runtime.ports import LOOPBACK
from launch_pipeline.runtime.processes import ComponentSpec
from launch_pipeline.runtime.settings import StackSettings, User, home_folder, project_root

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RELEASE_MANAGER = "rita.release"
ADMIN = "admin"
ENVIRONMENT = "rehearsal"
ENVIRONMENTS_VARIABLE = "LAUNCH_ENVIRONMENTS"
STAND_IN = "stand-in"


def example_contacts() -> Path:
    """Give the file of invented people who take part."""
    return include_folder() / "contacts.example.yaml"


def committed_environment() -> dict[str, Any]:
    """Read the rehearsal's environment as it is in the project."""
    path = include_folder() / "environments" / f"{ENVIRONMENT}.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def users_of(contacts: Contacts) -> tuple[User, ...]:
    """Give everybody who may sign in: an administrator, the release manager, and the contacts."""
    people = [person.airflow_user for person in contacts.people if person.active and person.airflow_user]
    return (
        User(name=ADMIN, role="admin"),
        User(name=RELEASE_MANAGER, role="op"),
        *(User(name=name) for name in people),
    )


class Stage:
    """Everything that is decided before the stack starts."""

    def __init__(self, *, home: Path | None, port: int, broken: Iterable[Part]) -> None:
        root = project_root()
        # A rehearsal of its own home: the database of earnest launches is not for playing.
        folder = home or home_folder(None, root) / "rehearsal"
        self.contacts = load_contacts(example_contacts())
        settings = StackSettings.resolve(
            home=folder,
            root=root,
            port=port,
            users=users_of(self.contacts),
            rehearsal=True,
            # More workers than that only make the scheduler wait for the processor.
            parallelism=max(4, os.cpu_count() or 4),
            contacts=example_contacts(),
        )
        prepare_home(settings.home)
        self.plan = _plan(settings, tuple(broken))
        self.plan_file = settings.home / "stand-in.json"
        self.environments = settings.home / "environments"
        self.settings = settings.model_copy(update={"extra_environment": self._variables()})

    def _variables(self) -> dict[str, str]:
        return {
            **connection_variables(self.plan),
            ENVIRONMENTS_VARIABLE: str(self.environments),
            # Certificates of the stand-in are believed besides those that the system believes.
            "SSL_CERT_FILE": str(self.plan.trust_file),
        }

    def component(self) -> ComponentSpec:
        """Describe the stand-in's process, and write down what it needs."""
        self.plan.save(self.plan_file)
        return ComponentSpec(
            name=STAND_IN,
            command=(sys.executable, "-m", "launch_pipeline.rehearsal.standin", str(self.plan_file)),
            environment=self.settings.component_environment(),
        )

    def write_environment(self, schema_fingerprint: str) -> None:
        """Write the environment as it is in this rehearsal; it wins over the committed one."""
        self.environments.mkdir(exist_ok=True)
        content = overlay(committed_environment(), self.plan, schema_fingerprint)
        path = self.environments / f"{ENVIRONMENT}.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _plan(settings: StackSettings, broken: tuple[Part, ...]) -> StandInPlan:
    from launch_pipeline.checks.environment import Environment  # noqa: PLC0415 - only its pace is wanted

    password = settings.keys().postgres_password
    return StandInPlan.make(
        settings.home / "product",
        f"postgresql://postgres:{password}@{LOOPBACK}:{settings.database_port}/postgres",
        pace=Environment.model_validate(committed_environment()).pace,
        broken=broken,
    )
