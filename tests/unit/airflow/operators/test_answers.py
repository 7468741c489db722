"""What a person's answer makes of an item: the outcome, the record, and never a spent gate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from launch_pipeline.airflow.policies.retries import RecheckAsked
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import EntryKind, Outcome, RecordedBy, read_record
from servers.item_tasks import (
    JUNIT,
    REASON,
    a_task,
    asked,
    change_launch,
    entries,
    evidence,
    saw,
    week_1_digest,
)

if TYPE_CHECKING:
    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor, Task
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.usefixtures("launched")
LAUNCH = "shop-1.2"
BOTH: dict[str, Any] = {"mode": "check+approval"}
CHECK: dict[str, Any] = {"mode": "check"}
DECISION: dict[str, Any] = {"gate": "decision", "owner": "technical_lead"}
SIGNATURE: dict[str, Any] = {"gate": "signature", "owner": "technical_lead"}
BO: dict[str, Any] = {"by": "bo.technical"}
CARLA: dict[str, Any] = {"by": "carla.cto"}
"""Who may set aside the items here, which are the security lead's."""
FAIL, SKIP = AirflowFailException, AirflowSkipException
STATES: dict[Any, str] = {None: "success", SKIP: "skipped", FAIL: "failed"}

COUNTS: dict[str, tuple[dict[str, Any], str, str, dict[str, Any], Outcome, type[Exception] | None]] = {
    "approve": ({}, "passed", "Approve", {}, Outcome.APPROVED, None),
    "approve by the backup": ({}, "passed", "Approve", {"by": "selma.officer"}, Outcome.APPROVED, None),
    "approve checks that passed": (BOTH, "passed", "Approve", {}, Outcome.APPROVED, None),
    "waive": (CHECK, "failed", "Waive", {"reason": REASON, **CARLA}, Outcome.WAIVED, SKIP),
    "waive an advisory item as the owner": (
        {"severity": "advisory"}, "passed", "Waive", {"reason": REASON}, Outcome.WAIVED, SKIP),
    "not applicable": (
        CHECK, "inconclusive", "Not applicable", {"reason": REASON, **CARLA}, Outcome.NOT_APPLICABLE, SKIP),
    "reject": ({}, "passed", "Reject", {"reason": REASON}, Outcome.REJECTED, FAIL),
    "reject an advisory item": (
        {"severity": "advisory"}, "passed", "Reject", {"reason": REASON}, Outcome.NOT_MET, SKIP),
    "go": (DECISION, "passed", "Go", BO, Outcome.APPROVED, None),
    "no go": (DECISION, "passed", "No go", {**BO, "reason": REASON}, Outcome.REJECTED, FAIL),
    "sign": (SIGNATURE, "passed", "Sign", {**BO, "signature": "Bo Sato"}, Outcome.APPROVED, None),
    "decline": (SIGNATURE, "passed", "Decline", {**BO, "reason": REASON}, Outcome.REJECTED, FAIL),
}  # fmt: skip


@pytest.mark.parametrize(
    ("item", "verdict", "option", "fields", "outcome", "error"), COUNTS.values(), ids=COUNTS
)
def test_answer_becomes_a_record_in_three_places(
    supervisor: Supervisor,
    ledger: Ledger,
    item: dict[str, Any],
    verdict: str,
    option: str,
    fields: dict[str, Any],
    outcome: Outcome,
    error: type[Exception] | None,
) -> None:
    """The end of the task, its XCom, its state store and the ledger say the same."""
    task = asked(a_task(supervisor, **item), verdict)
    ended = task.answer(option, via="airflow_ui", **fields)
    assert ended.state == STATES[error]
    # Airflow's runner keeps no exception of a skip; its state says it.
    assert type(ended.error) is (FAIL if error is FAIL else type(None))
    record = read_record(task.xcom())
    assert record is not None
    assert (record.outcome, record.task_instance_id) == (outcome, str(task.id))
    assert (record.recorded_by, record.checklist_digest) == (
        RecordedBy.AIRFLOW_UI,
        week_1_digest(supervisor.ledger_dsn),
    )
    kept = supervisor.store["sign_off"]
    assert kept.value == task.xcom()
    assert kept.expires_at is None
    (entry,) = entries(ledger)
    assert entry.kind is EntryKind.DECISION
    assert entry.record == record
    if error is FAIL:
        assert outcome in ended.why


