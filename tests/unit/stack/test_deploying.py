"""What ``launch deploy init`` wants, worked out before anything is touched."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.deployment.fab_roles import PERMISSIONS, FabRole
from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.stack.deploying import (
    DeploymentSettings,
    accounts_of,
    initialise,
    own_connections,
    service_accounts,
)
from launch_pipeline.stack.secret_files import Secret, Secrets, make_secrets
from servers.slack import CONTACTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> DeploymentSettings:
    make_secrets(tmp_path, "127.0.0.1:1")
    contacts = tmp_path / "contacts.yaml"
    shutil.copy(CONTACTS, contacts)
    return DeploymentSettings(secrets=tmp_path / "secrets", contacts=contacts, launchers=("ada.technical",))


def changed(settings: DeploymentSettings, **fields: Any) -> DeploymentSettings:
    return settings.model_copy(update=fields)


def test_everybody_who_can_answer_has_an_account(settings: DeploymentSettings) -> None:
    """Approvers come from the contacts, launchers are named; no account gets a known password."""
    accounts = {each.username: each for each in accounts_of(load_contacts(settings.contacts), settings)}
    assert len(accounts) == 15
    assert accounts["ada.technical"].roles == {FabRole.APPROVER, FabRole.LAUNCHER}
    assert accounts["omar.operations"].roles == {FabRole.APPROVER}
    assert {each.password for each in accounts.values()} == {None}
    assert (accounts["ada.technical"].first_name, accounts["ada.technical"].last_name) == ("Ada", "Lindqvist")


def test_who_has_left_keeps_no_role(settings: DeploymentSettings) -> None:
    """An inactive person's account is closed and may nothing."""
    text = settings.contacts.read_text().replace("milo.product\n", "milo.product\n    active: false\n")
    settings.contacts.write_text(text)
    accounts = accounts_of(load_contacts(settings.contacts), settings)
    (milo,) = [account for account in accounts if account.username == "milo.product"]
    assert (milo.active, milo.roles) == (False, frozenset())


def test_launcher_who_is_nobody_is_refused(settings: DeploymentSettings) -> None:
    """A name that the contacts do not have is a mistake, not a new account."""
    with pytest.raises(ConfigurationError, match=r"LAUNCH_LAUNCHERS.*'?mallory"):
        initialise(changed(settings, launchers=("mallory",)))


@pytest.mark.parametrize("name", ["admin", "launch-slack", "launch-pipeline"])
def test_person_is_no_service_account(settings: DeploymentSettings, name: str) -> None:
    """A person with the bridge's account could answer for others."""
    settings.contacts.write_text(settings.contacts.read_text().replace("milo.product", name))
    with pytest.raises(ConfigurationError, match=name):
        initialise(settings)


def test_service_accounts_have_one_narrow_role_each(settings: DeploymentSettings) -> None:
    """And the password of their secret."""
    secrets = Secrets(settings.secrets)
    found = {each.username: (each.roles, each.password) for each in service_accounts(secrets)}
    assert found == {
        "admin": ({FabRole.ADMIN}, secrets.get(Secret.ADMIN_PASSWORD)),
        "launch-pipeline": ({FabRole.PIPELINE}, secrets.get(Secret.PIPELINE_PASSWORD)),
        "launch-slack": ({FabRole.BRIDGE}, secrets.get(Secret.BRIDGE_PASSWORD)),
    }


def test_roles_are_narrow() -> None:
    """Approvers may not mark tasks, launchers may not answer; the bridge reads, and the pipeline clears."""
    may = {role: {f"{action} {resource}" for action, resource in p} for role, p in PERMISSIONS.items()}
    assert "can_edit HITL Detail" in may[FabRole.APPROVER]
    assert not may[FabRole.APPROVER] & {"can_edit Task Instances", "can_create DAG Runs", "can_edit DAG Runs"}
    assert "can_edit HITL Detail" not in may[FabRole.LAUNCHER]
    assert all(permission.startswith("can_read ") for permission in may[FabRole.BRIDGE])
    changes = {permission for permission in may[FabRole.PIPELINE] if not permission.startswith("can_read ")}
    assert changes == {"can_edit DAGs", "can_edit DAG Runs", "can_edit Task Instances"}
    for permissions in may.values():
        assert not [p for p in permissions if "delete" in p or "Connections" in p or "Variables" in p]


def test_slack_by_half_is_refused_and_none_of_it_is_fine(settings: DeploymentSettings) -> None:
    """What is missing of it is named before anything is touched."""
    with pytest.raises(ConfigurationError, match="slack_bot_token, the secret slack_app_token missing"):
        initialise(changed(settings, channel="C0123456789"))
    assert "launch_slack" not in own_connections(settings, Secrets(settings.secrets))
    (settings.secrets / Secret.SLACK_BOT_TOKEN).write_text("xoxb-1")
    slack = own_connections(changed(settings, channel="C1"), Secrets(settings.secrets))["launch_slack"]
    assert slack == {"conn_type": "slack", "password": "xoxb-1", "extra": {"channel": "C1"}}


def test_contacts_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without contacts no person could answer."""
    monkeypatch.delenv("LAUNCH_CONTACTS", raising=False)
    with pytest.raises(ConfigurationError, match="LAUNCH_CONTACTS"):
        DeploymentSettings.from_environment()
