"""Create and update FAB's roles and accounts of a deployment. A second run changes nothing."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.deployment.fab_roles import PEOPLES_ROLES, PERMISSIONS, FabRole
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.airflow.deployment.fab_roles import FabAccount, Permissions


def establish(accounts: Iterable[FabAccount]) -> list[str]:
    """Bring roles and accounts to the wanted state, and return the changes in words.

    Roles of this project get exactly their permissions. An account's other roles stay, and its password
    changes only where one is given. Approvers and launchers that are not wanted lose that role.
    """
    wanted = {account.username: account for account in accounts}
    with _security_manager() as manager:
        said = [
            line for role, permissions in PERMISSIONS.items() for line in _role(manager, role, permissions)
        ]
        for account in wanted.values():
            said += _account(manager, account)
        return said + list(_retired(manager, set(wanted)))


@contextmanager
def _security_manager() -> Iterator[Any]:
    # Exists only where the provider is installed; loads Airflow and Flask.
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder  # noqa: PLC0415
    from airflow.providers_manager import ProvidersManager  # noqa: PLC0415

    # FAB's options have defaults only once the providers are loaded.
    providers: Any = ProvidersManager
    providers().initialize_providers_configuration()
    with get_application_builder() as made:
        builder: Any = made
        # As 'airflow sync-perm' does: the permissions that exist, and FAB's own roles.
        builder.add_permissions(update_perms=True)
        builder.sm.sync_roles()
        yield builder.sm


def _role(manager: Any, role: FabRole, wanted: Permissions) -> Iterator[str]:
    kept = manager.add_role(str(role))
    have = {(p.action.name, p.resource.name) for p in kept.permissions}
    if have == wanted:
        return
    kept.permissions = [manager.create_permission(*permission) for permission in sorted(wanted)]
    manager.session.commit()
    yield f"role {role}: {len(wanted - have)} permissions granted, {len(have - wanted)} revoked"


def _account(manager: Any, account: FabAccount) -> Iterator[str]:
    roles = [manager.find_role(str(role)) for role in sorted(account.roles)]
    user = manager.find_user(username=account.username)
    if user is None:
        _refuse_a_taken_address(manager, account)
        password = account.password or secrets.token_urlsafe(32)
        names = (account.username, account.first_name, account.last_name, account.email)
        user = manager.add_user(*names, roles, password)
        user.active = account.active
        manager.update_user(user)
        yield f"account {account.username} created with {_names(roles)}"
        return
    if user.username != account.username:
        problem = f"Airflow has the account as {user.username!r}; upper and lower case must match."
        fix = f"write 'airflow_user: {user.username}' in the contacts."
        raise ConfigurationError("Airflow's accounts", account.username, problem, fix)
    if account.password and not manager.check_password(account.username, account.password):
        manager.reset_password(user.id, account.password)
        yield f"account {account.username}: password reset to that of the secret"
    changes = list(_differences(user, account, roles))
    if changes:
        manager.update_user(user)
    yield from changes


def _differences(user: Any, account: FabAccount, roles: list[Any]) -> Iterator[str]:
    """Bring a user to the wanted state, and yield the changes in words; roles of others stay."""
    wanted = [role for role in user.roles if role.name not in set(FabRole)] + roles
    if {role.name for role in user.roles} != {role.name for role in wanted}:
        yield f"account {account.username}: roles changed from {_names(user.roles)} to {_names(wanted)}"
        user.roles = wanted
    if bool(user.active) != account.active:
        yield f"account {account.username} is {'active again' if account.active else 'no longer active'}"
        user.active = account.active


def _refuse_a_taken_address(manager: Any, account: FabAccount) -> None:
    other = manager.find_user(email=account.email)
    if other is not None:
        problem = f"{account.email!r} already belongs to the account {other.username!r}."
        fix = f"correct 'email' or 'airflow_user' of {account.username!r}, or delete the other account."
        raise ConfigurationError("Airflow's accounts", account.username, problem, fix)


def _retired(manager: Any, wanted: set[str]) -> Iterator[str]:
    """Revoke the roles of people from accounts that are no longer wanted."""
    for user in manager.get_all_users():
        lost = [role for role in user.roles if role.name in PEOPLES_ROLES]
        if lost and user.username not in wanted:
            user.roles = [role for role in user.roles if role not in lost]
            manager.update_user(user)
            yield f"account {user.username} is no longer named and loses {_names(lost)}"


def _names(roles: Iterable[Any]) -> str:
    return ", ".join(sorted(role.name for role in roles)) or "no role"
