"""The auth manager of the embedded stack: Airflow's simple one, with the narrow roles of a deployment.

The simple manager's own roles let every account that answers write XComs, mark runs and edit connections.
Here each request is judged by the table that a deployment gives to FAB (``fab_roles.py``), in the way in
which FAB's manager judges it: what is tried at home is what production does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.common.types import MenuItem

from launch_pipeline.airflow.deployment.fab_roles import permissions_of

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser as User

_ACTIONS = {
    "GET": "can_read",
    "POST": "can_create",
    "PUT": "can_edit",
    "PATCH": "can_edit",
    "DELETE": "can_delete",
    "MENU": "menu_access",
}
_OF_A_DAG = {
    DagAccessEntity.AUDIT_LOG: ("Audit Logs",),
    DagAccessEntity.CODE: ("DAG Code",),
    DagAccessEntity.DEPENDENCIES: ("DAG Dependencies",),
    DagAccessEntity.HITL_DETAIL: ("HITL Detail",),
    DagAccessEntity.RUN: ("DAG Runs",),
    DagAccessEntity.TASK: ("Task Instances",),
    DagAccessEntity.TASK_INSTANCE: ("DAG Runs", "Task Instances"),
    DagAccessEntity.TASK_LOGS: ("Task Logs",),
    DagAccessEntity.VERSION: ("DAG Versions",),
    DagAccessEntity.WARNING: ("DAG Warnings",),
    DagAccessEntity.XCOM: ("XComs",),
}
"""What FAB's manager asks for each part of a Dag: all of the resources."""
_VIEWS = {
    AccessView.CLUSTER_ACTIVITY: "Cluster Activity",
    AccessView.DOCS: "Documentation",
    AccessView.IMPORT_ERRORS: "ImportError",
    AccessView.JOBS: "Jobs",
    AccessView.PLUGINS: "Plugins",
    AccessView.PROVIDERS: "Providers",
    AccessView.TRIGGERS: "Triggers",
    AccessView.WEBSITE: "Website",
}
_MENU = {
    MenuItem.AUDIT_LOG: "Audit Logs",
    MenuItem.CONFIG: "Configurations",
    MenuItem.DAGS: "DAGs",
    MenuItem.DEADLINES: "DAG Runs",
    MenuItem.DOCS: "Documentation",
    MenuItem.REQUIRED_ACTIONS: "HITL Detail",
}
"""Entries of the menu whose resource has another name."""


class LaunchAuthManager(SimpleAuthManager):
    """Accounts and passwords of the simple manager, permissions of a deployment."""

    def deserialize_user(self, token: dict[str, Any]) -> User:
        """Give the account of a token with the role that it has now; a token lasts a day.

        Raises ValueError, which Airflow takes for a token that is not valid, where the account is no more.
        """
        name = super().deserialize_user(token).get_name()
        present = next((user for user in self.get_users() if user.get_name() == name), None)
        if present is None:
            message = f"there is no account {name!r} any more"
            raise ValueError(message)
        return present

    def is_authorized_configuration(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Judge a look at the configuration."""
        return _may(user, method, "Configurations")

    def is_authorized_connection(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Judge a connection."""
        return _may(user, method, "Connections")

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: User,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Judge a Dag, or a part of one, which needs reading or editing the Dag as well."""
        if access_entity is None:
            return _may(user, method, "DAGs")
        resources = _OF_A_DAG.get(access_entity, (access_entity.value,))
        of_the_dag: ResourceMethod = "GET" if method == "GET" else "PUT"
        # As FAB's manager: a list over all Dags is filtered by the Dags that the account may read.
        asks_the_dag = method == "GET" or bool(details and details.id)
        return all(_may(user, method, resource) for resource in resources) and (
            not asks_the_dag or _may(user, of_the_dag, "DAGs")
        )

    def is_authorized_asset(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Judge an asset."""
        return _may(user, method, "Assets")

    def is_authorized_asset_alias(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Judge an asset's alias."""
        return _may(user, method, "Asset Aliases")

    def is_authorized_pool(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Judge a pool."""
        return _may(user, method, "Pools")

    def is_authorized_variable(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Judge a variable."""
        return _may(user, method, "Variables")

    def is_authorized_view(self, *, access_view: AccessView, user: User) -> bool:
        """Judge one of Airflow's own pages."""
        method = "MENU" if access_view is AccessView.DOCS else "GET"
        return _may(user, method, _VIEWS.get(access_view, access_view.value))

    def is_authorized_custom_view(
        self, *, method: ResourceMethod | str, resource_name: str, user: User
    ) -> bool:
        """Judge a page of a plugin."""
        return _may(user, method, resource_name)

    def filter_authorized_menu_items(self, menu_items: list[MenuItem], *, user: User) -> list[MenuItem]:
        """Leave out what the account may not open."""
        return [item for item in menu_items if _may(user, "MENU", _MENU.get(item, item.value))]

    @staticmethod
    def _is_admin(user: User) -> bool:
        return permissions_of(user.role) is None


def _may(user: User, method: str, resource: str) -> bool:
    granted = permissions_of(user.role)
    return granted is None or (_ACTIONS.get(method, method), resource) in granted
