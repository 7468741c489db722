"""A worker that is lost after a person has answered: the answer counts, and he is not asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.record.schema import Outcome, RecordedBy, read_record
from servers.airflow_rest import AirflowRest
from servers.item_tasks import REASON, a_task, asked, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.record.ledger import Ledger
    from servers.airflow_task import Supervisor, Task

SELMA = "selma.officer"


@pytest.fixture
def airflow(supervisor: Supervisor) -> Iterator[AirflowRest]:
    """Give Airflow's REST API as the tasks reach it."""
    with AirflowRest() as rest:
        yield rest.connect(supervisor)


def _record(task: Task) -> Any:
    return read_record(task.xcom())


def test_an_answer_of_a_lost_try_counts(supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest) -> None:
    """The next try asks nobody: it takes the person, the way in and the moment of the answer."""
    task = asked(a_task(supervisor))
    at = airflow.answered(task, "Approve", SELMA)
    again = task.lost()
    assert again.start().state == "success"
    assert len(supervisor.requests) == 1
    record = _record(again)
    assert (record.decided_by.name, record.recorded_by) == ("Selma Duarte", RecordedBy.SLACK)
    assert (record.decided_at, record.task_instance_id) == (at, str(again.id))
    assert [e.item_ref for e in ledger.entries("shop-1.2")] == ["week_1.security.tls"]


def test_a_decision_that_was_kept_already_is_told_from_a_second_one(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Lost between ledger and end: both tries have a row, with the same person and moment."""
    task = asked(a_task(supervisor))
    at = airflow.answered(task, "Waive", SELMA, reason=REASON)
    task.answer("Waive", by=SELMA, reason=REASON, at=at)
    again = task.lost()
    assert again.start().state == "skipped"
    first, second = (entry.record for entry in ledger.entries("shop-1.2"))
    assert first
    assert second
    assert (first.decided_at, first.decided_by) == (second.decided_at, second.decided_by)
    assert first.task_instance_id != second.task_instance_id


@pytest.mark.parametrize(
    ("option", "outcome"), [("Waive", Outcome.WAIVED), ("Reject", Outcome.REJECTED), ("Not applicable", None)]
)
def test_every_kind_of_answer_is_carried(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest, option: str, outcome: Outcome | None
) -> None:
    """Waivers, rejections and the rest end the next try as they would have ended the lost one."""
    del ledger
    task = asked(a_task(supervisor))
    airflow.answered(task, option, SELMA, reason=REASON)
    again = task.lost()
    again.start()
    assert _record(again).outcome is (outcome or Outcome.NOT_APPLICABLE)


def test_a_cleared_task_asks_anew(supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest) -> None:
    """Somebody cleared it in order to decide anew: the old answer is history."""
    del ledger
    task = asked(a_task(supervisor))
    airflow.answered(task, "Approve", SELMA)
    task.answer("Approve", by=SELMA)
    assert task.cleared().start().state == "awaiting_input"
    assert not airflow.requests


def test_a_re_check_asks_again(supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest) -> None:
    """Re-check ends its try on purpose."""
    del ledger
    task = asked(a_task(supervisor, mode="check+approval"))
    airflow.answered(task, "Re-check", SELMA)
    again = task.lost()
    assert again.resume(evidence(again), "looked").state == "awaiting_input"


def test_a_lost_worker_before_the_answer_asks_again(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Where nobody had answered, the person is asked by the next try."""
    del ledger
    task = asked(a_task(supervisor))
    airflow.unanswered(task)
    assert task.lost().start().state == "awaiting_input"


def test_a_carried_approval_needs_checks_that_pass_now(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """The next try has looked again: what fails now is not approved by a word of before."""
    task = asked(a_task(supervisor, mode="check+approval"))
    airflow.answered(task, "Approve", SELMA)
    again = task.lost()
    assert again.resume(evidence(again, "failed"), "looked").state == "deferred"
    assert "have not passed" in str(again.xcom("refused")["why"])
    assert not ledger.entries("shop-1.2")


def test_an_api_that_is_away_is_waited_for(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """What was answered cannot be read: nobody is asked again meanwhile, and the evidence is kept."""
    del ledger
    task = asked(a_task(supervisor, mode="check+approval"))
    supervisor.web("launch_airflow", 9, login="pipeline", password="p")
    again = task.lost()
    ended = again.resume(evidence(again), "looked")
    assert (ended.state, ended.message.next_method) == ("deferred", "begin")
    airflow.connect(supervisor).answered(task, "Approve", SELMA)
    assert again.resume(None).state == "success"


def test_rounds_survive_a_lost_worker(supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest) -> None:
    """Two of three days were acknowledged when the worker was lost: the third ends it."""
    del ledger
    task = asked(a_task(supervisor, repeat={"times": 3, "every": "1d"}))
    for _ in range(2):
        task.answer("Approve")
        task.resume(None)
    airflow.unanswered(task)
    again = task.lost()
    assert again.start().state == "awaiting_input"
    assert again.answer("Approve").state == "success"
    assert [each.number for each in _record(again).rounds] == [1, 2, 3]


def test_a_cleared_item_begins_its_rounds_anew(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Rounds of before the clear do not count."""
    del ledger, airflow
    task = asked(a_task(supervisor, repeat={"times": 3, "every": "1d"}))
    task.answer("Approve")
    again = task.cleared()
    again.start()
    assert again.answer("Approve").state == "deferred"
    again.resume(None)
    assert again.answer("Approve").state == "deferred"
