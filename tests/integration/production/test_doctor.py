"""``launch doctor --deployment``: each row, broken on purpose in a running deployment, and mended again."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.hooks.rest_client import AirflowApi
from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.doctor.deployment import airflow, ledger, slack
from launch_pipeline.doctor.deployment.examined import Examined
from launch_pipeline.doctor.deployment.run import examine
from launch_pipeline.doctor.rows import RowStatus
from launch_pipeline.stack.secret_files import Secret
from launch_rehearsal.slack_server.base.settings import BRIDGE_TOKEN, CHECK_TOKEN, LAUNCH_CHANNEL
from servers.chains import append_some, tamper
from servers.ledger_roles import owned_ledger
from servers.scripted_http import ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from launch_pipeline.doctor.rows import Row
    from servers.deployed_api import DeployedApi

pytestmark = pytest.mark.integration

DEAD = "postgresql://launch_app:planted-password@127.0.0.1:1/launch"


@pytest.fixture(scope="module")
def deployed(api: DeployedApi, production: Path, slack: str) -> Examined:
    """Give the deployment as the doctor reaches it."""
    return Examined(
        api=AirflowApi(api.url, "admin", api.passwords["admin"], attempts=1),
        contacts=production / "config" / "contacts.yaml",
        ledger=api.secrets.get(Secret.LEDGER),
        bot_token=BRIDGE_TOKEN,
        channel=LAUNCH_CHANNEL,
        slack_api=slack,
        connections=production / "secrets" / "connections.yaml",
    )


def statuses(look: Callable[[Examined], Iterator[Row]], deployed: Examined) -> list[RowStatus]:
    """How every row of one look stands."""
    return [row.status for row in look(deployed)]


def broken(look: Callable[[Examined], Iterator[Row]], deployed: Examined) -> list[Row]:
    """Return the rows of one look that are not as they must be; each says what to do."""
    rows = [row for row in look(deployed) if row.wrong]
    assert all(row.fix for row in rows)
    return rows


@contextmanager
def changed(api: DeployedApi, change: str, back: str) -> Iterator[None]:
    """Break something in Airflow's database for a while."""
    api.rows.execute(change)
    try:
        yield
    finally:
        api.rows.execute(back)


GOOD = {
    "open_door": airflow.open_door,
    "plugin": airflow.plugin,
    "guard": airflow.guard,
    "dags": airflow.dags,
    "people": airflow.people,
    "connections": airflow.connections,
    "slack": slack.slack,
    "ledger": ledger.ledger,
    "clock": ledger.clock,
}


@pytest.mark.parametrize("look", GOOD.values(), ids=GOOD)
def test_nothing_is_wrong_where_nothing_is(
    deployed: Examined, look: Callable[[Examined], Iterator[Row]]
) -> None:
    """Every row is ok in a deployment that is."""
    rows = list(look(deployed))
    assert rows
    assert [row for row in rows if row.status is not RowStatus.OK] == []


# ---- Airflow ----------------------------------------------------------------------------------------


def test_component_that_does_not_beat(deployed: Examined) -> None:
    """No scheduler runs yet in this deployment: it is named, with the log to look at."""
    (row,) = [row for row in broken(airflow.airflow, deployed) if row.what == "scheduler"]
    assert "docker compose logs scheduler" in row.fix


@pytest.fixture
def bare() -> Iterator[tuple[ScriptedHttp, Examined]]:
    """Give a server that answers as Airflow does where nothing of ours is, and it as a deployment."""
    with ScriptedHttp() as server:
        server.reply("POST", "/auth/token", {"access_token": "t"})
        yield server, Examined(AirflowApi(server.url, "admin", "x", attempts=1), None, None)


def test_open_door(bare: tuple[ScriptedHttp, Examined]) -> None:
    """A token for nobody in particular, or Dags for whoever asks, is told."""
    server, deployed = bare
    server.reply("GET", "/api/v2/dags", (401, {}), (200, {}))
    server.reply("GET", "/auth/token", (403, {}), (404, {}), (201, {"access_token": "anybody's"}))
    assert statuses(airflow.open_door, deployed) == [RowStatus.OK]
    assert "without signing in" in broken(airflow.open_door, deployed)[0].says
    assert "administrator" in broken(airflow.open_door, deployed)[0].says


