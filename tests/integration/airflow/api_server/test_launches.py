"""Who moves and ends a launch through Airflow: the person who signs in, if they may start one."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.ledger.launch import Launch, LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind
from servers.plugin_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from servers.include_folder import IncludeFolder
    from servers.plugin_server import PluginServer

pytestmark = pytest.mark.integration

LAUNCHER, APPROVER, VIEWER, BRIDGE, PIPELINE = (
    "ada.technical", "omar.operations", "selma.officer", "launch-slack", "launch-pipeline",
)  # fmt: skip
ROLES = {
    LAUNCHER: FabRole.LAUNCHER,
    APPROVER: FabRole.APPROVER,
    VIEWER: FabRole.VIEWER,
    BRIDGE: FabRole.BRIDGE,
    PIPELINE: FabRole.PIPELINE,
}
LATER = datetime(2040, 6, 1, 9, tzinfo=UTC)
POSTPONE = {"to": LATER.isoformat(), "reason": "the CDN is down"}
ABORT = {"reason": "release withdrawn"}
CHANGES = {"postpone": POSTPONE, "abort": ABORT}


@pytest.fixture(scope="module")
def server(
    airflow_dsn: str, include: IncludeFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PluginServer]:
    """Give an api-server whose accounts have the roles of a deployment, one each."""
    folder = tmp_path_factory.mktemp("api-server")
    options = {
        "AIRFLOW__CORE__AUTH_MANAGER": "launch_pipeline.airflow.api_server.auth_manager.LaunchAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in ROLES.items()
        ),
    }
    with serving(airflow_dsn, include, folder, **options) as running:
        # Passwords of accounts that the other tests do not have.
        running.passwords.update(json.loads((folder / "passwords.json").read_text()))
        yield running


@pytest.fixture
def launch(airflow_dsn: str) -> Launch:
    """Give a launch that is under way."""
    name = f"shop-{uuid.uuid4().hex}"
    return Launches(airflow_dsn).start(
        Launch(
            launch_id=name,
            environment=name,
            rehearsal=False,
            release="1.2.0",
            release_sha="a" * 40,
            launch_at=datetime.now(UTC) + timedelta(days=9),
            started_by="ada.technical",
        )
    )


def change(server: PluginServer, user: str, launch: Launch, what: str, **body: Any) -> httpx.Response:
    return server.post(f"/launch/launches/{launch.launch_id}/{what}", {**CHANGES[what], **body}, user)


def rows(dsn: str, launch: Launch, kind: EntryKind) -> list[dict[str, Any]]:
    return [entry.content for entry in Ledger(dsn).entries(launch.launch_id, kind)]


def test_launcher_moves_a_launch_under_their_own_name(
    server: PluginServer, airflow_dsn: str, launch: Launch
) -> None:
    """The row names the account that signed in, and that it came through Airflow."""
    reply = change(server, LAUNCHER, launch, "postpone")
    assert reply.status_code == 200, reply.text
    told = reply.json()
    # This launch has no environment; what rests on the time is then not known, and not called nothing.
    assert "does not exist" in told.pop("stale_unknown")
    assert told == {
        "launch_id": launch.launch_id, "launch_at": LATER.isoformat(), "state": "active", "held_at": None,
        "release": "1.2.0", "release_sha": "a" * 40, "stale": [],
    }  # fmt: skip
    (row,) = rows(airflow_dsn, launch, EntryKind.LAUNCH_POSTPONED)
    assert (row["by"], row["via"], row["reason"]) == (LAUNCHER, "airflow", POSTPONE["reason"])
    assert Launches(airflow_dsn).get(launch.launch_id).launch_at == LATER


def test_launcher_ends_a_launch_under_their_own_name(
    server: PluginServer, airflow_dsn: str, launch: Launch
) -> None:
    """Said twice, as a command that died in between is repeated, it stays with the first."""
    assert change(server, LAUNCHER, launch, "abort").status_code == 200
    again = change(server, LAUNCHER, launch, "abort", reason="again")
    assert (again.status_code, again.json()["state"]) == (200, "aborted")
    (row,) = rows(airflow_dsn, launch, EntryKind.LAUNCH_ABORTED)
    del row["ended_at"]
    assert row == {"by": LAUNCHER, "via": "airflow", "reason": ABORT["reason"]}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("field", ["by", "via", "started_by", "state"])
def test_no_field_names_another(
    server: PluginServer, airflow_dsn: str, launch: Launch, what: str, field: str
) -> None:
    """What a request says of who acts is refused, not believed."""
    reply = change(server, LAUNCHER, launch, what, **{field: "carla.cto"})
    assert reply.status_code == 422
    assert field in reply.json()["detail"]
    assert "carla.cto" not in reply.text
    _untouched(airflow_dsn, launch)


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("user", [APPROVER, VIEWER, BRIDGE, PIPELINE])
def test_account_that_may_start_no_launch_moves_and_ends_none(
    server: PluginServer, airflow_dsn: str, launch: Launch, user: str, what: str
) -> None:
    """403, before anything of the request is read."""
    path = f"/launch/launches/{launch.launch_id}/{what}"
    for body in (CHANGES[what], "no object", {"reason": "x" * 99999}):
        reply = server.post(path, body, user)
        assert (reply.status_code, reply.json()["code"]) == (403, "no_launcher")
    _untouched(airflow_dsn, launch)


@pytest.mark.parametrize("what", CHANGES)
def test_only_a_bearer_token_counts(
    server: PluginServer, airflow_dsn: str, launch: Launch, what: str
) -> None:
    """A browser sends cookies along with whatever page asks it to; nobody else gets further than the door."""
    path = f"/launch/launches/{launch.launch_id}/{what}"
    token = server.token(LAUNCHER)
    for headers in (
        {}, {"Cookie": f"_token={token}"}, {"Authorization": f"Basic {token}"},
        {"Authorization": "Bearer"}, {"Authorization": "Bearer a.b.c"}, {"Authorization": f"Bearer {token}x"},
    ):  # fmt: skip
        reply = server.send("POST", path, CHANGES[what], headers)
        assert (reply.status_code, reply.json()["code"]) == (401, "not_signed_in"), headers
    _untouched(airflow_dsn, launch)


UNREADABLE = {
    "no reason": ({"to": LATER.isoformat()}, 422),
    "a blank reason": ({**POSTPONE, "reason": "  "}, 409),
    "a time without zone": ({**POSTPONE, "to": "2040-06-01T09:00:00"}, 422),
    "a time in the past": ({**POSTPONE, "to": "2020-06-01T09:00:00Z"}, 409),
    "no object": ([], 422),
    "too long": ({**POSTPONE, "reason": "x" * 5000}, 422),
    "far too long": ({**POSTPONE, "reason": "x" * 99999}, 413),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_makes_no_sense_is_refused_in_words(
    server: PluginServer, airflow_dsn: str, launch: Launch, name: str
) -> None:
    """A sentence, and nothing in the ledger."""
    body, status = UNREADABLE[name]
    reply = server.post(f"/launch/launches/{launch.launch_id}/postpone", body, LAUNCHER)
    assert reply.status_code == status, reply.text
    assert len(reply.json()["detail"]) > 10
    _untouched(airflow_dsn, launch)


def test_unknown_launch_and_unknown_route(server: PluginServer) -> None:
    """409 with the known ones for a launch that is none; 404 or 405 for a path that is none."""
    unknown = server.post("/launch/launches/nothing/abort", ABORT, LAUNCHER)
    assert (unknown.status_code, "no launch 'nothing'" in unknown.json()["detail"]) == (409, True)
    for method, path in (("POST", "/x/start"), ("GET", "/x/abort"), ("DELETE", "/x"), ("POST", "/")):
        reply = server.send(method, f"/launch/launches{path}", {}, server.bearer(LAUNCHER))
        assert reply.status_code in {404, 405}
        assert server.send(method, f"/launch/launches{path}", {}, {}).status_code == 401


def _untouched(dsn: str, launch: Launch) -> None:
    found = Launches(dsn).get(launch.launch_id)
    assert (found.state, found.launch_at) == (LaunchState.ACTIVE, launch.launch_at)
    assert rows(dsn, launch, EntryKind.LAUNCH_POSTPONED) == rows(dsn, launch, EntryKind.LAUNCH_ABORTED) == []
