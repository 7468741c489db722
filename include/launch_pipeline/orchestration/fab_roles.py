"""Who may do what in Airflow under FAB: narrow roles, and the accounts that hold them, made by code.

A permission of FAB is an action on a resource. Answering a gate needs *edit HITL Detail* and *edit DAGs*;
marking a task by hand needs *edit Task Instances*, which whoever answers does not get. Clearing and marking
are one permission in Airflow: whoever starts launches has both, and ``phase_gate`` names what he marks.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from launch_pipeline.checks.verdict import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

Permission = tuple[str, str]
"""Action and resource, in FAB's words."""
Permissions = frozenset[Permission]


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
    # Gates and conductor read which task instances there are, and what a request was answered with.
    FabRole.PIPELINE: _PAGE | _all("can_read", "DAGs", "DAG Runs", "Task Instances", "HITL Detail"),
}
"""Exactly these; FAB's Admin has everything."""
PEOPLES_ROLES = frozenset({FabRole.APPROVER, FabRole.LAUNCHER})
"""Roles that only those have who are named; whoever is no longer named loses them."""
