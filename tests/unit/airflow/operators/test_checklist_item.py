"""One item, one task: how it looks, asks, waits and begins again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Json

from launch_pipeline.checklist.model import Moment
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.checks.canonical import digest
from launch_pipeline.launch.in_force import deployed_settings
from launch_pipeline.ledger.definitions import store_definitions
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.schema import Outcome, read_record
from servers.item_tasks import (
    CONF,
    HEALTH,
    JUNIT,
    REASON,
    a_spec,
    a_task,
    asked,
    change_launch,
    entries,
    evidence,
    week_1_digest,
)

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.usefixtures("launched")
ASK = (Answer.WAIVE, Answer.NOT_APPLICABLE, Answer.REJECT)
OPTIONS: dict[str, tuple[dict[str, Any], tuple[Answer, ...]]] = {
    "a check offers no approval": ({"mode": "check"}, (Answer.RECHECK, *ASK)),
    "a check with approval offers all": (
        {"mode": "check+approval"}, (Answer.APPROVE, Answer.RECHECK, *ASK)),
    "an approval has nothing to re-check": ({}, (Answer.APPROVE, *ASK)),
    "a decision is go or no go": ({"gate": "decision"}, (Answer.GO, Answer.NO_GO)),
    "a signature is signed or declined": ({"gate": "signature"}, (Answer.SIGN, Answer.DECLINE)),
}  # fmt: skip


def report(folder: Path, failures: int) -> None:
    body = "<failure/>" if failures else ""
    (folder / "junit.xml").write_text(
        f'<testsuites><testsuite name="s"><testcase name="a">{body}</testcase></testsuite></testsuites>'
    )
    now = datetime.now(UTC).isoformat()
    (folder / "junit.xml.meta.json").write_text(json.dumps({"generated_at": now}))


@pytest.mark.parametrize(("item", "options"), OPTIONS.values(), ids=OPTIONS)
def test_options_are_those_of_the_mode_in_every_try(
    supervisor: Supervisor, item: dict[str, Any], options: tuple[Answer, ...]
) -> None:
    """Airflow keeps the first request's words for ever, so every try asks with the very same ones."""
    task = asked(a_task(supervisor, **item), "failed")
    asked(task.cleared(), "inconclusive")
    first, second = supervisor.requests
    assert tuple(first.options) == options
    exclude = {"ti_id"}
    assert first.model_dump(exclude=exclude) == second.model_dump(exclude=exclude)
    assert first.ti_id != second.ti_id
    assert not first.assigned_users


def test_form_has_a_reason_and_for_signatures_a_name(supervisor: Supervisor) -> None:
    """Fields may be left empty in the form; the answer decides what is needed."""
    asked(a_task(supervisor))
    asked(a_task(supervisor, gate="signature"))
    approval, signature = [request.params or {} for request in supervisor.requests]
    assert list(approval) == ["reason"]
    assert list(signature) == ["signature", "reason"]
    assert approval["reason"]["schema"]["type"] == ["null", "string"]
    assert approval["reason"]["value"] is None


def test_request_is_marked_in_a_rehearsal(supervisor: Supervisor, dsn: str) -> None:
    """A rehearsal's request cannot be mistaken for one in earnest."""
    change_launch(dsn, rehearsal=True)
    task = asked(a_task(supervisor))
    assert supervisor.requests[0].subject == "REHEARSAL · TLS certificates are valid"
    assert task.last is not None


def test_request_fills_in_the_launch(supervisor: Supervisor) -> None:
    """The question names the release; a variable that nobody set stays as it was written."""
    asked(a_task(supervisor, question="Is ${release} fine on ${nothing}?"))
    asked(a_task(supervisor, question="Is ${release} fine?"))
    assert "Is 1.2.0 fine on ${nothing}?" in (supervisor.requests[0].body or "")
    assert "Is 1.2.0 fine?" in (supervisor.requests[1].body or "")


def test_only_network_checks_start_in_the_triggerer(supervisor: Supervisor) -> None:
    """Items whose every kind is network I/O start there; reports, commands and people in a worker."""
    starts = {
        "check": a_task(supervisor, mode="check"),
        "both": a_task(supervisor, mode="check+approval"),
        "report": a_task(supervisor, mode="check", checks=[JUNIT]),
        "mixed": a_task(supervisor, mode="check", checks=[HEALTH, JUNIT]),
        "approval": a_task(supervisor),
    }
    begun = {name: bool(task.operator.start_from_trigger) for name, task in starts.items()}
    assert begun == {"check": True, "both": True, "report": False, "mixed": False, "approval": False}
    arguments = [starts[name].operator.start_trigger_args.trigger_kwargs for name in ("check", "both")]
    assert [each["ends"] for each in arguments] == [True, False]
    assert [each["every"] for each in arguments] == [None, None]


