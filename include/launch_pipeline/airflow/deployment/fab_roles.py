"""Roles and their permissions in Airflow, and the accounts of a deployment.

A permission is an action on a resource, in FAB's terms. A deployment gives them to FAB; the auth manager of
the embedded stack (``auth_manager.py``) reads the same table. Answering a request needs *edit HITL Detail*
and *edit DAGs*. Setting a task's state by hand needs *edit Task Instances*, which approvers do not get.
Clearing a task and setting its state are one permission in Airflow: launchers have both, and ``phase_gate``
names the tasks whose state was set.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Permission = tuple[str, str]
"""Action and resource, in FAB's terms."""
Permissions = frozenset[Permission]
_JOINED = "+"


class FabRole(StrEnum):
    """The roles of a deployment; ``Admin`` is FAB's own."""

    VIEWER = "launch-viewer"
    APPROVER = "launch-approver"
    LAUNCHER = "launch-launcher"
    BRIDGE = "launch-bridge"
    PIPELINE = "launch-pipeline"
    ADMIN = "Admin"


class FabAccount(Frozen):
    """An account that a deployment must have."""

    username: str
    first_name: str
    last_name: str
    email: str
    roles: frozenset[FabRole]
    password: str | None = None
    """None: a new account gets a random one, which an administrator replaces."""
    active: bool = True


def _all(action: str, *resources: str) -> Permissions:
    return frozenset((action, resource) for resource in resources)


_PAGE = _all("can_read", "Website")
"""FAB adds it to every custom role."""
_READ = _PAGE | _all(
    "can_read",
    *("DAGs", "DAG Code", "DAG Dependencies", "DAG Runs", "DAG Versions", "DAG Warnings"),
    *("Task Instances", "Task Logs", "XComs", "HITL Detail", "ImportError", "Jobs", "Assets"),
    *("Cluster Activity", "My Password", "My Profile"),
)
_OWN = _all("can_edit", "My Password", "My Profile")
_MENUS = _all("menu_access", "DAGs", "DAG Runs", "Task Instances", "HITL Detail", "Browse")
_VIEW = _READ | _OWN | _MENUS

PERMISSIONS: Mapping[FabRole, Permissions] = {
    FabRole.VIEWER: _VIEW,
    FabRole.APPROVER: _VIEW | _all("can_edit", "DAGs", "HITL Detail"),
    FabRole.LAUNCHER: _VIEW
    | _all("can_edit", "DAGs", "DAG Runs", "Task Instances")
    | _all("can_create", "DAG Runs"),
    # The bridge's routes check the name of its account (api_server/bridge/app.py).
    FabRole.BRIDGE: _PAGE,
    # Gates and conductor read task instances, answers to requests and, in the audit log, who set a task's
    # state by hand. The watch clears what has to be verified again.
    FabRole.PIPELINE: _PAGE
    | _all("can_read", "DAGs", "DAG Runs", "Task Instances", "HITL Detail", "Audit Logs")
    | _all("can_edit", "DAGs", "DAG Runs", "Task Instances"),
}
"""The complete permissions of each role; FAB's Admin has all."""
PEOPLES_ROLES = frozenset({FabRole.APPROVER, FabRole.LAUNCHER})
"""Roles granted only to the people that a deployment names; ``init`` revokes them from all others."""


def written(roles: Iterable[FabRole]) -> str:
    """Write an account's roles as one word for ``[core] simple_auth_manager_users``."""
    return _JOINED.join(sorted(roles))


def permissions_of(word: str | None) -> Permissions | None:
    """Return the permissions of such a word; None means all, as for an Admin.

    A role that is not in the table has none.
    """
    roles = (word or "").split(_JOINED)
    if FabRole.ADMIN in roles:
        return None
    return frozenset().union(*(PERMISSIONS[FabRole(role)] for role in roles if role in set(FabRole)))