def test_plugin_that_is_not_loaded(bare: tuple[ScriptedHttp, Examined]) -> None:
    """Airflow's own 404 is no door of ours; all-admins mode says so through the door."""
    server, deployed = bare
    assert "not loaded" in broken(airflow.plugin, deployed)[0].says
    server.reply("GET", "/launch/board", (503, {"code": "configuration", "detail": "all are admins"}))
    assert broken(airflow.plugin, deployed)[0].says == "all are admins"


@pytest.mark.parametrize("status", [200, 403, 404, 409])
def test_guard_that_is_not_there(bare: tuple[ScriptedHttp, Examined], status: int) -> None:
    """Whatever Airflow itself says to the probe, it is not the guard's word."""
    server, deployed = bare
    dag_id, task_id = airflow._an_item()
    path = f"/api/v2/dags/{dag_id}/dagRuns/{airflow.PROBE}/taskInstances/{task_id}/-1/hitlDetails"
    server.reply("PATCH", path, (status, {"detail": "The Task Instance was not found"}))
    (row,) = broken(airflow.guard, deployed)
    assert "start no launch" in row.fix


def test_dags_that_are_paused_missing_or_broken(deployed: Examined, api: DeployedApi) -> None:
    """Each is named."""
    look = airflow.dags
    flip = "UPDATE dag SET is_paused = {} WHERE dag_id = 'rollback'"
    with changed(api, flip.format("true"), flip.format("false")):
        assert [row.says for row in broken(look, deployed)] == ["paused: rollback"]
    flip = "UPDATE dag SET is_stale = {} WHERE dag_id = 'rollback'"
    with changed(api, flip.format("true"), flip.format("false")):
        assert [row.says for row in broken(look, deployed)] == ["missing: rollback"]
    error = (
        "INSERT INTO import_error (timestamp, filename, stacktrace, bundle_name) "
        "VALUES (now(), 'broken.py', E'Traceback\\nValueError: no', 'dags-folder')"
    )
    with changed(api, error, "DELETE FROM import_error"):
        assert "ValueError: no" in broken(look, deployed)[0].says


def test_role_that_nobody_can_answer_for(deployed: Examined, api: DeployedApi) -> None:
    """Both holders' accounts closed: the role is named, with each holder and why."""
    flip = "UPDATE ab_user SET active = {} WHERE username IN ('carla.cto', 'elias.engineering')"
    with changed(api, flip.format("false"), flip.format("true")):
        (row,) = broken(airflow.people, deployed)
    assert "Carla Mendes has an account 'carla.cto' that is closed" in row.says


def test_account_that_is_gone_or_may_not_answer(deployed: Examined, api: DeployedApi) -> None:
    """One holder who can answer is enough; without any, each reason is given."""
    named = "UPDATE ab_user SET username = '{}' WHERE username = '{}'"
    with changed(api, named.format("gone", "carla.cto"), named.format("carla.cto", "gone")):
        assert broken(airflow.people, deployed) == []
    roles = "UPDATE ab_role SET name = '{}' WHERE name = '{}'"
    with changed(api, roles.format("x", "launch-approver"), roles.format("launch-approver", "x")):
        rows = broken(airflow.people, deployed)
    assert len(rows) > 5
    assert "may not answer as 'ada.technical'" in " ".join(row.says for row in rows)


def test_nobody_may_start(deployed: Examined, api: DeployedApi) -> None:
    """A launch that nobody may start is told before somebody tries."""
    roles = "UPDATE ab_role SET name = '{}' WHERE name = '{}'"
    with changed(api, roles.format("x", "launch-launcher"), roles.format("launch-launcher", "x")):
        assert [row.what for row in broken(airflow.people, deployed)] == ["launchers"]


