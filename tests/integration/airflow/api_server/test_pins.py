"""What was on the screen, and what was refused, through a real api-server: pinned, and kept in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind
from servers.item_tasks import REASON
from servers.plugin_answers import NOOR, OMAR, RHEA, approval, code, told
from servers.plugin_server import an_item, an_open_gate
from servers.programs import wait_for
from servers.records import a_result

if TYPE_CHECKING:
    from servers.airflow_database import GateRows
    from servers.plugin_server import Gate, PluginServer

pytestmark = pytest.mark.integration
STRANGER = "U0STRANGER"


def checked(rows: GateRows, **fields: Any) -> Gate:
    """Let an item with checks and a question wait."""
    return an_open_gate(rows, *an_item(owner="operations_lead", mode="check+approval"), **fields)


def sees(rows: GateRows, gate: Gate, headline: str, verdict: Verdict = Verdict.PASSED) -> Evidence:
    """Let an item's checks see something; gives it."""
    evidence = Evidence.of(gate.instance, [a_result(verdict=verdict, headline=headline)])
    rows.evidence(gate.dag_id, gate.run_id, gate.task_id, evidence.payload())
    return evidence


# ---- evidence ---------------------------------------------------------------------------------------


def test_what_was_on_the_card_is_what_counts(server: PluginServer, rows: GateRows) -> None:
    """Another look that shows something else refuses the answer and names it; the same one takes it."""
    gate = checked(rows)
    shown = sees(rows, gate, "all backups are there")
    now = sees(rows, gate, "one backup is missing, which is allowed")
    late = server.decide(gate.request(OMAR, evidence=shown.pin))
    assert code(late) == (409, "evidence_changed")
    assert "one backup is missing" in told(late).detail
    assert code(server.decide(gate.request(OMAR))) == (409, "evidence_changed")
    assert gate.detail(rows)["responded_at"] is None
    assert server.decide(gate.request(OMAR, evidence=now.pin)).status_code == 200
    assert gate.detail(rows)["params_input"] == {"via": "slack", "evidence": now.digest}


def test_bridge_that_pins_nothing_is_of_another_version(server: PluginServer, rows: GateRows) -> None:
    """A click without what was shown is no answer."""
    request = checked(rows).request(OMAR)
    del request["evidence"]
    assert code(server.decide(request)) == (422, "unreadable")


@pytest.mark.parametrize("whole", [True, False], ids=["the digest", "its begin"])
def test_a_client_may_pin_what_it_saw(server: PluginServer, rows: GateRows, whole: bool) -> None:
    """By REST the XCom's digest, or its begin, goes into the field 'evidence'; nothing else does."""
    gate = checked(rows)
    shown = sees(rows, gate, "all backups are there")
    pin = shown.digest if whole else shown.pin
    body: dict[str, Any] = {"chosen_options": ["Approve"], "params_input": {"evidence": pin}}
    now = sees(rows, gate, "no backup is there", Verdict.FAILED)
    refused = server.send("PATCH", gate.path, body, server.bearer("omar.operations"))
    assert (refused.status_code, refused.json()["code"]) == (409, "evidence_changed")
    assert "no backup is there" in refused.json()["detail"]
    assert now.digest != sees(rows, gate, "all backups are there").digest == shown.digest
    assert server.send("PATCH", gate.path, body, server.bearer("omar.operations")).status_code == 200
    assert gate.detail(rows)["params_input"] == {"via": "api", "evidence": shown.digest}


def test_without_a_pin_the_evidence_of_now_is_stamped(server: PluginServer, rows: GateRows) -> None:
    """In Airflow's own page nobody types a digest: the guard stamps what it judged by."""
    gate = checked(rows)
    now = sees(rows, gate, "all backups are there")
    body = {"chosen_options": ["Approve"], "params_input": {"reason": None}}
    signed = {"Cookie": f"_token={server.token('omar.operations')}"}
    assert server.send("PATCH", gate.path, body, signed).status_code == 200
    stamped = {"reason": None, "via": "airflow_ui", "evidence": now.digest}
    assert gate.detail(rows)["params_input"] == stamped


# ---- who triggered the launch -----------------------------------------------------------------------


def test_who_triggered_the_launch_approves_no_item_that_another_could(
    server: PluginServer, rows: GateRows
) -> None:
    """Nor do they waive it; the backup of their role may approve."""
    gate = approval(rows, triggered_by="omar.operations")
    refusal = told(server.decide(gate.request(OMAR)))
    assert refusal.code == "self_approval"
    assert "Rhea Costa" in refusal.detail
    assert server.decide(gate.request(RHEA)).status_code == 200


def test_owner_sets_no_blocking_item_aside(server: PluginServer, rows: GateRows) -> None:
    """A second role must: the sentence names who may."""
    gate = approval(rows)
    refusal = told(server.decide(gate.request(OMAR, "Waive", reason=REASON)))
    assert refusal.code == "waive_not_allowed"
    assert "Ada Lindqvist" in refusal.detail
    assert gate.detail(rows)["responded_at"] is None


# ---- refused answers --------------------------------------------------------------------------------


def test_refused_answers_are_in_the_ledger(server: PluginServer, rows: GateRows, airflow_dsn: str) -> None:
    """By Slack and by REST, each account and rule once; nothing of a launch that was never started."""
    gate, unknown = approval(rows), approval(rows)
    with psycopg.connect(airflow_dsn) as connection:
        connection.execute("DELETE FROM launch.launches WHERE launch_id = %s", [unknown.run_id])
    for waiting in (unknown, gate):
        for _ in range(3):
            server.decide(waiting.request(NOOR))
            server.decide(waiting.request(STRANGER, "Reject", reason="x" * 900))
        body = {"chosen_options": ["Reject"], "params_input": {"reason": "\u200b" * 40}}
        server.send("PATCH", waiting.path, body, server.bearer("omar.operations"))

    def kept() -> list[Any]:
        return Ledger(airflow_dsn).entries(gate.run_id, EntryKind.REFUSAL)

    wait_for(lambda: len(kept()) >= 3, "the refusals", 30)
    said = {(e.content["by"], e.content["person"], e.content["code"], e.content["via"]) for e in kept()}
    assert said == {
        ("noor.network", "noor", "not_your_role", "slack"),
        (STRANGER, None, "unknown_person", "slack"),
        ("omar.operations", "omar", "reason_missing", "api"),
    }
    assert len(kept()) == 3
    assert {e.task_instance_id for e in kept()} == {gate.instance}
    assert max(len(str(e.content["reason"])) for e in kept()) == 300
    assert Ledger(airflow_dsn).entries(unknown.run_id, EntryKind.REFUSAL) == []
    assert server.decide(gate.request(OMAR)).status_code == 200
