"""Who holds and resumes a launch from Slack: the person who clicked, with the right of their own account."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import Launch, Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind
from servers.plugin_answers import MILO, NOOR, OMAR, SELMA, code, told
from servers.plugin_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from servers.include_folder import IncludeFolder
    from servers.plugin_server import PluginServer

pytestmark = pytest.mark.integration

CARLA, PRIYA = "U0LAUNCH04", "U0LAUNCH02"
ROLES = {
    "omar.operations": FabRole.APPROVER,
    "carla.cto": FabRole.VIEWER,
    "noor.network": FabRole.LAUNCHER,
    "selma.officer": FabRole.APPROVER,
    "launch-slack": FabRole.BRIDGE,
}
REASON = "the CDN is down"


@pytest.fixture(scope="module")
def server(
    airflow_dsn: str, include: IncludeFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PluginServer]:
    """Give an api-server whose accounts have the roles of a deployment."""
    folder = tmp_path_factory.mktemp("api-server")
    options = {
        "AIRFLOW__CORE__AUTH_MANAGER": "launch_pipeline.airflow.api_server.auth_manager.LaunchAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in ROLES.items()
        ),
    }
    with serving(airflow_dsn, include, folder, **options) as running:
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
            started_by="noor.network",
        )
    )


def hold(
    server: PluginServer, launch: Launch, slack_id: str, user: str = "launch-slack", **fields: Any
) -> httpx.Response:
    body = {"slack_id": slack_id, "launch_id": launch.launch_id, "hold": True, "reason": REASON}
    return server.post("/launch/hold", {**body, **fields}, user)


def rows(dsn: str, launch: Launch) -> list[tuple[str, str, str]]:
    kinds = (EntryKind.LAUNCH_HELD, EntryKind.LAUNCH_RESUMED)
    entries = [entry for entry in Ledger(dsn).entries(launch.launch_id) if entry.kind in kinds]
    return [(e.kind.value, str(e.content["by"]), str(e.content["via"])) for e in entries]


# ---- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slack_id", "wanted"),
    [
        ("U0UNKNOWN9", (403, "unknown_person")),
        (MILO, (403, "no_account")),
        (PRIYA, (403, "no_account")),
        (SELMA, (403, "not_yours")),
        (CARLA, (403, "no_launcher")),
    ],
    ids=["unknown", "without an account", "account that is gone", "without the role", "may only look"],
)
def test_others_are_refused(
    server: PluginServer, airflow_dsn: str, launch: Launch, slack_id: str, wanted: tuple[int, str]
) -> None:
    """A role needs an account that answers; an account needs the role. Nothing is appended."""
    assert code(hold(server, launch, slack_id)) == wanted
    assert rows(airflow_dsn, launch) == []


def test_refusal_names_who_may(server: PluginServer, launch: Launch) -> None:
    """So that the person can ask them."""
    assert "Omar Haddad" in told(hold(server, launch, SELMA)).detail


@pytest.mark.parametrize("user", ["omar.operations", "noor.network"])
def test_only_the_bridge_may_call(server: PluginServer, launch: Launch, user: str) -> None:
    """A person's own token does not act in the name of others, not even with the right."""
    assert code(hold(server, launch, OMAR, user)) == (403, "not_the_bridge")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"by": "carla.cto"}, (422, "unreadable")),
        ({"reason": None}, (422, "unreadable")),
        ({"reason": "x" * 4001}, (422, "unreadable")),
        ({"hold": "perhaps"}, (422, "unreadable")),
        ({"launch_id": "../x"}, (422, "unreadable")),
        ({"reason": " \u200b "}, (409, "refused")),
        ({"launch_id": "shop-of-no-one"}, (404, "launch_over")),
        ({"hold": False}, (409, "already_so")),
    ],
)
def test_other_requests_change_nothing(
    server: PluginServer, airflow_dsn: str, launch: Launch, fields: dict[str, Any], wanted: tuple[int, str]
) -> None:
    """No field names another actor; no reason, no launch, no hold to lift."""
    assert code(hold(server, launch, OMAR, **fields)) == wanted
    assert rows(airflow_dsn, launch) == []


def test_launch_that_is_over_is_not_held(server: PluginServer, airflow_dsn: str, launch: Launch) -> None:
    """Its card may still hang in the channel."""
    Launches(airflow_dsn).abort(launch.launch_id, "noor.network", "no longer wanted")
    assert code(hold(server, launch, OMAR)) == (404, "launch_over")


# ---- what counts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("slack_id", "name"), [(OMAR, "omar.operations"), (NOOR, "noor.network")])
def test_row_names_the_person(
    server: PluginServer, airflow_dsn: str, launch: Launch, slack_id: str, name: str
) -> None:
    """One who decides go/no-go, and a launcher without such a role: hold, then resume."""
    assert hold(server, launch, slack_id).json()["held"] is True
    assert Launches(airflow_dsn).get(launch.launch_id).held_at is not None
    assert code(hold(server, launch, slack_id)) == (409, "already_so")
    assert hold(server, launch, slack_id, hold=False, reason="it is back").json()["held"] is False
    assert Launches(airflow_dsn).get(launch.launch_id).held_at is None
    assert rows(airflow_dsn, launch) == [
        ("launch_held", name, "airflow"),
        ("launch_resumed", name, "airflow"),
    ]


def test_reason_stays_text(server: PluginServer, airflow_dsn: str, launch: Launch) -> None:
    """It is stored as it was typed."""
    nasty = "{{ 7*7 }} <script> '); DROP TABLE launch.ledger; --"
    assert hold(server, launch, OMAR, reason=nasty).status_code == 200
    (entry,) = Ledger(airflow_dsn).entries(launch.launch_id, EntryKind.LAUNCH_HELD)
    assert entry.content["reason"] == nasty


def test_no_other_launch_is_held(server: PluginServer, airflow_dsn: str, launch: Launch) -> None:
    """Only the one that the card names."""
    name = f"shop-{uuid.uuid4().hex}"
    fields = {"launch_id": name, "environment": name, "started_at": None, "planned_at": None}
    Launches(airflow_dsn).start(launch.model_copy(update=fields))
    Changes(airflow_dsn).hold(name, By("noor.network", REASON, Via.AIRFLOW))
    hold(server, launch, OMAR)
    hold(server, launch, OMAR, hold=False)
    assert Launches(airflow_dsn).get(name).held_at is not None
