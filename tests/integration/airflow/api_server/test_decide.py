"""Answering in a person's name, through a real api-server: who is recorded, and who is refused and why."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.item_records import GivenAnswer, decision_record
from launch_pipeline.ledger.schema import RecordedBy
from launch_pipeline.slack.protocol import Decided
from servers.item_tasks import REASON
from servers.plugin_answers import MILO, NOOR, OMAR, RHEA, SELMA, approval, code, told
from servers.plugin_server import BRIDGE, an_item, an_open_gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.airflow_database import GateRows
    from servers.include_folder import IncludeFolder
    from servers.plugin_server import PluginServer

pytestmark = pytest.mark.integration


@contextmanager
def changed_contacts(include: IncludeFolder, person_id: str, **fields: Any) -> Iterator[None]:
    """Change a person of the contacts for a while; None takes a field away."""
    before = include.contacts.read_text()
    content = yaml.safe_load(before)
    for person in content["people"]:
        if person["id"] == person_id:
            person.update(fields)
            for name in [name for name, value in person.items() if value is None]:
                del person[name]
    include.contacts.write_text(yaml.safe_dump(content))
    try:
        yield
    finally:
        include.contacts.write_text(before)


@contextmanager
def changed_policy(include: IncludeFolder, **fields: Any) -> Iterator[None]:
    """Change the policy for a while."""
    include.policy(settle="1s", **fields)
    try:
        yield
    finally:
        include.policy(settle="1s")


# ---- whose answer it is -----------------------------------------------------------------------------


def test_airflow_names_the_person(server: PluginServer, rows: GateRows) -> None:
    """Record and audit log say who clicked, not the bridge; ours adds that it came from Slack."""
    gate = approval(rows)
    reply = server.decide(gate.request(OMAR))
    assert Decided.model_validate_json(reply.content) == Decided(person="Omar Haddad", answer="Approve")
    detail = gate.detail(rows)
    assert detail["responded_by"] == {"id": "omar.operations", "name": "omar.operations"}
    assert (detail["chosen_options"], detail["params_input"]) == (["Approve"], {"via": "slack"})
    owners = rows.execute(
        "SELECT owner FROM log WHERE event = 'update_hitl_detail' AND run_id = %s", gate.run_id
    )
    assert owners == [("omar.operations",)]
    assert rows.execute("SELECT state FROM task_instance WHERE id = %s", gate.instance) == [("scheduled",)]


def test_record_says_slack(server: PluginServer, rows: GateRows) -> None:
    """What Airflow hands to the task becomes a record that says who, why, and by which way."""
    gate = approval(rows)
    assert server.decide(gate.request(RHEA, "Reject", reason=REASON)).status_code == 200
    detail = gate.detail(rows)
    event = {**detail, "responded_by_user": detail["responded_by"]}
    given = GivenAnswer.of_event(event)
    person = contacts().by_airflow_user(given.airflow_user)
    assert person is not None
    launch: Any = type("L", (), {"launch_id": gate.run_id, "environment": "test", "rehearsal": False})
    ti: Any = type(
        "T", (), {"id": gate.instance, "dag_id": gate.dag_id, "task_id": gate.task_id, "try_number": 1}
    )
    spec = deployed_dags()[gate.dag_id].specs[gate.task_id]
    record = decision_record(spec, launch, ti, given, person, ())
    assert (record.recorded_by, record.reason) == (RecordedBy.SLACK, REASON)
    assert record.decided_by is not None
    assert record.decided_by.name == "Rhea Costa"


def test_signature_is_passed_on(server: PluginServer, rows: GateRows) -> None:
    """A sign-off is signed with the full name, typed in the modal."""
    gate = an_open_gate(rows, *an_item(owner="operations_lead", gate="signature"))
    assert code(server.decide(gate.request(OMAR, "Sign"))) == (422, "signature_missing")
    wrong = server.decide(gate.request(OMAR, "Sign", signature="Omar"))
    assert code(wrong) == (422, "signature_mismatch")
    assert server.decide(gate.request(OMAR, "Sign", signature="Omar Haddad")).status_code == 200
    assert gate.detail(rows)["params_input"] == {"signature": "Omar Haddad", "via": "slack"}


WAYS = {
    "api": ({}, "api"),
    "a header of that name": ({"launch.via": "slack", "X-Launch-Via": "slack"}, "api"),
    "the cookie": ({}, "airflow_ui"),
    "the bridge's name": ({"User-Agent": "launch-slack", "X-Forwarded-User": BRIDGE}, "api"),
}


@pytest.mark.parametrize("way", WAYS)
def test_nobody_outside_can_claim_slack(server: PluginServer, rows: GateRows, way: str) -> None:
    """The way in is seen, not told: no header, query or field makes an answer one from Slack."""
    headers, via = WAYS[way]
    gate = approval(rows)
    token = server.token("omar.operations")
    signed = {"Cookie": f"_token={token}"} if way == "the cookie" else server.bearer("omar.operations")
    body = {"chosen_options": ["Approve"], "params_input": {}}
    claim = {**body, "params_input": {"via": "slack"}}
    assert server.send("PATCH", gate.path, claim, {**headers, **signed}).status_code == 422
    reply = server.send("PATCH", f"{gate.path}?launch.via=slack", body, {**headers, **signed})
    assert reply.status_code == 200
    assert gate.detail(rows)["params_input"] == {"via": via}


def test_bridge_itself_can_answer_nothing(server: PluginServer, rows: GateRows) -> None:
    """Its account asks the plugin in a person's name; on Airflow's own route it is nobody."""
    gate = approval(rows)
    body = {"chosen_options": ["Approve"], "params_input": {}}
    reply = server.send("PATCH", gate.path, body, server.bearer(BRIDGE))
    assert reply.status_code == 403
    assert gate.detail(rows)["responded_at"] is None
    assert code(server.decide(gate.request(BRIDGE))) == (403, "unknown_person")


# ---- who is refused ---------------------------------------------------------------------------------


def test_refused_answers_leave_the_gate_open(server: PluginServer, rows: GateRows) -> None:
    """The wrong role, a stranger, a missing reason, an unknown option: each is told what to do."""
    gate = approval(rows)
    wrong = told(server.decide(gate.request(NOOR)))
    assert wrong.code == "not_your_role"
    assert "Omar Haddad or Rhea Costa" in wrong.detail
    stranger = told(server.decide(gate.request("U0STRANGER")))
    assert (stranger.code, "'U0STRANGER'" in stranger.detail) == ("unknown_person", True)
    assert "slack_id" in stranger.detail
    assert code(server.decide(gate.request(OMAR, "Reject"))) == (422, "reason_missing")
    assert code(server.decide(gate.request(OMAR, "Reject", reason="short"))) == (422, "reason_missing")
    assert code(server.decide(gate.request(OMAR, "Ship it"))) == (422, "unknown_option")
    assert code(server.decide(gate.request(NOOR, "Waive", reason=REASON))) == (422, "waive_not_allowed")
    assert gate.detail(rows)["responded_at"] is None


@pytest.mark.parametrize("reason", ["a reason with \0 in it", "half a \ud800 character", 7, ["a", "list"]])
def test_reason_that_cannot_be_kept_is_refused(server: PluginServer, rows: GateRows, reason: Any) -> None:
    """PostgreSQL would refuse it in the task, after the answer was spent; so it is refused from anywhere."""
    gate = approval(rows)
    body = {"chosen_options": ["Reject"], "params_input": {"reason": reason}}
    reply = server.send("PATCH", gate.path, body, server.bearer("omar.operations"))
    assert reply.status_code == 422
    assert server.decide(gate.request(OMAR, "Reject", reason=reason)).status_code == 422
    assert gate.detail(rows)["responded_at"] is None


@pytest.mark.parametrize("slack_id", ["", " ", "omar", "Omar Haddad", "u0launch03", "U0LAUNCH03 ", "*", "%"])
def test_only_the_exact_slack_id_is_a_person(server: PluginServer, rows: GateRows, slack_id: str) -> None:
    """Names, blanks, other letters and patterns are nobody, and an e-mail alone is nobody either."""
    gate = approval(rows)
    request = gate.request(slack_id, email="omar.haddad@example.org")
    assert code(server.decide(request)) == (403, "unknown_person")


def test_person_who_left_is_refused(server: PluginServer, rows: GateRows, include: IncludeFolder) -> None:
    """Inactive in the contacts answers nothing; who may instead is named."""
    gate = approval(rows)
    with changed_contacts(include, "omar", active=False):
        refusal = told(server.decide(gate.request(OMAR)))
    assert refusal.code == "inactive"
    assert "Rhea Costa" in refusal.detail


def test_person_without_airflow_user_is_refused(
    server: PluginServer, rows: GateRows, include: IncludeFolder
) -> None:
    """Who can be told but has no account cannot answer; the sentence names the field to fill."""
    gate = approval(rows)
    with changed_contacts(include, "omar", airflow_user=None):
        refusal = told(server.decide(gate.request(OMAR)))
    assert refusal.code == "no_account"
    assert "airflow_user" in refusal.detail


def test_person_whose_account_is_gone_is_refused(server: PluginServer, rows: GateRows) -> None:
    """The contacts name an account that Airflow does not have: nobody is made up."""
    gate = approval(rows, owner="product_manager")
    refusal = told(server.decide(gate.request(MILO)))
    assert refusal.code == "no_account"
    assert "'milo.product'" in refusal.detail


def test_account_that_may_not_answer_is_refused(server: PluginServer, rows: GateRows) -> None:
    """The right role in the contacts gives nobody rights in Airflow: a viewer stays a viewer."""
    gate = approval(rows, owner="security_officer")
    reply = server.decide(gate.request(SELMA))
    assert code(reply) == (403, "no_permission")
    assert "'selma.officer'" in told(reply).detail
    assert gate.detail(rows)["responded_at"] is None


@pytest.mark.parametrize(("dag_id", "option"), [("go_no_go", "Go"), ("sign_off", "Sign")])
def test_who_triggered_the_launch_decides_and_signs_nothing(
    server: PluginServer, rows: GateRows, dag_id: str, option: str
) -> None:
    """Self-approval is refused in Slack as anywhere; another holder of the role is named and may."""
    task_id = next(t for t, s in deployed_dags()[dag_id].specs.items() if s.item.owner == "operations_lead")
    gate = an_open_gate(rows, dag_id, task_id, triggered_by="omar.operations")
    refusal = told(server.decide(gate.request(OMAR, option, signature="Omar Haddad")))
    assert refusal.code == "self_approval"
    assert "Rhea Costa" in refusal.detail
    assert server.decide(gate.request(RHEA, option, signature="Rhea Costa")).status_code == 200


def test_email_counts_only_by_policy_and_only_without_slack_id(
    server: PluginServer, rows: GateRows, include: IncludeFolder
) -> None:
    """An e-mail can be changed in Slack: it names nobody but where the policy says so, and no id is known."""
    gate = approval(rows)
    by_mail = gate.request("U0NEWCOMER", email="Omar.Haddad@example.org")
    with changed_policy(include, slack_by_email=True):
        assert code(server.decide(by_mail)) == (403, "unknown_person")
    with changed_contacts(include, "omar", slack_id=None):
        assert code(server.decide(by_mail)) == (403, "unknown_person")
        with changed_policy(include, slack_by_email=True):
            assert server.decide(by_mail).status_code == 200


# ---- what is written down ---------------------------------------------------------------------------


def test_refusals_are_logged_and_secrets_are_not(server: PluginServer, rows: GateRows) -> None:
    """Who, what and why of each refusal; no token and no password, ever, and no forged lines."""
    gate = approval(rows)
    server.decide(gate.request("U0FORGER\nFAKE LINE", "Approve\nFAKE LINE"))
    server.decide(gate.request(NOOR))
    assert server.decide(gate.request(OMAR)).status_code == 200
    log = server.log()
    refused = [line for line in log.splitlines() if gate.run_id in line and "refused" in line]
    assert any(NOOR in line and "not_your_role" in line and "Approve" in line for line in refused)
    assert any("U0FORGER" in line and "unknown_person" in line for line in refused)
    assert not any(line.startswith("FAKE LINE") for line in log.splitlines())
    assert "eyJ" not in log  # how every token begins
    assert not any(password in log for password in server.passwords.values())
