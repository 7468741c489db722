"""The auth manager of the embedded stack: Airflow's simple one, with the narrow roles of a deployment.

With the simple manager's own roles, every account that answers may also write XComs, mark runs and edit
connections. This manager authorizes each request by the table that a deployment gives to FAB
(``fab_roles.py``), as FAB's manager does, so the embedded stack permits what production permits.
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
"""Resources that FAB's manager requires for each part of a Dag, all of them."""
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
    # From Airflow 3.4 on.
    **{item: "DAGs" for item in MenuItem if item.name == "DAG_BUNDLES"},
}
"""Menu entries whose resource has another name."""


class LaunchAuthManager(SimpleAuthManager):
    """Has the accounts and passwords of the simple manager, and the permissions of a deployment."""

    def deserialize_user(self, token: dict[str, Any]) -> User:
        """Return the account of a token with its current role; a token is valid for a day.

        Raises ValueError where the account no longer exists, which Airflow treats as an invalid token.
        """
        name = super().deserialize_user(token).get_name()
        present = next((user for user in self.get_users() if user.get_name() == name), None)
        if present is None:
            message = f"there is no account {name!r} any more"
            raise ValueError(message)
        return present

    def is_authorized_configuration(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Authorize reading the configuration."""
        return _may(user, method, "Configurations")

    def is_authorized_connection(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Authorize a request for connections."""
        return _may(user, method, "Connections")

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: User,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Authorize a request for a Dag, or for a part of one, which requires the Dag as well."""
        if access_entity is None:
            return _may(user, method, "DAGs")
        resources = _OF_A_DAG.get(access_entity, (access_entity.value,))
        of_the_dag: ResourceMethod = "GET" if method == "GET" else "PUT"
        # As with FAB: a list over all Dags is filtered later by the Dags that the account may read.
        asks_the_dag = method == "GET" or bool(details and details.id)
        return all(_may(user, method, resource) for resource in resources) and (
            not asks_the_dag or _may(user, of_the_dag, "DAGs")
        )

    def is_authorized_asset(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Authorize a request for assets."""
        return _may(user, method, "Assets")

    def is_authorized_asset_alias(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Authorize a request for asset aliases."""
        return _may(user, method, "Asset Aliases")

    def is_authorized_pool(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Authorize a request for pools."""
        return _may(user, method, "Pools")

    def is_authorized_variable(self, *, method: ResourceMethod, user: User, **_: object) -> bool:
        """Authorize a request for variables."""
        return _may(user, method, "Variables")

    def is_authorized_view(self, *, access_view: AccessView, user: User) -> bool:
        """Authorize one of Airflow's own pages."""
        method = "MENU" if access_view is AccessView.DOCS else "GET"
        return _may(user, method, _VIEWS.get(access_view, access_view.value))

    def is_authorized_custom_view(
        self, *, method: ResourceMethod | str, resource_name: str, user: User
    ) -> bool:
        """Authorize a page of a plugin."""
        return _may(user, method, resource_name)

    def filter_authorized_menu_items(self, menu_items: list[MenuItem], *, user: User) -> list[MenuItem]:
        """Return the menu entries that the account may open."""
        return [item for item in menu_items if _may(user, "MENU", _MENU.get(item, item.value))]

    @staticmethod
    def _is_admin(user: User) -> bool:
        return permissions_of(user.role) is None


def _may(user: User, method: str, resource: str) -> bool:
    granted = permissions_of(user.role)
    return granted is None or (_ACTIONS.get(method, method), resource) in granted
