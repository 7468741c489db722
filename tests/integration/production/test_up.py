"""docker-compose.yaml, run: every service's very command, environment, secrets and health check."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from servers.compose_file import written
from servers.deployment import PATIENCE
from servers.programs import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from servers.deployed_api import DeployedApi
    from servers.deployment import Deployment

pytestmark = pytest.mark.integration
LASTING = [name for name, service in written()["services"].items() if service["restart"] != "no"]


def test_everything_is_healthy_and_ready(deployment: Deployment) -> None:
    """Each service runs, its own health check says so, and the doctor, run as compose runs it, agrees."""
    assert set(LASTING) == set(deployment.processes) - {"init"}
    for name in LASTING:
        assert deployment.healthy(name), name
    examined = deployment.run("doctor")
    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert "✗" not in examined.stdout
    assert "guard: stands before every answer" in examined.stdout


def test_nobody_is_handed_more_than_he_needs(deployment: Deployment) -> None:
    """The owner's password is in init alone, Slack's tokens where they are used; none in an environment."""
    values = {path.name: path.read_text() for path in (deployment.ground.production / "secrets").iterdir()}
    for name, process in deployment.processes.items():
        if process.poll() is None:
            environment = psutil.Process(process.pid).environ()
            shown = {secret for secret, value in values.items() if value and value in str(environment)}
            assert shown == set(), name
    where = {name: set(service.get("secrets", ())) for name, service in _secrets().items()}
    assert [name for name, secrets in where.items() if "ledger_owner" in secrets] == ["init"]
    assert [n for n, s in where.items() if "slack_app_token" in s] == ["init", "slack-bridge"]
    assert [n for n, s in where.items() if "slack_bot_token" in s] == ["init", "slack-bridge", "doctor"]
    assert where["slack-bridge"] == {"slack_bot_token", "slack_app_token", "bridge_password", "ledger"}


def _secrets() -> dict[str, dict[str, list[str]]]:
    return {
        name: {"secrets": [each for each in service.get("secrets", []) if isinstance(each, str)]}
        for name, service in written()["services"].items()
    }


def test_secrets_are_in_no_log(deployment: Deployment) -> None:
    """Whatever the services have written so far, none of it is a secret."""
    secrets = [path.read_text() for path in (deployment.ground.production / "secrets").glob("*_*")]
    for name in deployment.processes:
        log = deployment.log(name)
        assert not [text for text in secrets if text and text in log], name


def test_nothing_is_written_into_the_image(deployment: Deployment) -> None:
    """Containers are read-only: whatever the services write goes to their own tmpfs, or to the logs."""
    place = deployment.ground.image / "opt/launch"
    found = {path for path in place.rglob("*") if "__pycache__" not in path.parts and path.is_file()}
    assert deployment.ground.built == found
    assert list((deployment.ground.folder / "logs").iterdir())


def test_crash_of_everything_at_once_mends_itself(deployment: Deployment) -> None:
    """Every container is killed, the database too; restarted as the file says, all are healthy again."""
    for name in LASTING:
        deployment.kill(name)
    assert set(deployment.revive()) == set(LASTING)
    deployment.await_mended(LASTING)


def test_init_again_changes_nothing_and_mends_what_was_changed(
    deployment: Deployment, api: DeployedApi, production: Path
) -> None:
    """A person who left, and rights that somebody gave by hand: init brings back what the files say."""
    again = deployment.run("init")
    assert "no longer named" not in again.stdout, again.stdout
    assert "Nothing had to be changed." in again.stdout, again.stdout + again.stderr
    contacts = production / "config" / "contacts.yaml"
    before = contacts.read_text()
    contacts.write_text(
        before.replace(
            "    airflow_user: milo.product\n", "    airflow_user: milo.product\n    active: false\n"
        )
    )
    api.rows.execute(
        "INSERT INTO ab_permission_view_role (permission_view_id, role_id) "
        "SELECT p.id, r.id FROM ab_permission_view p, ab_role r, ab_permission a, ab_view_menu v "
        "WHERE r.name = 'launch-approver' AND a.name = 'can_edit' AND v.name = 'Task Instances' "
        "AND p.permission_id = a.id AND p.view_menu_id = v.id"
    )
    try:
        mended = deployment.run("init")
    finally:
        contacts.write_text(before)
    assert mended.returncode == 0, mended.stderr
    assert "role launch-approver: 0 permissions given, 1 taken away" in mended.stdout
    assert "account milo.product is no longer active" in mended.stdout


def test_services_stop_when_they_are_told(deployment: Deployment) -> None:
    """What compose does to stop: each ends by itself within its time, so nothing is killed in the middle."""
    deployment.processes["slack-bridge"].send_signal(signal.SIGTERM)
    process = deployment.processes["slack-bridge"]
    wait_for(lambda: process.poll() is not None, "stopping the bridge", PATIENCE)
    assert process.returncode in {0, 130}