def test_machine_pass_in_a_worker_leaves_a_record_of_this_task_instance(
    supervisor: Supervisor, include: IncludeFolder, tmp_path: Path
) -> None:
    """What a passing check returns is a record that names the task instance and the checklist."""
    include.environment(variables={"reports": str(tmp_path)})
    report(tmp_path, failures=0)
    task = a_task(supervisor, mode="check", checks=[JUNIT])
    ended = task.start()
    record = read_record(task.xcom())
    assert ended.state == "success"
    assert record is not None
    assert record.outcome is Outcome.PASSED
    assert record.task_instance_id == str(task.id)
    assert record.checklist_digest == week_1_digest(supervisor.ledger_dsn)
    assert set(record.rests_on) == {"words", "rules", "checks", "variable:reports"}
    assert supervisor.requests == []


def test_failing_worker_check_asks_and_does_not_repeat(
    supervisor: Supervisor, include: IncludeFolder, tmp_path: Path
) -> None:
    """A report is read once; whoever repairs it asks for a re-check, which is a new try."""
    include.environment(variables={"reports": str(tmp_path)})
    report(tmp_path, failures=1)
    task = a_task(supervisor, mode="check", checks=[JUNIT])
    ended = task.start()
    assert ended.state == "awaiting_input"
    assert task.xcom("evidence")["verdict"] == "failed"
    assert len(supervisor.requests) == 1


WAITS: dict[str, tuple[dict[str, Any], str, str, dict[str, Any]]] = {
    "a failing check repeats and may end green": (
        {"mode": "check"}, "failed", "deferred", {"ends": True, "every": 60.0}),
    "an inconclusive check repeats as well": (
        {"mode": "check"}, "inconclusive", "deferred", {"ends": True, "every": 60.0}),
    "a failing check with approval repeats and never ends green": (
        {"mode": "check+approval"}, "failed", "deferred", {"ends": False, "every": 60.0}),
    "a passing check with approval waits for a person": (
        {"mode": "check+approval"}, "passed", "awaiting_input", {}),
    "a failing check with side effects does not repeat": (
        {"mode": "check", "side_effects": ["generates load"]}, "failed", "awaiting_input", {}),
    "a failing check in a worker does not repeat": (
        {"mode": "check", "checks": [JUNIT]}, "failed", "awaiting_input", {}),
    "a check with approval in a worker does not repeat": (
        {"mode": "check+approval", "checks": [JUNIT]}, "failed", "awaiting_input", {}),
}  # fmt: skip


@pytest.mark.parametrize(("item", "verdict", "state", "trigger"), WAITS.values(), ids=WAITS)
def test_request_waits_as_its_evidence_says(
    supervisor: Supervisor, item: dict[str, Any], verdict: str, state: str, trigger: dict[str, Any]
) -> None:
    """One request is open, its evidence can be seen, and only safe checks go on beside it."""
    task = a_task(supervisor, **item)
    ended = task.resume(evidence(task, verdict))
    assert ended.state == state
    assert len(supervisor.requests) == 1
    assert supervisor.requests[0].ti_id == task.id
    assert task.xcom("evidence")["verdict"] == verdict
    if trigger:
        assert ended.trigger == "ChecksTrigger"
        assert {key: ended.trigger_kwargs[key] for key in trigger} == trigger


def test_recheck_interval_is_the_environments_before_the_policys(
    supervisor: Supervisor, include: IncludeFolder
) -> None:
    """A rehearsal looks more often than the policy says."""
    include.policy(recheck="30s")
    by_policy = asked(a_task(supervisor, mode="check"), "failed")
    include.environment(recheck="2s")
    by_environment = asked(a_task(supervisor, mode="check"), "failed")
    every = [task.last.trigger_kwargs["every"] for task in (by_policy, by_environment) if task.last]
    assert every == [30.0, 2.0]


