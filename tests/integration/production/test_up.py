"""docker-compose.yaml, run: every service's very command, environment, secrets and health check."""

from __future__ import annotations

import signal
import uuid
from typing import TYPE_CHECKING

import psutil
import pytest

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proof.verify import verify
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.stack.secret_files import Secret
from servers.compose_file import written
from servers.deployment import PATIENCE
from servers.programs import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.checklist.vocabulary import Role
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
    assert "guard: checks every answer" in examined.stdout


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


PHASE = "week_1_pre_launch_requirements"
RUN = "decided-in-production"
RUN_PATH = f"/api/v2/dags/{PHASE}/dagRuns/{RUN}"
FORM = {
    "release": "1.0.0",
    "release_sha": "a" * 40,
    "previous_release": None,
    "launch_at": "2035-01-01T09:00:00+00:00",
    "environment": "production",
    "rehearsal": False,
}


@pytest.mark.usefixtures("deployment")
def test_decision_is_kept_and_told(api: DeployedApi) -> None:
    """A launcher starts, an owner answers in their own name: kept, told in Slack, and whole."""
    body = {"logical_date": None, "conf": FORM, "dag_run_id": RUN}
    started = api.call(api.account(FabRole.LAUNCHER), "POST", "/api/v2/dags/launch/dagRuns", body)
    assert started.is_success, started.text
    specs = deployed_dags()[PHASE].specs
    task_id = next(name for name, spec in specs.items() if spec.item.mode.needs_person)
    holder = _holder(api, specs[task_id].item.owner)
    user = api.let_in(str(holder.airflow_user))
    task = f"{RUN_PATH}/taskInstances/{task_id}"
    wait_for(lambda: _state(api, task) == "awaiting_input", "the request", PATIENCE, 0.5)
    # Its checks find nothing of the example's addresses here, so a no is the answer that counts.
    answer = {"chosen_options": ["Reject"], "params_input": {"reason": "there is nothing to approve"}}
    reply = api.call(user, "PATCH", f"{task}/-1/hitlDetails", answer)
    assert reply.status_code == 200, reply.text
    wait_for(lambda: _state(api, task) == "failed", "the decision", PATIENCE, 0.5)
    ledger = api.secrets.get(Secret.LEDGER)
    entries = Ledger(ledger).entries(RUN)
    decided = {e.record.decided_by.name for e in entries if e.record and e.record.decided_by}
    assert decided == {holder.name}
    assert EntryKind.ANNOUNCEMENT in {entry.kind for entry in entries}
    assert verify(ledger, RUN).broken is None
    for dag_id in ("launch", PHASE):
        api.call("admin", "PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{RUN}", {"state": "failed"})


def _holder(api: DeployedApi, role: Role) -> Person:
    contacts = load_contacts(api.deployment.ground.production / "config" / "contacts.yaml")
    return next(person for person in contacts.holders(role) if person.airflow_user)


def _state(api: DeployedApi, path: str) -> str:
    return str(api.call("admin", "GET", path).json().get("state"))


def test_crash_of_everything_at_once_mends_itself(deployment: Deployment) -> None:
    """Every container is killed, the database too; restarted as the file says, all are healthy again."""
    for name in LASTING:
        deployment.kill(name)
    assert set(deployment.revive()) == set(LASTING)
    deployment.await_mended(LASTING)


FORGED = """
    INSERT INTO ab_permission_view_role (id, permission_view_id, role_id)
    SELECT nextval('ab_permission_view_role_id_seq'), p.id, r.id
    FROM ab_permission_view p, ab_role r, ab_permission a, ab_view_menu v
    WHERE r.name = 'launch-approver' AND a.name = 'can_edit' AND v.name = 'Task Instances'
      AND p.permission_id = a.id AND p.view_menu_id = v.id
"""


def test_init_again_changes_nothing_but_what_the_files_do_not_say(
    deployment: Deployment, api: DeployedApi, production: Path
) -> None:
    """A stray approver, a right given by hand, a person who left, an exchanged secret: init brings it in."""
    stray = api.account(FabRole.APPROVER)
    again = _changes(deployment)
    api.forget_accounts()
    assert f"- account {stray} is no longer named and loses launch-approver" in again
    # Accounts that these tests have made; nothing else had to be changed.
    assert [line for line in again if "account only-" not in line] == []
    api.rows.execute(FORGED)
    contacts = production / "config" / "contacts.yaml"
    before = contacts.read_text()
    exchanged = f"exchanged-{uuid.uuid4().hex}"
    (production / "secrets" / Secret.PIPELINE_PASSWORD).write_text(exchanged)
    api.passwords["launch-pipeline"] = exchanged
    contacts.write_text(before.replace("milo.product\n", "milo.product\n    active: false\n"))
    try:
        mended = _changes(deployment)
    finally:
        contacts.write_text(before)
    assert mended == [
        "- role launch-approver: 0 permissions granted, 1 revoked",
        "- account launch-pipeline: password reset to that of the secret",
        "- account milo.product: roles changed from launch-approver to no role",
        "- account milo.product is no longer active",
        "- connection launch_airflow changed",
    ]
    assert api.sign_in("launch-pipeline", exchanged).is_success


def _changes(deployment: Deployment) -> list[str]:
    """Run init to its end; gives what it says that it has changed."""
    done = deployment.run("init")
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("- ")]


def test_services_stop_when_they_are_told(deployment: Deployment) -> None:
    """What compose does to stop: each ends by itself within its time, so nothing is killed in the middle."""
    deployment.processes["slack-bridge"].send_signal(signal.SIGTERM)
    process = deployment.processes["slack-bridge"]
    wait_for(lambda: process.poll() is not None, "stopping the bridge", PATIENCE)
    assert process.returncode in {0, 130}