def test_record_says_who_decided_for_which_role_and_on_what(supervisor: Supervisor, ledger: Ledger) -> None:
    """Person, role, reason, time of the answer and the evidence that was shown are kept."""
    task = asked(a_task(supervisor, **CHECK), "failed")
    at = datetime.now(UTC) - timedelta(minutes=3)
    task.answer("Waive", reason=REASON, at=at, **CARLA)
    record = read_record(task.xcom())
    assert record is not None
    assert record.decided_by is not None
    assert (record.decided_by.id, record.decided_by.airflow_user) == ("carla", "carla.cto")
    assert (record.role, record.reason, record.decided_at) == ("security_lead", REASON, at)
    assert record.results[0].headline == "the check failed"
    assert entries(ledger)[0].record == record


def test_ledger_is_written_before_the_task_may_end(supervisor: Supervisor, ledger: Ledger) -> None:
    """Where the XCom cannot be left, the ledger holds the answer already."""
    task = asked(a_task(supervisor))
    supervisor.broken = {"SetTaskStateStore"}
    ended = task.answer("Waive", reason=REASON, **CARLA)
    assert ended.state != "skipped"
    assert len(entries(ledger)) == 1


def test_recheck_is_a_new_try(supervisor: Supervisor, ledger: Ledger) -> None:
    """Re-check decides nothing: Airflow tries again, and nothing is kept."""
    task = asked(a_task(supervisor, **BOTH), "failed")
    ended = task.answer("Re-check", by="noor.network")
    assert isinstance(ended.error, RecheckAsked)
    assert ended.state == "up_for_retry"
    assert entries(ledger) == []


AGAIN: dict[str, tuple[dict[str, Any], str, str, dict[str, Any], str]] = {
    "a wrong role": ({}, "passed", "Approve", {"by": "noor.network"}, "belongs to the Security Lead"),
    "nobody known": ({}, "passed", "Approve", {"by": "mallory"}, "not in the contacts"),
    "no user at all": ({}, "passed", "Approve", {"by": ""}, "'' is not in"),
    "no reason": ({}, "passed", "Waive", CARLA, "needs a reason"),
    "the owner of a blocking item": ({}, "passed", "Waive", {"reason": REASON}, "may not answer 'Waive'"),
    "other evidence": (
        BOTH, "passed", "Approve", {"evidence": "sha256:" + "0" * 64}, "evidence has changed"),
    "no evidence where there is some": (BOTH, "passed", "Approve", {"evidence": ""}, "evidence has changed"),
    "evidence where there is none": ({}, "passed", "Approve", {"evidence": "0" * 64}, "none any more"),
    "blanks for a reason": ({}, "passed", "Reject", {"reason": " " * 30}, "needs a reason"),
    "an unknown option": ({}, "passed", "Maybe", {}, "not take the answer 'Maybe'"),
    "no option": ({}, "passed", "", {}, "not take the answer"),
    "approve where nobody is asked to": (CHECK, "failed", "Approve", {}, "not take the answer"),
    "approve failing checks": (BOTH, "failed", "Approve", {}, "have not passed"),
    "approve inconclusive checks": (BOTH, "inconclusive", "Approve", {}, "have not passed"),
    "a signature of another": (
        SIGNATURE, "passed", "Sign", {**BO, "signature": "Ada Lindqvist"}, "Bo Sato"),
    "no signature": (SIGNATURE, "passed", "Sign", BO, "Sign by typing your full name"),
    "old evidence with side effects": (
        {**BOTH, "side_effects": ["generates load"]}, "old", "Approve", {}, "answer Re-check"),
}  # fmt: skip


