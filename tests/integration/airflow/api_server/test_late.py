"""Answers that come too late, twice, at the same time, or to what is no more."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.slack.protocol import Decided
from servers.airflow_database import EVERY_TRY_IS_KEPT
from servers.item_tasks import REASON
from servers.plugin_answers import OMAR, RHEA, approval, code, told
from servers.plugin_server import recorded
from servers.programs import wait_for

if TYPE_CHECKING:
    from datetime import datetime

    from servers.airflow_database import GateRows
    from servers.plugin_server import Gate, PluginServer

pytestmark = pytest.mark.integration

# ---- what is stale ----------------------------------------------------------------------------------


def test_nothing_stale_or_spoofed_acts(server: PluginServer, rows: GateRows) -> None:
    """Another try, another task instance, that of another run: no locator but the one of now acts."""
    gate, other = approval(rows), approval(rows)
    stale = {
        "an earlier try": {"try_number": 0},
        "a later try": {"try_number": 2},
        "a try as large as can be": {"try_number": 10**40},
        "an instance that never was": {"task_instance_id": str(uuid.uuid4())},
        "no uuid": {"task_instance_id": "1"},
        "another run's instance": {"task_instance_id": other.instance},
        "another run": {"run_id": other.run_id},
    }
    for what, change in stale.items():
        reply = server.decide(gate.request(OMAR, **change))
        assert code(reply) == (409, "superseded"), what
        assert "newest" in told(reply).detail
    assert gate.detail(rows)["responded_at"] is None
    assert other.detail(rows)["responded_at"] is None


def test_items_that_are_not_there_are_refused(server: PluginServer, rows: GateRows) -> None:
    """A run, a task, a Dag of nobody's checklist, and a Dag of somebody else."""
    gate = approval(rows)
    foreign = an_open_gate_of_others(rows)
    for change in (
        {"run_id": "no-such-run"},
        {"task_id": "no.such_task"},
        {"task_id": "phase_gate"},
        {"dag_id": "billing"},
        {"dag_id": foreign[0], "run_id": foreign[1], "task_id": foreign[2], "task_instance_id": foreign[3]},
    ):
        assert code(server.decide(gate.request(OMAR, **change))) == (404, "unknown_item")


def an_open_gate_of_others(rows: GateRows) -> tuple[str, str, str, str]:
    """Let a gate of a Dag that is not ours wait."""
    run_id = f"run-{uuid.uuid4().hex}"
    return "billing", run_id, "pay", rows.waiting("billing", run_id, "pay")


def cleared(rows: GateRows, gate: Gate) -> None:
    """Do what a clear does: a new id and try for the same task, its request moved along and wiped."""
    rows.next_try(gate.instance)
    rows.execute(
        "UPDATE dag_run SET last_scheduling_decision = now() + interval '1 min' WHERE run_id = %s",
        gate.run_id,
    )


@pytest.mark.parametrize(("max_tries", "expected"), [(1000, "already_decided"), (1001, "superseded")])
def test_answer_whose_worker_was_lost_stands(
    server: PluginServer, rows: GateRows, max_tries: int, expected: str
) -> None:
    """The next try goes on with it, so whoever asks again hears that it is taken; a clear forgets it.

    From Airflow 3.4 on the answer stays with the earlier try, and the card is an earlier one in both cases.
    """
    gate = approval(rows)
    assert server.decide(gate.request(OMAR)).status_code == 200
    rows.next_try(gate.instance, state="running", max_tries=max_tries)
    refusal = told(server.decide(gate.request(OMAR)))
    assert refusal.code == ("superseded" if EVERY_TRY_IS_KEPT else expected)
    if refusal.code == "already_decided":
        assert (refusal.person, refusal.answer) == ("Omar Haddad", "Approve")


def test_answer_that_settles_while_the_item_is_cleared_comes_to_nothing(
    server: PluginServer, rows: GateRows
) -> None:
    """What was asked a second time meanwhile was not seen by whoever clicked."""
    gate = approval(rows, age=0)
    ((since,),) = rows.execute("SELECT clock_timestamp()")
    with ThreadPoolExecutor(1) as threads:
        reply = threads.submit(server.decide, gate.request(OMAR))
        wait_for(lambda: settling(rows, since), "the guard's look at the gate")
        cleared(rows, gate)
        assert code(reply.result()) == (409, "superseded")
    run = rows.execute("SELECT state, try_number FROM task_instance WHERE run_id = %s", gate.run_id)
    assert run == [("awaiting_input", 2)]


SETTLING = """
    SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query_start > %s
    AND query LIKE '%%task_instance%%last_scheduling_decision%%'
"""
"""Of all queries of task instances here, only the guard's asks when the scheduler looked at the run."""


def settling(rows: GateRows, since: datetime) -> bool:
    """Whether the guard has looked at a gate since then: it comes after the plugin's own look."""
    return bool(rows.execute(SETTLING, since))


ENDS = {
    "approved by another": ({"outcome": Outcome.APPROVED}, "success", "Ada Lindqvist", "approved"),
    "waived by another": ({"outcome": Outcome.WAIVED}, "skipped", "Ada Lindqvist", "waived"),
    "healed": ({"outcome": Outcome.PASSED}, "success", "", "checks have passed"),
    "not reached": ({"outcome": Outcome.NOT_REACHED, "reason": "Bo Sato ended it."}, "failed", "", "Bo Sato"),
}