def test_decision_watches_for_another_roles_no(supervisor: Supervisor) -> None:
    """An open go/no-go waits beside the trigger that ends it."""
    ended = a_task(supervisor, gate="decision").start()
    assert (ended.state, ended.trigger) == ("deferred", "NoGoTrigger")


def test_healed_check_with_approval_goes_back_to_the_question(supervisor: Supervisor, ledger: Ledger) -> None:
    """Healing returns to waiting, with evidence that passed, and never to green."""
    task = asked(a_task(supervisor, mode="check+approval"), "failed")
    ended = task.resume(evidence(task, "passed"))
    assert ended.state == "awaiting_input"
    assert task.xcom("evidence")["verdict"] == "passed"
    assert len(supervisor.requests) == 1
    assert task.xcom() is None
    assert entries(ledger) == []


RETURNS: dict[str, tuple[dict[str, Any], str]] = {
    "an approval": ({}, ""),
    "a decision": ({"gate": "decision"}, "NoGoTrigger"),
    "a check": ({"mode": "check"}, "ChecksTrigger"),
    "a check with approval": ({"mode": "check+approval"}, "ChecksTrigger"),
}


@pytest.mark.parametrize(("item", "trigger"), RETURNS.values(), ids=RETURNS)
def test_open_request_of_a_task_that_was_removed_and_came_back_is_asked_anew(
    supervisor: Supervisor, ledger: Ledger, item: dict[str, Any], trigger: str
) -> None:
    """Airflow brings no event then: that is no answer, no pass and no failure, and the next answer counts."""
    task = asked(a_task(supervisor, **item), "failed")
    ended = task.resume(None)
    assert (ended.state, ended.trigger) == ("deferred" if trigger else "awaiting_input", trigger)
    assert (task.xcom(), entries(ledger)) == (None, [])
    first, second = supervisor.requests
    assert first == second
    option = "No go" if "gate" in item else "Reject"
    assert task.answer(option, reason=REASON).state == "failed"
    (entry,) = entries(ledger)
    assert entry.record is not None
    assert entry.record.outcome is Outcome.REJECTED


def test_check_of_a_task_that_was_removed_and_came_back_looks_again(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder, tmp_path: Path
) -> None:
    """What it saw before does not count: it asks while its report fails, and passes once that is right."""
    include.environment(variables={"reports": str(tmp_path)})
    report(tmp_path, failures=1)
    task = a_task(supervisor, mode="check", checks=[JUNIT])
    task.start()
    assert task.resume(None).state == "awaiting_input"
    assert entries(ledger) == []
    report(tmp_path, failures=0)
    assert task.resume(None).state == "success"
    (entry,) = entries(ledger)
    assert entry.record is not None
    assert entry.record.outcome is Outcome.PASSED


@pytest.mark.parametrize("broken", ["name: [", "name: test\nallow_side_efects: true\n", None])
@pytest.mark.parametrize("checks", [[HEALTH], [JUNIT]])
def test_broken_environment_file_asks_a_person_and_says_why(
    supervisor: Supervisor, include: IncludeFolder, broken: str | None, checks: list[dict[str, Any]]
) -> None:
    """A file somebody is editing becomes a question with file and fix, not a thousand tries."""
    path = include.path / "environments" / "test.yaml"
    path.unlink() if broken is None else path.write_text(broken)
    task = a_task(supervisor, mode="check", checks=checks)
    ended = task.start()
    assert ended.state == ("deferred" if checks == [HEALTH] else "awaiting_input")
    headline = task.xcom("evidence")["results"][0]["headline"]
    assert "test.yaml" in headline
    assert "Fix:" in headline


def test_file_that_is_edited_changes_nothing_in_a_launch_that_has_begun(
    supervisor: Supervisor, include: IncludeFolder, dsn: str
) -> None:
    """Question, form and checks are those that the launch began with, whatever the Dag says today."""
    task = a_task(supervisor)
    edited = a_spec(question="Is it Friday?", text="Another text", owner="cto", gate="decision")
    task.operator.spec = edited
    settings = deployed_settings("test")
    with psycopg.connect(dsn) as connection:
        store_definitions(connection, [settings.document])
    change_launch(dsn, environment_digest=digest(settings.document))
    (include.path / "environments" / "test.yaml").write_text("name: [")
    assert task.start().waits == "asked"
    (request,) = supervisor.requests
    assert tuple(request.options) == (Answer.APPROVE, *ASK)
    assert request.subject == "TLS certificates are valid"
    assert "Are they valid?" in (request.body or "")
    assert "Friday" not in (request.body or "")
    assert task.answer("Approve").state == "success"