@pytest.mark.parametrize(("item", "verdict", "option", "fields", "why"), AGAIN.values(), ids=AGAIN)
def test_answer_that_does_not_count_is_asked_again(
    supervisor: Supervisor,
    ledger: Ledger,
    item: dict[str, Any],
    verdict: str,
    option: str,
    fields: dict[str, Any],
    why: str,
) -> None:
    """The gate opens anew and says why; nothing is kept, and a good answer still counts."""
    age = timedelta(hours=2) if verdict == "old" else timedelta()
    task = asked(a_task(supervisor, **item), "passed" if verdict == "old" else verdict, age)
    ended = task.answer(option, **fields)
    assert ended.state in {"awaiting_input", "deferred"}
    assert ended.waits == "asked"
    assert why in task.xcom("refused")["why"]
    assert [request.ti_id for request in supervisor.requests] == [task.id, task.id]
    assert entries(ledger) == []
    denies = {"decision": "No go", "signature": "Decline"}.get(item.get("gate", ""), "Reject")
    by = "bo.technical" if item.get("owner") else "sven.security"
    assert task.answer(denies, by=by, reason=REASON).state == "failed"


def test_two_options_at_once_are_none(supervisor: Supervisor, ledger: Ledger) -> None:
    """Approve beside Reject is not read as Approve."""
    task = asked(a_task(supervisor))
    user = {"id": "1", "name": "sven.security"}
    event = {"chosen_options": ["Approve", "Reject"], "params_input": {}, "responded_by_user": user,
             "responded_at": datetime.now(UTC)}  # fmt: skip
    assert task.resume(event).state == "awaiting_input"
    assert "not take the answer 'Approve, Reject'" in task.xcom("refused")["why"]
    assert entries(ledger) == []


def test_machine_cannot_be_claimed_as_the_way_in(supervisor: Supervisor, ledger: Ledger) -> None:
    """A field that says the machine answered is not believed."""
    task = asked(a_task(supervisor))
    task.answer("Approve", via="machine")
    assert entries(ledger)[0].content["recorded_by"] == "api"


@pytest.mark.parametrize("file", ["contacts.yaml", "checklists/policy.yaml"])
def test_file_that_is_being_edited_does_not_spend_the_answer(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder, file: str
) -> None:
    """Contacts or policy broken for a moment: asked again with the place, and then it counts."""
    task = asked(a_task(supervisor))
    path = include.path / file
    good = path.read_text()
    path.write_text("people: [")
    assert task.answer("Approve").state == "awaiting_input"
    assert path.name in task.xcom("refused")["why"]
    path.write_text(good + "\n")
    assert task.answer("Approve").state == "success"
    assert len(entries(ledger)) == 1


# ---- what an answer rests on -------------------------------------------------------------------------

PINNED: dict[str, Any] = {"checks": [{"http_request": {"path": "/${release_sha}"}}]}
CHANGES: dict[str, tuple[dict[str, Any], str, str, dict[str, Any]]] = {
    "a failing check's": ({"mode": "check", **PINNED}, "failed", "Waive", {"reason": REASON, **CARLA}),
    "a passing check's": ({**BOTH, **PINNED}, "passed", "Approve", {}),
    "a question's": ({"question": "Is ${release_sha} reviewed?"}, "passed", "Approve", {}),
    "a decision's": ({**DECISION, "question": "Is ${release_sha} it?"}, "passed", "Go", BO),
}


@pytest.mark.parametrize(("item", "verdict", "option", "fields"), CHANGES.values(), ids=CHANGES)
def test_answer_does_not_count_after_what_it_rests_on_has_changed(
    supervisor: Supervisor,
    ledger: Ledger,
    dsn: str,
    item: dict[str, Any],
    verdict: str,
    option: str,
    fields: dict[str, Any],
) -> None:
    """The launch was moved to another commit while the person was asked: they read why, nothing is kept."""
    task = asked(a_task(supervisor, **item), verdict)
    change_launch(dsn, release_sha="b" * 40)
    assert task.answer(option, **fields).waits == "asked"
    assert "the release commit was changed" in task.xcom("refused")["why"]
    assert entries(ledger) == []