@pytest.mark.parametrize(("fields", "state", "person", "words"), ENDS.values(), ids=ENDS)
def test_who_comes_too_late_is_told_whose_answer_stands(
    server: PluginServer, rows: GateRows, fields: dict[str, Any], state: str, person: str, words: str
) -> None:
    """Already decided, by whom and how; read from the record of this very task instance."""
    gate = approval(rows, state=state)
    recorded(rows, gate, **fields)
    refusal = told(server.decide(gate.request(OMAR)))
    assert (refusal.code, refusal.person) == ("already_decided", person)
    assert words in refusal.detail


def test_item_that_was_ended_by_hand_takes_no_answer(server: PluginServer, rows: GateRows) -> None:
    """A state without a record is nobody's decision; a record of another try is none of this one."""
    gate = approval(rows, state="success")
    recorded(rows, gate, task_instance_id="of-another-try", outcome=Outcome.APPROVED)
    assert code(server.decide(gate.request(OMAR))) == (409, "not_waiting")


def test_item_that_does_not_wait_yet_takes_no_answer(server: PluginServer, rows: GateRows) -> None:
    """Neither before its request nor while its checks run."""
    gate = approval(rows, state="running")
    assert code(server.decide(gate.request(OMAR))) == (409, "not_waiting")


# ---- at the same time -------------------------------------------------------------------------------


def test_eight_clicks_at_once_spend_the_gate_once(server: PluginServer, rows: GateRows) -> None:
    """A double click, eightfold, by two people: one answer is taken, the others hear by whom, or busy."""
    gate = approval(rows)
    clicks = [gate.request(slack_id) for slack_id in (OMAR, RHEA) * 4]
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(server.decide, clicks))
    taken = [Decided.model_validate_json(r.content) for r in replies if r.status_code == 200]
    assert len(taken) == 1
    refused = [told(reply) for reply in replies if reply.status_code != 200]
    assert {r.code for r in refused} <= {"busy", "already_decided"}
    assert {r.person for r in refused if r.code == "already_decided"} <= {taken[0].person}
    name = {"Omar Haddad": "omar.operations", "Rhea Costa": "rhea.operations"}[taken[0].person]
    assert gate.detail(rows)["responded_by"]["name"] == name
    again = told(server.decide(gate.request(OMAR)))
    assert (again.code, again.person, again.answer) == ("already_decided", taken[0].person, "Approve")


@pytest.mark.parametrize("round_", range(4))
def test_slack_and_the_page_at_the_same_time(server: PluginServer, rows: GateRows, round_: int) -> None:
    """One approves in Slack, one rejects in Airflow: one wins, and what is kept is what that one was told."""
    del round_
    gate = approval(rows)

    def on_the_page() -> int:
        body = {"chosen_options": ["Reject"], "params_input": {"reason": REASON}}
        cookie = {"Cookie": f"_token={server.token('rhea.operations')}"}
        return server.send("PATCH", gate.path, body, cookie).status_code

    server.token("rhea.operations")
    with ThreadPoolExecutor(2) as threads:
        page, slack = threads.submit(on_the_page), threads.submit(server.decide, gate.request(OMAR))
        statuses = (slack.result().status_code, page.result())
    detail = gate.detail(rows)
    kept = (detail["responded_by"]["name"], detail["chosen_options"], detail["params_input"]["via"])
    assert (
        kept
        == {
            (200, 409): ("omar.operations", ["Approve"], "slack"),
            (409, 200): ("rhea.operations", ["Reject"], "airflow_ui"),
        }[statuses]
    )


@pytest.mark.parametrize("round_", range(2))
def test_two_in_slack_and_one_on_the_page_at_the_same_time(
    server: PluginServer, rows: GateRows, round_: int
) -> None:
    """Three answers, one gate: one wins and is kept, the two others hear by whom, or busy."""
    del round_
    gate = approval(rows)
    body = {"chosen_options": ["Reject"], "params_input": {"reason": REASON}}
    headers = server.bearer("rhea.operations")
    server.token("omar.operations")
    with ThreadPoolExecutor(3) as threads:
        slack = [threads.submit(server.decide, gate.request(who)) for who in (OMAR, RHEA)]
        page = threads.submit(server.send, "PATCH", gate.path, body, headers)
        statuses = [*(reply.result().status_code for reply in slack), page.result().status_code]
    assert sorted(statuses) == [200, 409, 409]
    winner = statuses.index(200)
    detail = gate.detail(rows)
    kept = (detail["responded_by"]["name"], detail["chosen_options"])
    expected = [
        ("omar.operations", ["Approve"]),
        ("rhea.operations", ["Approve"]),
        ("rhea.operations", ["Reject"]),
    ]
    assert kept == expected[winner]
    refused = [told(reply.result()) for reply in slack if reply.result().status_code == 409]
    names = {"Omar Haddad": "omar.operations", "Rhea Costa": "rhea.operations"}
    assert {r.code for r in refused} <= {"busy", "already_decided"}
    assert {names[r.person] for r in refused if r.code == "already_decided"} <= {kept[0]}
