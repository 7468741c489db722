"""Who may do what in Airflow: narrow roles, and the accounts that hold them, made by code.

A permission is an action on a resource, in FAB's words. A deployment gives them to FAB; the auth manager of
the embedded stack (``auth_manager.py``) reads the same table. Answering a gate needs *edit HITL Detail* and
*edit DAGs*; marking a task by hand needs *edit Task Instances*, which an approver does not get. Clearing and
marking are one permission in Airflow: a launcher has both, and ``phase_gate`` names what was marked.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Permission = tuple[str, str]
"""Action and resource, in FAB's words."""
Permissions = frozenset[Permission]
_JOINED = "+"


class FabRole(StrEnum):
    """The roles of a deployment; the last one is FAB's own."""

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
    """None: whoever has none yet gets one that nobody knows, and an administrator sets another."""
    active: bool = True


def _all(action: str, *resources: str) -> Permissions:
    return frozenset((action, resource) for resource in resources)


_PAGE = _all("can_read", "Website")
"""FAB gives it to every role of one's own."""
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
    # What the bridge calls is behind a door of its own, which looks at the account's name.
    FabRole.BRIDGE: _PAGE,
    # Gates and conductor read which task instances there are, what a request was answered with, and, in the
    # audit log, who marked a task by hand.
    FabRole.PIPELINE: _PAGE
    | _all("can_read", "DAGs", "DAG Runs", "Task Instances", "HITL Detail", "Audit Logs"),
}
"""Exactly these; FAB's Admin has everything."""
PEOPLES_ROLES = frozenset({FabRole.APPROVER, FabRole.LAUNCHER})
"""Roles that only people who are named have; they lose them once they are no longer named."""


def written(roles: Iterable[FabRole]) -> str:
    """Write an account's roles as one word, for ``[core] simple_auth_manager_users``."""
    return _JOINED.join(sorted(roles))


def permissions_of(word: str | None) -> Permissions | None:
    """Read the permissions of such a word; None means everything, which is what an Admin has.

    A role that is not of this table opens nothing.
    """
    roles = (word or "").split(_JOINED)
    if FabRole.ADMIN in roles:
        return None
    return frozenset().union(*(PERMISSIONS[FabRole(role)] for role in roles if role in set(FabRole)))
