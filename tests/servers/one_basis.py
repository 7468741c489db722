"""One item, and what its record would rest on in a launch with given settings."""

from __future__ import annotations

from typing import Any

from launch_pipeline.approvals.contacts import Contacts
from launch_pipeline.checklist.model import Item
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.in_force import Settings, names_in_force

LAUNCH = LaunchContext(
    launch_id="shop-1.2",
    environment="test",
    release="1.2.0",
    release_sha="a" * 40,
    launch_at="2030-05-06T09:00:00+00:00",
)
PATH = {"http_request": {"path": "/health"}}


def an_item(**changes: Any) -> Item:
    """Make a check with approval by the Security Lead; any field changed by name."""
    fields: dict[str, Any] = {
        "id": "tls",
        "text": "TLS certificates are valid",
        "mode": "check+approval",
        "owner": "security_lead",
        "question": "Are they valid?",
        "how": "Look at the certificates.",
        "on_failure": "Renew them.",
        "checks": [PATH],
        **changes,
    }
    return Item.model_validate({name: value for name, value in fields.items() if value is not None})


def settings(product: dict[str, Any] | None = None, **variables: Any) -> Settings:
    """Make settings of these variables."""
    return Settings(Environment(name="test", variables=variables), product or {})


def names(
    item: Item, of: Settings | None = None, contacts: Contacts | None = None, **launch: Any
) -> dict[str, str]:
    """Return what a record of an item would rest on; fields of the launch changed by name."""
    return names_in_force(of or settings(), LAUNCH.model_copy(update=launch), item, contacts)


def people(**roles: str) -> Contacts:
    """Make contacts of Ada and Bo, who hold these roles."""
    persons = [
        {
            "id": each,
            "name": each.title(),
            "email": f"{each}@example.org",
            "phone": "+1",
            "airflow_user": each,
        }
        for each in ("ada", "bo")
    ]
    held = {role: {"primary": person} for role, person in roles.items()}
    return Contacts.model_validate({"people": persons, "roles": held})