def test_answer_counts_after_a_change_of_what_it_does_not_rest_on(
    supervisor: Supervisor, ledger: Ledger, dsn: str
) -> None:
    """Neither the item's checks nor its question use the commit."""
    task = asked(a_task(supervisor, **BOTH))
    change_launch(dsn, release_sha="b" * 40)
    assert task.answer("Approve").state == "success"
    assert entries(ledger)[0].kind is EntryKind.DECISION


@pytest.mark.parametrize(
    ("item", "option", "fields", "names"),
    [
        ({}, "Approve", {}, {"words", "rules"}),
        ({"question": "Is ${release} good?"}, "Approve", {}, {"words", "rules", "variable:release"}),
        ({**BOTH, **PINNED}, "Approve", {}, {"words", "rules", "checks", "variable:release_sha"}),
        (DECISION, "Go", BO, {"words", "rules", "person"}),
        (SIGNATURE, "Sign", {**BO, "signature": "Bo Sato"}, {"words", "rules", "person"}),
    ],
    ids=["approval", "question with a variable", "checks", "decision", "signature"],
)
def test_record_names_what_it_rests_on(
    supervisor: Supervisor, item: dict[str, Any], option: str, fields: dict[str, Any], names: set[str]
) -> None:
    """All that its item uses, and nothing else; a go or a signature rests on the person's role as well."""
    task = asked(a_task(supervisor, **item))
    task.answer(option, **fields)
    record = read_record(task.xcom())
    assert record is not None
    assert set(record.rests_on) == names


# ---- verified again ----------------------------------------------------------------------------------


def reopened(ledger: Ledger, task: Task, number: int = 1) -> Task:
    """Let the pipeline reopen an item, and begin it again."""
    row = Reopened(
        dag_id="week_1",
        item_ref="week_1.security.tls",
        text="TLS certificates are valid",
        owner=Role.SECURITY_LEAD,
        cause=Cause.CHANGED,
        why=("the release commit was changed",),
        task_instance_id=str(task.id),
    )
    ledger.append(row.entry(LAUNCH, number))
    return task.cleared()


def decided(supervisor: Supervisor, option: str = "Approve", verdict: str = "passed", **fields: Any) -> Task:
    """Bring an item whose check looks at the commit to a decision."""
    mode = BOTH if option == "Approve" else CHECK
    task = asked(a_task(supervisor, **mode, **PINNED), verdict)
    task.answer(option, **fields)
    return task


def test_decision_is_not_carried_over_where_a_person_cleared_the_item(supervisor: Supervisor) -> None:
    """Without a row of the pipeline's the person is asked anew."""
    again = decided(supervisor).cleared()
    assert again.resume(evidence(again)).waits == "asked"


@pytest.mark.parametrize("gone", ["left", "lost the role"])
def test_decision_of_a_person_who_may_not_give_it_any_more_is_not_carried_over(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder, gone: str
) -> None:
    """Their word stood on their role; another one of the role is asked."""
    task = decided(supervisor)
    known = yaml.safe_load(include.contacts.read_text())
    for person in known["people"]:
        if person["airflow_user"] == "sven.security":
            person["active"] = gone != "left"
    if gone == "lost the role":
        known["roles"]["security_lead"] = {"primary": "selma"}
    include.contacts.write_text(yaml.safe_dump(known))
    again = reopened(ledger, task)
    assert again.resume(evidence(again)).waits == "asked"
    assert len(entries(ledger, EntryKind.DECISION)) == 1


@pytest.mark.parametrize("verdict", ["failed", "inconclusive"])
def test_approval_is_not_carried_over_to_checks_that_do_not_pass(
    supervisor: Supervisor, ledger: Ledger, verdict: str
) -> None:
    """The person sees what the checks say now."""
    again = reopened(ledger, decided(supervisor))
    assert again.resume(evidence(again, verdict)).waits == "asked"