@pytest.mark.parametrize("mode", ["approval", "check"])
def test_item_that_the_launch_does_not_have_is_skipped_without_a_record(
    supervisor: Supervisor, ledger: Ledger, mode: str
) -> None:
    """It came into the checklist later: nothing is asked, and nothing is looked at."""
    assert a_task(supervisor, id="one").operator
    task = a_task(supervisor, mode=mode, id="later", known=False)
    ended = task.start() if mode == "approval" else task.resume(None)
    assert ended.state == "skipped"
    assert supervisor.requests == []
    assert entries(ledger) == []


def test_item_of_a_definition_that_is_gone_fails_and_says_what_to_do(
    supervisor: Supervisor, ledger: Ledger, dsn: str
) -> None:
    """A launch of an older package whose checklist was changed is neither asked nor checked by today's."""
    task = a_task(supervisor)
    change_launch(dsn, checklist_digests=Json({"week_1": "sha256:" + "1" * 64}))
    ended = task.start()
    assert (ended.state, "'launch amend shop-1.2'" in ended.why) == ("failed", True)
    assert supervisor.requests == []
    assert entries(ledger) == []


STRANGE: dict[str, tuple[dict[str, Any], str]] = {
    "a run that a person triggered": ({"run_type": "manual"}, "triggered by hand"),
    "a backfill": ({"run_type": "backfill"}, "triggered by hand"),
    "another environment in its configuration": (
        {"conf": {**CONF, "environment": "moon"}}, "another configuration"),
    "another person in its configuration": (
        {"conf": {**CONF, "started_by": "bo.technical"}}, "another configuration"),
    "no configuration": ({"conf": {}}, "another configuration"),
    "an id that no launch has": ({"run_id": "shop-1.3"}, "belongs to no launch"),
}  # fmt: skip


@pytest.mark.parametrize(("run", "why"), STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("mode", ["approval", "check"])
def test_run_that_is_not_the_launchs_own_is_refused(
    supervisor: Supervisor, run: dict[str, Any], why: str, mode: str
) -> None:
    """Neither asked nor checked: the first task fails, in words."""
    task = a_task(supervisor, mode=mode)
    for name, value in run.items():
        setattr(task, name, value)
    ended = task.start()
    assert ended.state == "failed"
    assert why in ended.why
    assert supervisor.requests == []


def test_item_of_a_launch_that_is_over_does_not_begin(supervisor: Supervisor, dsn: str) -> None:
    """What is cleared after the end is not decided again."""
    Launches(dsn).abort("shop-1.2", "ada.technical", REASON)
    ended = a_task(supervisor).start()
    assert (ended.state, "is over (aborted)" in ended.why) == ("failed", True)
    assert supervisor.requests == []


LATER = Moment(anchor="launch_time", offset="1h")


@pytest.mark.parametrize("mode", ["approval", "check"])
def test_item_waits_for_its_window_though_the_wait_was_marked_by_hand(
    supervisor: Supervisor, dsn: str, mode: str
) -> None:
    """Nobody is asked and nothing is looked at before the moment has come; then it begins by itself."""
    task = a_task(supervisor, mode=mode, moments=(LATER,))
    ended = task.start()
    assert (ended.state, ended.trigger, ended.waits) == ("deferred", "WindowTrigger", "beginning")
    assert supervisor.requests == []
    change_launch(dsn, launch_at=datetime.now(UTC) - timedelta(hours=1))
    ended = task.resume({"opened": datetime.now(UTC).isoformat()})
    assert ended.state == ("awaiting_input" if mode == "approval" else "deferred")
    assert len(supervisor.requests) == 1


def test_answer_before_the_window_opens_does_not_count(supervisor: Supervisor, ledger: Ledger) -> None:
    """A request of an earlier try can be answered while the item waits for its moment."""
    task = a_task(supervisor, moments=(LATER,))
    task.start()
    ended = task.answer("Approve")
    assert (ended.state, ended.trigger) == ("deferred", "WindowTrigger")
    assert entries(ledger) == []


def test_approval_does_not_offer_what_a_check_would(supervisor: Supervisor) -> None:
    """The spec alone decides the options: never the state of the evidence."""
    spec = a_spec(mode="check+approval")
    assert spec.options == a_task(supervisor, mode="check+approval").operator.spec.options
