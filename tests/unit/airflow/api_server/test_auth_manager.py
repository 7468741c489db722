"""The embedded stack's auth manager: it judges each question as FAB's own does with the same table."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.common.types import MenuItem

from launch_pipeline.airflow.api_server import auth_manager
from launch_pipeline.airflow.api_server.auth_manager import LaunchAuthManager
from launch_pipeline.airflow.deployment.fab_roles import PERMISSIONS, FabRole, permissions_of, written

with warnings.catch_warnings():
    # FAB's provider still imports a middleware that Starlette will take away.
    warnings.simplefilter("ignore")
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager

ACTIONS = ("can_read", "can_create", "can_edit", "can_delete", "menu_access")
MORE = {
    "Asset Aliases", "Configurations", "Connections", "Documentation", "Plugins", "Pools", "Providers",
    "Triggers", "Variables",
}  # fmt: skip
"""Resources that none of our roles has."""
METHODS = ("GET", "POST", "PUT", "DELETE")
DETAILS = (None, DagDetails(), DagDetails(id="launch"))
SINGLE = ("configuration", "connection", "asset", "asset_alias", "pool", "variable")


def questions() -> dict[str, tuple[str, dict[str, Any]]]:
    """Everything that Airflow 3.3 can ask a manager: a name, the method that is asked, its arguments."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for method in METHODS:
        for entity in (None, *DagAccessEntity):
            for details in DETAILS:
                given = {"method": method, "access_entity": entity, "details": details}
                found[f"dag {method} {entity} {details}"] = "is_authorized_dag", given
        for thing in SINGLE:
            found[f"{thing} {method}"] = f"is_authorized_{thing}", {"method": method}
    for view in AccessView:
        found[str(view)] = "is_authorized_view", {"access_view": view}
    return found


QUESTIONS = questions()
assert len(QUESTIONS) > 150


def users(role: FabRole) -> tuple[Any, Any]:
    """Return the same account for both managers."""
    held = [SimpleNamespace(name=role, permissions=[])]
    fab = SimpleNamespace(id=1, roles=held, perms=PERMISSIONS[role], get_id=lambda: 1)
    return SimpleAuthManagerUser(username="x", role=str(role)), fab


@pytest.mark.parametrize("role", PERMISSIONS)
def test_both_managers_answer_alike(role: FabRole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Role by role and question by question, the embedded stack says what FAB says of the same table."""
    ours, fabs = LaunchAuthManager(), FabAuthManager()
    monkeypatch.setattr(FabAuthManager, "_get_user_permissions", staticmethod(lambda user: user.perms))
    simple, fab = users(role)
    differ = [
        name
        for name, (what, given) in QUESTIONS.items()
        if getattr(ours, what)(user=simple, **given) != getattr(fabs, what)(user=fab, **given)
    ]
    assert differ == []
    menu = list(MenuItem)
    assert ours.filter_authorized_menu_items(menu, user=simple) == fabs.filter_authorized_menu_items(
        menu, fab
    )


def test_both_managers_want_the_same_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever one permission is missing, it is missed by both or by neither."""
    ours, fabs = LaunchAuthManager(), FabAuthManager()
    resources = {resource for granted in PERMISSIONS.values() for _, resource in granted} | MORE
    everything = frozenset((action, resource) for action in ACTIONS for resource in resources)
    monkeypatch.setattr(FabAuthManager, "_get_user_permissions", staticmethod(lambda user: user.perms))
    for missing in everything:
        granted = everything - {missing}
        monkeypatch.setattr(auth_manager, "permissions_of", lambda _, granted=granted: granted)
        simple, fab = users(FabRole.VIEWER)
        fab.perms = granted
        differ = [
            name
            for name, (what, given) in QUESTIONS.items()
            if getattr(ours, what)(user=simple, **given) != getattr(fabs, what)(user=fab, **given)
        ]
        assert differ == [], missing


def test_two_roles_add_up() -> None:
    """A person who answers and starts launches has the permissions of both roles, and no others."""
    word = written({FabRole.LAUNCHER, FabRole.APPROVER})
    assert permissions_of(word) == PERMISSIONS[FabRole.APPROVER] | PERMISSIONS[FabRole.LAUNCHER]


@pytest.mark.parametrize("word", [None, "", "ADMIN", "op", "user", "launch-nobody"])
def test_a_role_that_is_not_of_the_table_opens_nothing(word: str | None) -> None:
    """The simple manager's own words give nothing; in its mode without passwords nobody is administrator."""
    user = SimpleAuthManagerUser(username="x", role=word)
    manager = LaunchAuthManager()
    opened = [n for n, (what, given) in QUESTIONS.items() if getattr(manager, what)(user=user, **given)]
    assert opened == []


def test_an_admin_may_do_everything() -> None:
    """The stack's own administrator stays one, as FAB's does."""
    user = SimpleAuthManagerUser(username="admin", role="Admin")
    manager = LaunchAuthManager()
    assert all(getattr(manager, what)(user=user, **given) for what, given in QUESTIONS.values())


USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"


def test_a_token_counts_for_the_role_that_its_account_has_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token lasts a day: who lost a role, or the account, does not keep it that long."""
    manager, before = LaunchAuthManager(), {"sub": "noor.network", "role": "launch-launcher", "teams": []}
    monkeypatch.setenv(USERS, "noor.network:launch-approver,ada.technical:launch-launcher")
    assert manager.deserialize_user(before).role == "launch-approver"
    monkeypatch.setenv(USERS, "ada.technical:launch-launcher")
    with pytest.raises(ValueError, match=r"no account 'noor\.network' any more"):
        manager.deserialize_user(before)