def test_waiver_is_not_carried_over_to_something_else_that_fails(
    supervisor: Supervisor, ledger: Ledger
) -> None:
    """What was set aside was another failure."""
    task = decided(supervisor, "Waive", "failed", reason=REASON, **CARLA)
    again = reopened(ledger, task)
    assert again.resume(evidence(again, "failed", headline="it burns")).waits == "asked"


@pytest.mark.parametrize(
    ("option", "verdict", "fields", "state"),
    [("Approve", "passed", {}, "success"), ("Waive", "failed", {"reason": REASON, **CARLA}, "skipped")],
)
def test_decision_is_carried_over_where_nothing_that_was_asked_has_changed(
    supervisor: Supervisor,
    ledger: Ledger,
    dsn: str,
    option: str,
    verdict: str,
    fields: dict[str, Any],
    state: str,
) -> None:
    """The new record has the person's words of then, and names the decision; they are not asked."""
    task = decided(supervisor, option, verdict, **fields)
    change_launch(dsn, release_sha="b" * 40)
    again, requests = reopened(ledger, task), len(supervisor.requests)
    assert again.resume(evidence(again, verdict)).state == state
    first, second = (entry.record for entry in entries(ledger, EntryKind.DECISION))
    assert first is not None
    assert second is not None
    assert (second.confirms, second.task_instance_id) == (str(task.id), str(again.id))
    assert second.decided_at == first.decided_at
    same = ("decided_by", "reason", "outcome", "role", "recorded_by")
    assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]
    assert len(supervisor.requests) == requests


# ---- stale evidence ---------------------------------------------------------------------------------


def test_old_evidence_is_looked_at_again_before_an_approval(supervisor: Supervisor, ledger: Ledger) -> None:
    """The checks run first; where they see the same, it is kept with what they have seen now."""
    task = asked(a_task(supervisor, **BOTH), age=timedelta(hours=2))
    ended = task.answer("Approve")
    assert (ended.state, ended.trigger) == ("deferred", "ChecksTrigger")
    assert (ended.trigger_kwargs["every"], ended.trigger_kwargs["ends"]) == (None, False)
    assert entries(ledger) == []
    ended = task.resume(evidence(task, duration_ms=77))
    assert ended.state == "success"
    assert task.xcom()["results"][0]["duration_ms"] == 77


def test_old_evidence_that_shows_something_else_now_is_asked_again(
    supervisor: Supervisor, ledger: Ledger
) -> None:
    """Passed as well, but not what the person approved: they see the new, and their next word counts."""
    task = asked(a_task(supervisor, **BOTH), age=timedelta(hours=2))
    task.answer("Approve")
    ended = task.resume(evidence(task, headline="12 tests were skipped"))
    assert ended.state == "awaiting_input"
    assert "evidence has changed" in task.xcom("refused")["why"]
    assert "12 tests were skipped" in task.xcom("refused")["why"]
    assert entries(ledger) == []
    assert task.answer("Approve").state == "success"
    assert task.xcom()["results"][0]["headline"] == "12 tests were skipped"


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_evidence_that_changes_between_answer_and_decision_is_asked_again(
    supervisor: Supervisor, ledger: Ledger, option: str
) -> None:
    """The record holds what the person was shown, or there is none; what changed is said."""
    task = asked(a_task(supervisor, **BOTH))
    shown = task.shown
    saw(task, evidence(task, "failed", headline="certificate expired"))
    assert task.answer(option, reason=REASON, evidence=shown).state == "deferred"
    assert "certificate expired" in task.xcom("refused")["why"]
    assert entries(ledger) == []
    assert task.answer("Reject", reason=REASON).state == "failed"
    (entry,) = entries(ledger)
    assert entry.record is not None
    assert entry.record.results[0].headline == "certificate expired"


def test_another_look_that_shows_the_same_changes_nothing(supervisor: Supervisor, ledger: Ledger) -> None:
    """Times, durations and attempts are nothing that a person goes by."""
    task = asked(a_task(supervisor, **BOTH))
    shown = task.shown
    saw(task, evidence(task, duration_ms=99, attempts=3, started_at=datetime.now(UTC)))
    assert task.answer("Approve", evidence=shown).state == "success"
    assert len(entries(ledger)) == 1