@pytest.mark.parametrize(
    ("name", "role"), [("launch-pipeline", "launch-pipeline"), ("launch-slack", "launch-bridge")]
)
def test_account_of_the_deployment_itself(deployed: Examined, api: DeployedApi, name: str, role: str) -> None:
    """Closed, or of another role, it is named: gates wait for one, Slack for the other."""
    flip = "UPDATE ab_user SET active = {} WHERE username = '{}'"
    with changed(api, flip.format("false", name), flip.format("true", name)):
        assert [row.what for row in broken(airflow.people, deployed)] == ["accounts"]
    roles = "UPDATE ab_role SET name = '{}' WHERE name = '{}'"
    with changed(api, roles.format("x", role), roles.format(role, "x")):
        (row,) = broken(airflow.people, deployed)
    assert name in row.says


def test_person_of_a_launch_who_is_administrator(deployed: Examined, api: DeployedApi) -> None:
    """Who decides and may do everything as well is named, so that it is not found out afterwards."""
    give = (
        "INSERT INTO ab_user_role (id, user_id, role_id)"
        " SELECT (SELECT max(id) + 1000 FROM ab_user_role), u.id, r.id FROM ab_user u, ab_role r"
        " WHERE u.username = 'carla.cto' AND r.name = 'Admin'"
    )
    take = (
        "DELETE FROM ab_user_role USING ab_role r, ab_user u WHERE role_id = r.id AND user_id = u.id"
        " AND r.name = 'Admin' AND u.username = 'carla.cto'"
    )
    with changed(api, give, take):
        (row,) = broken(airflow.people, deployed)
    assert (row.what, "carla.cto" in row.says) == ("administrators", True)


def test_people_who_are_not_there(deployed: Examined, tmp_path: Path) -> None:
    """No contacts, contacts that cannot be read, an Airflow without a list of accounts."""
    assert broken(airflow.people, replace(deployed, contacts=None))[0].what == "contacts"
    (tmp_path / "contacts.yaml").write_text("people: []\nroles: {}\n")
    unread = replace(deployed, contacts=tmp_path / "contacts.yaml")
    rows = [row for row in examine(unread) if row.what == "people"]
    assert [row.status for row in rows] == [RowStatus.UNKNOWN]
    with ScriptedHttp() as server:
        server.reply("POST", "/auth/token", {"access_token": "t"})
        simple = replace(deployed, api=AirflowApi(server.url, "admin", "x", attempts=1))
        assert statuses(airflow.people, simple) == [RowStatus.UNKNOWN]


@pytest.mark.parametrize("conn_id", ["launch_ledger", "launch_airflow", "launch_slack"])
def test_connection_of_ours_that_is_missing(deployed: Examined, api: DeployedApi, conn_id: str) -> None:
    """Without each of them something waits for ever; it is named with what."""
    rename = "UPDATE connection SET conn_id = '{}' WHERE conn_id = '{}'"
    with changed(api, rename.format("elsewhere", conn_id), rename.format(conn_id, "elsewhere")):
        (row,) = broken(airflow.connections, deployed)
    assert row.says.startswith(f"{conn_id} is missing: without it")


# ---- Slack ------------------------------------------------------------------------------------------


def test_slack_tokens(deployed: Examined, tmp_path: Path) -> None:
    """A token that is refused, that lacks a scope, a Slack that is away, a channel that nobody named."""
    look = slack.slack
    assert "invalid_auth" in broken(look, replace(deployed, bot_token="xoxb-of-nobody"))[0].says
    assert "chat:write" in broken(look, replace(deployed, bot_token=CHECK_TOKEN))[0].says
    assert broken(look, replace(deployed, bot_token=""))[0].fix.startswith("paste it")
    assert "LAUNCH_SLACK_CHANNEL" in broken(look, replace(deployed, channel=""))[0].fix
    away = replace(deployed, slack_api="http://127.0.0.1:1/api/")
    assert statuses(look, away) == [RowStatus.UNKNOWN, RowStatus.OK]
    without = replace(deployed, bot_token="", channel="", connections=None)
    assert statuses(look, without) == [RowStatus.UNUSED, RowStatus.UNUSED]
    file = tmp_path / "connections.yaml"
    extra = f"extra: {{base_url: '{deployed.slack_api}'}}"
    file.write_text(f"slack_check: {{conn_type: slack, password: {BRIDGE_TOKEN}, {extra}}}")
    (row,) = broken(look, replace(deployed, connections=file))
    for unread in ("slack_check: slack://xoxb-planted@", "{", "- a list"):
        wrong = tmp_path / "wrong.yaml"
        wrong.write_text(unread)
        (told,) = broken(look, replace(deployed, connections=wrong))
        assert (told.status, "planted" in str(told)) == (RowStatus.UNKNOWN, False)
    assert (row.what, "channels:history" in row.says) == ("slack checks", True)


