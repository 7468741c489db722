"""Every route of an api-server and what stops it (docs/routes.yaml), and how each is asked."""

from __future__ import annotations

import re
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from servers.plugin_server import an_item
from servers.routes_of import FLASK

if TYPE_CHECKING:
    import httpx

    from servers.signed_in import SignedIn

ROUTES = Path(__file__).resolve().parents[2] / "docs" / "routes.yaml"
KNOWN: dict[str, Any] = yaml.safe_load(ROUTES.read_text())
NEXT: dict[str, Any] = KNOWN["next"]
INSTALLED = version("apache-airflow-core")
DAG, _ = an_item(owner="operations_lead", mode="approval")
NOBODY, ANYBODY = "account", "everybody"
"""Words beside the roles: whoever is signed in, and whoever asks."""
SHUT = frozenset({"token", "door", "option"})
"""What stops an Admin as well, where no role is named."""
OFF = frozenset({"POST /api/v2/connections/test", "POST /api/v2/connections/enqueue-test"})
"""Switched off for everybody: [core] test_connection."""
NOT_FOUND = 404
_NUMBERS = ("asset_id", "event_log_id", "import_error_id", "asset_alias_id", "map_index", "offset")
_DUMMIES = {
    **dict.fromkeys(_NUMBERS, "999999"),
    "task_instance_id": str(uuid.UUID(int=7)),
    "connection_test_id": str(uuid.UUID(int=7)),
    "pk": "999999",
    "try_number": "1",
}
_DROP = {"actions": [{"action": "delete", "entities": ["nothing"], "action_on_non_existence": "skip"}]}
_MARK = {"actions": [{"action": "update", "entities": [{"dag_run_id": "nothing", "state": "success"}]}]}
_PAUSE = {"actions": [{"action": "update", "entities": [{"dag_id": DAG, "is_paused": False}]}]}
_DAG_RUNS = "/api/v2/dags/{dag_id}/dagRuns"
_BODIES: dict[str, Any] = {
    "PATCH /api/v2/connections": _DROP,
    "PATCH /api/v2/pools": _DROP,
    "PATCH /api/v2/variables": _DROP,
    "POST /api/v2/connections/enqueue-test": {"connection_id": "nothing", "conn_type": "http"},
    f"PATCH {_DAG_RUNS}": _MARK,
    "POST /api/v2/dags/{dag_id}/clearDagRuns": {"dry_run": True, "dag_runs": [{"dag_run_id": "nothing"}]},
    "PATCH /api/v2/dags": {"is_paused": False},
    "PATCH /api/v2/dags/{dag_id}": {"is_paused": False},
    "PATCH /api/v2/dags/bulk": _PAUSE,
    # From Airflow 3.4 on, the permission is asked of the body's asset.
    "POST /api/v2/assets/events": {"asset_id": 999999},
}
_BACKFILL = """
    INSERT INTO backfill (dag_id, from_date, to_date, dag_run_conf, is_paused, reprocess_behavior,
                          max_active_runs, created_at, completed_at, updated_at)
    VALUES (%s, now(), now(), '{}', false, 'none', 1, now(), now(), now()) RETURNING id
"""


class Judged(NamedTuple):
    """One route, and what was said of it."""

    route: str
    roles: frozenset[str]
    stopped_by: str

    @property
    def method(self) -> str:
        """The first word."""
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        """Without the method, and without the mark of Flask."""
        return self.route.partition(" ")[2].removeprefix(FLASK)

    @property
    def of_flask(self) -> bool:
        """Whether FAB's Flask application serves it."""
        return FLASK in self.route

    @property
    def of_accounts(self) -> bool:
        """Whether it is there with FAB only."""
        return self.of_flask or self.path.startswith("/auth/fab") or self.path == "/auth/logout"

    def said(self, role: FabRole, status: int) -> str:
        """Say how a status differs from what the list says; empty where it does not."""
        if self.route in OFF and role is FabRole.ADMIN:
            return ""
        # Airflow does not say of a backfill whether it is there, to those who may not read its Dag.
        refused = status in ({401, 403, 404} if "{backfill_id}" in self.path else {401, 403})
        refused = refused and not (self.lets(role) and status == NOT_FOUND)
        return f"{self.route} as {role}: {status}" if refused == self.lets(role) else ""

    def lets(self, role: FabRole) -> bool:
        """Whether this role gets through."""
        if role is FabRole.ADMIN:
            return self.stopped_by not in SHUT
        return bool(self.roles & {role.removeprefix("launch-"), NOBODY, ANYBODY})


def judged() -> list[Judged]:
    """Give every route of the list for the installed Airflow, those that are only read aside."""
    is_next = NEXT["airflow"] == INSTALLED
    groups, gone = (NEXT["judged"], set(NEXT["gone"])) if is_next else ([], set())
    return [
        Judged(route, frozenset(group["roles"]), group["stopped_by"])
        for group in [*KNOWN["judged"], *groups]
        for route in group["routes"]
        if route not in gone
    ]


def unjudged(routes: list[list[str]]) -> list[str]:
    """Give the routes of a server that nobody has judged."""
    known = {each.route for each in judged()}
    found = {f"{method} {path}" for method, path in routes}
    patterns = [re.compile(each["pattern"]) for each in KNOWN["reading"]]
    return sorted(r for r in found - known if not any(pattern.search(r) for pattern in patterns))


class Asking:
    """Asks an api-server its routes with ids of nothing, so that no answer changes anything."""

    def __init__(self, api: SignedIn) -> None:
        self._api = api
        ((backfill,),) = api.rows.execute(_BACKFILL, DAG)
        token = api.call("admin", "GET", f"/api/v2/dags/{DAG}").json()["file_token"]
        self._values = {**_DUMMIES, "backfill_id": str(backfill), "file_token": token}

    def ask(self, judged: Judged, role: FabRole) -> httpx.Response:
        """Ask one route as one role."""
        user = self._api.account(role)
        return self._api.call(user, judged.method, self.path_of(judged), self.body_of(judged))

    def path_of(self, judged: Judged) -> str:
        """Return the route's path with ids of nothing in every place, but an existing Dag where it may be."""
        dag = DAG if judged.method not in {"DELETE", "PUT"} else "nothing"
        values = {**self._values, "dag_id": dag}
        return re.sub(
            r"[{<](?:string:|path:)?(\w+)(?::path)?[}>]",
            lambda part: values.get(part[1], "nothing"),
            judged.path,
        )

    @staticmethod
    def body_of(judged: Judged) -> Any:
        """Return a body that could not be accepted, or the least that lets a permission be asked."""
        return None if judged.method == "GET" else _BODIES.get(judged.route, {})