def test_old_evidence_that_fails_now_is_asked_again(supervisor: Supervisor, ledger: Ledger) -> None:
    """The approval counts only if the fresh look passes as well."""
    task = asked(a_task(supervisor, **BOTH), age=timedelta(hours=2))
    task.answer("Approve")
    ended = task.resume(evidence(task, "failed", headline="expired"))
    assert (ended.state, ended.trigger) == ("deferred", "ChecksTrigger")
    assert "expired" in task.xcom("refused")["why"]
    assert entries(ledger) == []


def test_worker_check_is_looked_at_again_on_the_spot(supervisor: Supervisor, ledger: Ledger) -> None:
    """A report is read again in the worker; one that is gone is no pass."""
    task = asked(a_task(supervisor, mode="check+approval", checks=[JUNIT]), age=timedelta(hours=2))
    ended = task.answer("Approve")
    assert ended.state == "awaiting_input"
    assert "looked at again it says" in task.xcom("refused")["why"]
    assert entries(ledger) == []


def test_waiver_needs_no_fresh_evidence(supervisor: Supervisor, ledger: Ledger) -> None:
    """Only a yes rests on the evidence."""
    task = asked(a_task(supervisor, **BOTH), "failed", timedelta(hours=2))
    assert task.answer("Waive", reason=REASON, **CARLA).state == "skipped"
    assert len(entries(ledger)) == 1


def test_shortest_freshness_does_not_look_for_ever(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder
) -> None:
    """Age is counted up to the answer, so that one fresh look is enough however slow Airflow is."""
    include.policy(fresh_for="1s")
    task = asked(a_task(supervisor, **BOTH), age=timedelta(hours=2))
    at = datetime.now(UTC) - timedelta(minutes=1)
    assert task.answer("Approve", at=at).trigger == "ChecksTrigger"
    assert task.resume(evidence(task, age=timedelta(seconds=30))).state == "success"
    assert len(entries(ledger)) == 1


# ---- the ledger away --------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["Approve", "Reject", "Waive"])
def test_answer_is_kept_while_the_ledger_is_away(
    supervisor: Supervisor, ledger: Ledger, dsn: str, option: str
) -> None:
    """Nothing ends unrecorded: the answer waits with the task and is offered again."""
    task = asked(a_task(supervisor, **BOTH))
    _away(supervisor)
    at = datetime.now(UTC)
    for _ in range(3):
        by = "carla.cto" if option == "Waive" else "sven.security"
        ended = task.answer(option, by=by, reason=REASON, at=at) if _ == 0 else task.resume(None)
        assert (ended.state, ended.trigger, ended.waits) == (
            "deferred",
            "DateTimeTrigger",
            "answered",
        )
        assert task.xcom() is None
    supervisor.postgres(dsn)
    assert task.resume(None).state in {"success", "failed", "skipped"}
    (entry,) = entries(ledger)
    assert entry.record is not None
    assert entry.record.decided_at == at
    assert len(supervisor.requests) == 1


@pytest.mark.parametrize(
    ("item", "age"), [({}, 0), (BOTH, 0), (BOTH, 70)], ids=["approval", "both", "ageing"]
)
def test_answer_that_was_written_already_is_there_once(
    supervisor: Supervisor, ledger: Ledger, dsn: str, item: dict[str, Any], age: int
) -> None:
    """A reply that got lost after the commit: offered again word for word, though its evidence has aged."""
    task = asked(a_task(supervisor, **item), age=timedelta(minutes=age))
    at = datetime.now(UTC) - timedelta(minutes=age)
    _away(supervisor)
    kept = task.answer("Approve", at=at)
    supervisor.postgres(dsn)
    assert task.resume(None).state == "success"
    task.last = kept
    assert task.resume(None).state == "success"
    assert len(entries(ledger)) == 1