# ---- ledger and clocks -----------------------------------------------------------------------------


def test_ledger_of_the_wrong_role_or_away(deployed: Examined, api: DeployedApi) -> None:
    """The owner's address is a danger; no address and no answer are unknown; no password is shown."""
    owner = replace(deployed, ledger=api.secrets.get(Secret.LEDGER_OWNER))
    assert "could change or delete" in broken(ledger.ledger, owner)[0].says
    assert statuses(ledger.ledger, replace(deployed, ledger=None)) == [RowStatus.UNKNOWN]
    rows = [row for row in examine(replace(deployed, ledger=DEAD)) if row.what in {"ledger", "clock"}]
    assert [row.status for row in rows] == [RowStatus.UNKNOWN, RowStatus.UNKNOWN]
    assert "planted-password" not in str(rows)


def test_ledger_that_is_old_closed_or_broken(deployed: Examined, pg_server: str) -> None:
    """A missing migration, a right that was taken, and the first row that is not as it was kept."""
    with owned_ledger(pg_server) as owned:
        append_some(owned.application)
        here = replace(deployed, ledger=owned.application)
        assert statuses(ledger.ledger, here) == [RowStatus.OK, RowStatus.OK]
        tamper(
            owned.superuser,
            "UPDATE launch.ledger SET content = '{}' WHERE position = 3 AND launch_id = 'shop-1.2'",
        )
        (row,) = broken(ledger.ledger, here)
        assert (row.what, "shop-1.2" in row.says) == ("chain", True)
        tamper(owned.superuser, "DELETE FROM launch.ledger_migrations WHERE name LIKE '0001%'")
        tamper(owned.superuser, f"REVOKE INSERT ON launch.ledger FROM {owned.application_role}")
        revoke = f"REVOKE INSERT (kind, launch_id, content) ON launch.ledger FROM {owned.application_role}"
        tamper(owned.superuser, revoke)
        says = " ".join(row.says for row in broken(ledger.ledger, here))
        assert "lacks the migrations 0001" in says
        assert "takes no rows" in says


def test_clocks_that_disagree(deployed: Examined) -> None:
    """Each authority is compared with this machine; who is ahead of whom is said."""
    slow = replace(deployed, now=lambda: datetime.now(UTC) - timedelta(seconds=60))
    says = [row.says for row in broken(ledger.clock, slow)]
    assert [text.split(" is ")[0] for text in says] == ["the database", "the api-server", "Slack"]
    # Whole seconds of a header, and of a machine that is busy.
    assert all(re.search(r" is (5\d|6\d) s ahead of this machine", text) for text in says), says
    assert ledger.skew("no date", datetime.now(UTC)) is None


def test_one_look_that_fails_ends_no_other(deployed: Examined) -> None:
    """Airflow away: every row says so, and the ledger is looked at all the same."""
    away = replace(deployed, api=AirflowApi("http://127.0.0.1:1", "admin", "x", attempts=1))
    rows: dict[str, Any] = {row.what: row for row in examine(away)}
    assert rows["guard"].status is RowStatus.UNKNOWN
    assert rows["ledger"].status is RowStatus.OK


def test_contacts_of_these_tests_are_whole(deployed: Examined) -> None:
    """What is broken above is broken by these tests."""
    assert deployed.contacts is not None
    assert load_contacts(deployed.contacts).people
