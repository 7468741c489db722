"""Forgeries by name: what is found by the rules alone, and what only a noted head can find."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import digest
from launch_pipeline.ledger.schema import evidence_digest
from servers.chains import a_chain
from servers.forgeries import (
    Row,
    again,
    behind,
    both,
    column,
    completed,
    evidence,
    find,
    outcome,
    rows_of,
    says,
    sealed,
    without,
)
from servers.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable

MALLORY = {"id": "mallory", "name": "Mallory", "slack_id": None, "airflow_user": "mallory"}
STARTER = {"id": "rhea", "name": "Rhea", "slack_id": None, "airflow_user": "rhea.operations"}
TLS, AUDIT, README = "week_1.security.tls", "week_1.security.audit", "week_1.docs.readme"
REVIEW, BACKUP, LIVE = "a.daily.review", "b.data.backup", "day.deploy.live"
CTO, PRODUCT, SIGNED = "go.votes.cto", "go.votes.product", "sign.off.technical"


def _plan(edit: Callable[[dict[str, Any]], Any]) -> Callable[[list[Row]], None]:
    return lambda rows: edit(rows[0]["content"]["plan"])


def _dropped_phase(plan: dict[str, Any]) -> None:
    plan["items"].pop("week_3_b")
    plan["steps"][1].remove("week_3_b")


def _lost_item(plan: dict[str, Any]) -> None:
    plan["items"]["week_1"].pop()


def _vote_of_one_person(rows: list[Row]) -> None:
    find(rows, "decision", PRODUCT)["content"]["decided_by"] = dict(
        find(rows, "decision", CTO)["content"]["decided_by"]
    )


def _older(seal: dict[str, Any], rows: list[Row]) -> None:
    first = find(rows, "decision", AUDIT, 0)
    for listed in seal["records"]:
        if listed["item_ref"] == AUDIT:
            listed.update(digest=digest(first["content"]), task_instance_id=first["task_instance_id"])


def _seal_lists_the_older(rows: list[Row]) -> None:
    _older(find(rows, "seal", "week_1", 1)["content"], rows)


def _rejected_after_all(rows: list[Row]) -> None:
    """Let the approval stand that came first, and leave the rejection that came later."""
    first, second = find(rows, "decision", AUDIT, 0), find(rows, "decision", AUDIT, 1)
    first["content"], second["content"] = second["content"], first["content"]
    for row in (first, second):
        row["task_instance_id"] = row["content"]["task_instance_id"]
        row["try_number"] = row["content"]["try_number"]


def _rounds_of_nobody(rows: list[Row]) -> None:
    find(rows, "decision", REVIEW)["content"]["rounds"][0]["decided_by"] = MALLORY


def _rounds_of_two_lives(rows: list[Row]) -> None:
    find(rows, "round", REVIEW)["content"]["life"] = 9


FORGERIES: dict[str, tuple[str, Callable[[list[Row]], Any]]] = {
    # the launch
    "another environment": ("complete", says("launch_started", environment="staging")),
    "no rehearsal any more": ("complete", says("launch_started", rehearsal=True)),
    "planned otherwise than it began": (
        "complete",
        says("launch_started", planned_at="2030-05-28T12:00:00.123456Z"),
    ),
    "began as another user": ("complete", says("launch_started", started_by="cto.user")),
    "a phase out of the plan": ("complete", _plan(_dropped_phase)),
    "an item out of the plan": ("complete", _plan(_lost_item)),
    "an empty plan": ("complete", says("launch_started", plan={
        "steps": [], "decision": "", "rollback": "", "items": {}, "rules": {
            "self_approval": True, "two_roles_one_person": True, "waive_blocking_items": True,
            "may_waive": {},
        },
    })),
    "another checklist in the start": (
        "complete",
        lambda rows: rows[0]["content"]["checklist_digests"].update(week_1="sha256:" + "e" * 64),
    ),
    "no start": ("complete", without("launch_started")),
    "two starts": ("complete", again("launch_started", task_instance_id="launch/shop-1.2")),
    "rows before the start": ("complete", behind("launch_started", "", "machine_pass")),
    "a start of an earlier release": ("complete", lambda rows: rows[0]["content"].pop("plan")),
    "moved from another time": ("repaired", says("launch_postponed", **{"from": "2030-01-01T00:00:00Z"})),
    "a move left out": ("repaired", without("launch_postponed")),
    "moved without a reason": ("repaired", says("launch_postponed", reason=" ")),
    "aborted by nobody": ("aborted", says("launch_aborted", by="")),
    "a row as another launch's": ("complete", column("machine_pass", TLS, launch_id="other")),
    "an announcement as another launch's": ("complete", column("announcement", launch_id="other")),
    # the end
    "complete without seals": ("aborted", lambda rows: rows.append({
        **copy.deepcopy(rows[0]), "kind": "launch_ended", "seq": 999,
        "content": {"state": "complete", "ended_at": "2030-06-05T12:00:00Z"},
    })),
    "complete before the last seal": ("complete", behind("seal", "sign_off", "launch_ended")),
    "complete after a no": ("no_go", says("launch_ended", state="complete")),
    "rolled back after a no": ("no_go", says("launch_ended", state="rolled_back")),
    "a no of nobody": ("complete", says("launch_ended", state="no_go")),
    "complete instead of rolled back": ("rolled_back", says("launch_ended", state="complete")),
    "rolled back without a rollback": ("rolled_back", without("seal", "rollback")),
    "an end of no kind": ("complete", says("launch_ended", state="paused")),
    "an end without its time": (
        "complete",
        lambda rows: find(rows, "launch_ended")["content"].pop("ended_at"),
    ),
    "two ends": ("complete", again("launch_ended", try_number=1)),
    "an approval after the end": ("complete", again("decision", AUDIT, task_instance_id="late")),
    "a seal after the end": ("complete", again("seal", "week_1", task_instance_id="late")),
    "a bypass after the end": ("repaired", again("bypass", "week_3_b", task_instance_id="late")),
    "a move after the end": ("repaired", again("launch_postponed", try_number=3)),
    "a phase after the abort": ("aborted_and_rolled_back", again("seal", "week_1", task_instance_id="late")),
    "a rollback after the end": ("rolled_back", again("seal", "rollback", task_instance_id="late")),
    "a rollback of what was never launched": (
        "aborted_and_rolled_back",
        without("seal", "go_no_go"),
    ),
    # seals
    "complete over a rejection": ("repaired", sealed("week_1", completed)),
    "complete over what was not reached": ("rolled_back", sealed("t_0", completed)),
    "complete over a bypass": ("repaired", sealed("week_3_b", completed)),
    "complete with a problem": ("complete", sealed("week_1", lambda seal: seal.update(problems=["one"]))),
    "incomplete without a problem": ("complete", sealed("week_1", lambda seal: seal.update(complete=False))),
    "complete over nothing": (
        "complete",
        sealed("week_1", lambda seal: seal.update(records=[], counts={})),
    ),
    "an item missing": ("complete", sealed("week_1", lambda seal: (
        seal.update(counts={"passed": 1, "approved": 1}), seal["records"].pop(),
    ))),
    "an item twice": ("complete", sealed("week_1", lambda seal: (
        seal["records"].append(seal["records"][0]), seal["counts"].update(passed=2),
    ))),
    "an item of another phase": ("complete", lambda rows: (
        find(rows, "seal", "week_3_a")["content"]["records"].extend(
            find(rows, "seal", "week_3_b")["content"]["records"]
        ),
        find(rows, "seal", "week_3_a")["content"]["counts"].update(passed=1),
    )),
    "counts of another phase": ("complete", sealed("week_1", lambda seal: seal["counts"].update(approved=4))),
    "a count of nothing": ("complete", sealed("week_1", lambda seal: seal["counts"].update(rejected=0))),
    "another outcome than the record's": ("repaired", sealed("week_1", lambda seal: (
        completed(seal), seal["records"][1].update(outcome="approved"),
        seal.update(counts={"passed": 1, "approved": 2}),
    ))),
    "another task instance": (
        "complete",
        sealed("week_1", lambda seal: seal["records"][0].update(task_instance_id="other")),
    ),
    "another digest": (
        "complete",
        sealed("week_1", lambda seal: seal["records"][0].update(digest="sha256:" + "0" * 64)),
    ),
    "another checklist": (
        "complete",
        sealed("week_1", lambda seal: seal.update(checklist_digest="sha256:" + "e" * 64)),
    ),
    "a seal of the other checklist made complete": ("other_checklist", sealed("week_1", completed)),
    "another phase": ("complete", sealed("week_1", lambda seal: seal.update(phase_id="week_2"))),
    "of a phase that nobody knows": ("complete", column("seal", "week_1", dag_id="week_9")),
    "the older of two records": ("repaired", _seal_lists_the_older),
    "a later rejection hidden": ("repaired", _rejected_after_all),
    "a bypass that no row has": ("repaired", without("bypass", "week_3_b")),
    "a bypass of what was reached": ("repaired", sealed("week_1", lambda seal: seal.update(bypasses=[TLS]))),
    "sealed before its record": ("complete", behind("machine_pass", TLS, "seal")),
    "a record left out under its seal": ("complete", without("machine_pass", TLS)),
    "go before week 1 is complete": ("complete", without("seal", "week_1")),
    "go before a phase beside": ("complete", without("seal", "week_3_b")),
    "T-0 without go": ("complete", without("seal", "go_no_go")),
    "go after a rejection since": ("complete", lambda rows: rows.insert(
        rows.index(find(rows, "seal", "go_no_go")),
        _since(find(rows, "decision", AUDIT), "rejected"),
    )),
    "complete after a rejection since": ("complete", lambda rows: rows.insert(
        rows.index(find(rows, "launch_ended")),
        _since(find(rows, "decision", AUDIT), "rejected"),
    )),
    # records
    "evidence exchanged": ("complete", evidence(TLS, digest_too=False, headline="all is well")),
    "evidence that failed": ("complete", evidence(TLS, digest_too=True, verdict="failed")),
    "approved on evidence that failed": ("complete", evidence(AUDIT, digest_too=True, verdict="failed")),
    "approved on no evidence": ("complete", says(
        "decision", AUDIT, results=[], evidence_digest=evidence_digest(())
    )),
    "a person's item passed by itself": ("complete", both(
        outcome(AUDIT, "passed"),
        says("machine_pass", AUDIT, decided_by=None, role=None, recorded_by="machine"),
    )),
    "an item of the machine approved": ("complete", both(
        outcome(TLS, "approved"),
        says("decision", TLS, decided_by=MALLORY, role="technical_lead", recorded_by="api"),
    )),
    "a rejection approved in the record alone": ("no_go", says("decision", CTO, outcome="approved")),
    "a rejection turned to not met": ("no_go", outcome(CTO, "not_met")),
    "a go waived": ("complete", both(outcome(CTO, "waived"), says("decision", CTO, reason="no time"))),
    "a signature not applicable": (
        "complete",
        both(outcome(SIGNED, "not_applicable"), says("decision", SIGNED, reason="no time")),
    ),
    "a signature of nothing": ("complete", says("decision", SIGNED, signature=" ")),
    "a waiver without a reason": ("set_aside", says("decision", TLS, reason="")),
    "a waiver by another role": ("set_aside", says("decision", TLS, role="cto")),
    "waived against the rules": (
        "set_aside",
        _plan(lambda plan: plan["rules"].update(waive_blocking_items=False)),
    ),
    "approved in another role": ("complete", says("decision", AUDIT, role="cto")),
    "approved in no role": ("complete", says("decision", AUDIT, role=None)),
    "approved by nobody": ("complete", says("decision", AUDIT, decided_by=None)),
    "approved by the machine": ("complete", says("decision", AUDIT, recorded_by="machine")),
    "passed by a person": ("complete", says("machine_pass", TLS, decided_by=MALLORY)),
    "one person votes twice": ("complete", _vote_of_one_person),
    "who started it says go": ("complete", says("decision", CTO, decided_by=STARTER)),
    "a blocking item not met": ("complete", both(
        outcome(AUDIT, "not_met"), says("decision", AUDIT, reason="no time")
    )),
    "an advisory item rejected": ("set_aside", both(
        outcome(README, "rejected"),
        sealed("week_1", lambda seal: seal.update(complete=False, problems=["one"])),
    )),
    "a record of another environment": ("complete", says("machine_pass", TLS, environment="staging")),
    "a record of a rehearsal": ("complete", says("machine_pass", TLS, rehearsal=True)),
    "a record of another item": ("complete", says("machine_pass", TLS, item_ref=AUDIT)),
    "a record of an item that nobody knows": ("complete", column("machine_pass", TLS, item_ref="week_1.x.y")),
    "a record of a phase that nobody knows": ("complete", column("machine_pass", TLS, dag_id="week_9")),
    "a record of another try": ("complete", says("machine_pass", TLS, try_number=2)),
    "a record of another kind": ("complete", column("machine_pass", TLS, kind="decision")),
    "a record that is still open": ("complete", says("machine_pass", TLS, outcome="open")),
    "a record of another checklist under a complete seal": (
        "complete",
        says("machine_pass", TLS, checklist_digest="sha256:" + "e" * 64),
    ),
    "carried from nothing": ("carried", without("decision", AUDIT)),
    "carried from another decision": ("carried", says("decision", AUDIT, reason="I said so")),
    "carried over from another": ("carried", says("decision", AUDIT, 1, decided_by=MALLORY)),
    "a round of nobody": ("complete", _rounds_of_nobody),
    "a round left out": ("complete", without("round", REVIEW)),
    "rounds of two lives": ("complete", _rounds_of_two_lives),
    "fewer rounds than asked": ("complete", lambda rows: find(rows, "decision", REVIEW)["content"].update(
        rounds=find(rows, "decision", REVIEW)["content"]["rounds"][1:]
    )),
    "no rounds at all": ("complete", says("decision", REVIEW, rounds=[])),
    "rounds of an item that is asked once": ("complete", says("decision", README, rounds=[{
        "number": 1, "decided_by": MALLORY, "decided_at": "2030-05-06T12:00:00Z",
        "evidence_digest": evidence_digest(()),
    }])),
    "the last round of another person": ("complete", lambda rows: find(rows, "decision", REVIEW)["content"][
        "rounds"
    ][2].update(decided_by=MALLORY)),
    # what the plan and the columns cannot say
    "an item more than the checklist has": ("other_checklist", lambda rows: (
        rows.insert(rows.index(find(rows, "seal", "week_1", 1)), _stray(find(rows, "machine_pass", TLS))),
        find(rows, "seal", "week_1", 1)["content"]["records"].append(
            _listed(find(rows, "machine_pass", "week_1.x.y"))
        ),
        find(rows, "seal", "week_1", 1)["content"]["counts"].update(passed=2),
    )),
    "a bypass named twice": ("repaired", sealed("week_3_b", lambda seal: seal["bypasses"].append(BACKUP))),
    "rounds in another order": ("complete", lambda rows: find(rows, "decision", REVIEW)["content"].update(
        rounds=[find(rows, "decision", REVIEW)["content"]["rounds"][n] for n in (1, 0, 2)]
    )),
    "complete without any phase": ("Story", lambda rows: (
        rows[0]["content"]["plan"].update(steps=[], items={}, decision="", rollback=""),
        rows.append({**copy.deepcopy(rows[0]), "kind": "launch_ended", "seq": 999,
                     "content": {"state": "complete", "ended_at": "2030-06-05T12:00:00Z"}}),
    )),
    "a seal of an item": ("complete", column("seal", "week_1", item_ref=TLS)),
    "an end by a task": ("complete", column("launch_ended", task_instance_id="by/hand")),
    "a phase in two steps": ("complete", _plan(lambda plan: plan["steps"].append(["week_1"]))),
    "an item in two phases": (
        "complete",
        _plan(lambda plan: plan["items"]["t_0"].append(plan["items"]["week_1"][0])),
    ),
    "a phase without items": ("complete", _plan(lambda plan: plan["items"].update(t_0=[]))),
    "items of no phase": (
        "complete",
        _plan(lambda plan: plan["items"].update(week_9=plan["items"].pop("t_0"))),
    ),
    "a decision that is no phase": ("complete", _plan(lambda plan: plan.update(decision="week_9"))),
    "a phase without a digest": (
        "complete",
        lambda rows: rows[0]["content"]["checklist_digests"].pop("t_0"),
    ),
    # spelling
    "a number as a text": ("complete", says("machine_pass", TLS, try_number="1")),
    "a truth as a number": ("complete", says("machine_pass", TLS, rehearsal=0)),
    "a version as a truth": ("complete", says("machine_pass", TLS, schema_version=True)),
    "a time with another zone's name": ("complete", says(
        "machine_pass", TLS, decided_at="2030-05-06T12:00:00+00:00"
    )),
    "a time as a number": ("complete", says("machine_pass", TLS, decided_at=1904299200)),
    "a time without a zone": ("complete", says("machine_pass", TLS, decided_at="2030-05-06T12:00:00")),
    "a field too many": ("complete", says("machine_pass", TLS, surprise=1)),
    "a field too few": ("complete", lambda rows: find(rows, "machine_pass", TLS)["content"].pop("signature")),
}  # fmt: skip
"""What is found without a head: the shape that is forged, and how. Every digest fits again afterwards."""


def _since(row: Row, word: str) -> Row:
    later = copy.deepcopy(row)
    later.update(seq=990, task_instance_id="since", kind="decision")
    later["content"].update(task_instance_id="since", outcome=word, reason="broken after all")
    return later


def _stray(row: Row) -> Row:
    """Make the record of an item that only another checklist has."""
    stray = copy.deepcopy(row)
    stray.update(seq=980, item_ref="week_1.x.y", task_instance_id="stray")
    stray["content"].update(
        item_ref="week_1.x.y", task_instance_id="stray", checklist_digest="sha256:" + "d" * 64
    )
    return stray


def _listed(row: Row) -> dict[str, str]:
    """Give the line of a seal that lists a row."""
    of = row["content"]
    return {
        "item_ref": of["item_ref"],
        "outcome": of["outcome"],
        "task_instance_id": of["task_instance_id"],
        "digest": digest(of),
    }


UNSEEN: dict[str, tuple[str, Callable[[list[Row]], Any]]] = {
    "another release, in the first row": ("complete", says("launch_started", release="6.6.6")),
    "another commit, in the first row": ("complete", says("launch_started", release_sha="b" * 40)),
    "another start": ("complete", says("launch_started", started_at="2029-01-01T00:00:00Z")),
    "another reason": ("set_aside", says("decision", TLS, reason="a very good one")),
    "another name in the same role": ("complete", says("decision", AUDIT, decided_by=MALLORY)),
    "another headline with its digest": ("complete", evidence(TLS, digest_too=True, headline="all is well")),
    "another time": ("complete", says("machine_pass", TLS, decided_at="2029-01-01T00:00:00Z")),
    "the end left out": ("complete", lambda rows: rows.__delitem__(slice(-2, None))),
    "a nudge left out": ("complete", without("announcement")),
    "a refusal left out": ("aborted", without("refusal")),
    "an attempt left out with its seal": (
        "repaired",
        both(without("seal", "week_1"), without("decision", AUDIT)),
    ),
    "another launch altogether": ("no_go", lambda rows: rows.__setitem__(
        slice(None), rows_of(a_chain(SHAPES["complete"]().entries))
    )),
}  # fmt: skip
"""What only a noted head, or an export that was put away, can find."""