def test_request_waits_for_the_ledger(supervisor: Supervisor, dsn: str) -> None:
    """What a person is asked about is known to the ledger alone; it is asked as soon as it is back."""
    task = a_task(supervisor)
    _away(supervisor)
    for _ in range(2):
        ended = task.start() if task.last is None else task.resume(None)
        assert (ended.state, ended.waits) == ("deferred", "beginning")
    assert supervisor.requests == []
    supervisor.postgres(dsn)
    assert task.resume(None).state == "awaiting_input"


@pytest.mark.parametrize(("verdict", "state"), [("passed", "success"), ("failed", "deferred")])
def test_look_of_the_triggerer_waits_for_the_ledger(
    supervisor: Supervisor, dsn: str, verdict: str, state: str
) -> None:
    """What was seen before the task had a worker is stored with the pause, and looked at only once."""
    task = a_task(supervisor, mode="check")
    _away(supervisor)
    for event in (evidence(task, verdict), datetime.now(UTC), datetime.now(UTC)):
        ended = task.resume(event)
        assert (ended.state, ended.waits) == ("deferred", "beginning"), ended.why
    supervisor.postgres(dsn)
    assert task.resume(datetime.now(UTC)).state == state


def test_answer_that_comes_while_the_ledger_is_away_is_not_lost(
    supervisor: Supervisor, ledger: Ledger, dsn: str
) -> None:
    """The evidence that healed could not be kept yet, and the request is open meanwhile."""
    task = asked(a_task(supervisor, **BOTH), "failed")
    _away(supervisor)
    healed = task.resume(evidence(task, "passed"))
    assert (healed.state, healed.waits) == ("deferred", "healed")
    supervisor.postgres(dsn)
    assert task.answer("Reject", reason=REASON).state == "failed"
    assert len(entries(ledger)) == 1


def _away(supervisor: Supervisor) -> None:
    supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")


# ---- the launch -------------------------------------------------------------------------------------


def test_launch_that_is_over_takes_no_answer(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """An aborted launch is decided no further: its open item fails, in words."""
    task = asked(a_task(supervisor))
    Launches(dsn).abort(LAUNCH, "ada.technical", REASON)
    ended = task.answer("Approve")
    assert (ended.state, "is over" in ended.why) == ("failed", True)
    assert entries(ledger, EntryKind.DECISION) == []


def test_one_person_decides_for_one_role(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder
) -> None:
    """Who has said Go for one role is refused for another, unless the policy allows it."""
    text = include.contacts.read_text()
    include.contacts.write_text(text.replace("cto: {primary: carla", "cto: {primary: bo"))
    assert asked(a_task(supervisor, **DECISION)).answer("Go", **BO).state == "success"
    cto = asked(a_task(supervisor, gate="decision", owner="cto", id="cto"))
    assert cto.answer("Go", **BO).state == "deferred"
    assert "already answered for another role" in cto.xcom("refused")["why"]
    include.policy(two_roles_one_person=True)
    assert cto.answer("Go", **BO).state == "success"
    assert len(entries(ledger)) == 2


def test_who_triggered_the_launch_neither_decides_nor_signs(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder, dsn: str
) -> None:
    """Self-approval is refused by what the ledger says of the start, whoever triggered the phase's run."""
    change_launch(dsn, started_by="bo.technical")
    task = a_task(supervisor, **DECISION)
    task.started_by = "kim.kubernetes"
    assert asked(task).answer("Go", **BO).state == "deferred"
    assert "You triggered this launch" in task.xcom("refused")["why"]
    assert entries(ledger) == []
    include.policy(self_approval=True)
    assert task.answer("Go", **BO).state == "success"


def test_anothers_no_ends_an_open_decision(supervisor: Supervisor, ledger: Ledger) -> None:
    """Those who have not answered are not reached, which is a record like any other."""
    task = asked(a_task(supervisor, **DECISION))
    ended = task.resume({"denied_by": "Carla Mendes"})
    record = read_record(task.xcom())
    assert type(ended.error) is FAIL
    assert "Carla Mendes" in ended.why
    assert record is not None
    assert (record.outcome, record.decided_by) == (Outcome.NOT_REACHED, None)
    assert [entry.record for entry in entries(ledger)] == [record]
