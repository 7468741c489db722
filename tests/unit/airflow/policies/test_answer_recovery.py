"""A worker that is lost after a person has answered: the answer counts, and he is not asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.errors import LedgerUnavailable
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Outcome, RecordedBy, read_record
from servers.airflow_rest import AirflowRest
from servers.item_tasks import REASON, a_task, asked, entries, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.schema import Entry
    from servers.airflow_task import Supervisor, Task
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.usefixtures("launched")
SELMA, CARLA = "selma.officer", "carla.cto"


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
    assert [e.item_ref for e in entries(ledger)] == ["week_1.security.tls"]


def test_a_decision_that_was_kept_already_is_carried(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Lost between ledger and end: the next try's row names the first, and says the same."""
    task = asked(a_task(supervisor))
    at = airflow.answered(task, "Waive", CARLA, reason=REASON)
    task.answer("Waive", by=CARLA, reason=REASON, at=at)
    again = task.lost()
    assert again.start().state == "skipped"
    first, second = (entry.record for entry in entries(ledger))
    assert first
    assert second
    assert (first.carried_from, second.carried_from) == (None, str(task.id))
    own = {"task_instance_id", "try_number", "carried_from"}
    assert first.model_dump(exclude=own) == second.model_dump(exclude=own)
    assert "carried_from" not in entries(ledger)[0].content


def test_a_decision_is_carried_as_often_as_workers_are_lost(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Every row names the first one: there is one decision."""
    task = asked(a_task(supervisor))
    at = airflow.answered(task, "Approve", SELMA)
    task.answer("Approve", by=SELMA, at=at)
    once = task.lost()
    once.start()
    airflow.answered(once, "Approve", SELMA, at=at)
    twice = once.lost()
    assert twice.start().state == "success"
    records = [entry.record for entry in entries(ledger)]
    assert [r.carried_from for r in records if r] == [None, str(task.id), str(task.id)]


def test_an_answer_that_reached_no_worker_counts(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """The api-server died before a worker could go on: Airflow counts another try, and keeps no history."""
    task = asked(a_task(supervisor))
    again = task.lost()
    airflow.answered(again, "Approve", SELMA)
    assert again.start().state == "success"
    assert len(entries(ledger)) == 1


def test_an_answer_outlives_tries_that_never_began(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """The api-server was away: Airflow counts tries of which it keeps nothing."""
    task = asked(a_task(supervisor))
    at = airflow.answered(task, "Approve", SELMA)
    again = task.lost().lost().lost()
    assert again.start().state == "success"
    assert [e.record.decided_at for e in entries(ledger) if e.record] == [at]


def test_an_answer_of_before_a_clear_is_not_carried(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Cleared, and the worker lost before it could ask: the old answer is still in the request."""
    task = asked(a_task(supervisor))
    at = airflow.answered(task, "Approve", SELMA)
    task.answer("Approve", by=SELMA, at=at)
    cleared = task.cleared()
    airflow.answered(cleared, "Approve", SELMA, at=at)
    again = cleared.lost()
    assert again.start().state == "awaiting_input"
    assert len(entries(ledger)) == 1


def test_a_decision_that_was_kept_stands_whatever_the_checks_say_now(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """It was taken on evidence that had passed; the record holds this evidence, and nobody is asked twice."""
    task = asked(a_task(supervisor, mode="check+approval"))
    at = airflow.answered(task, "Approve", SELMA)
    task.answer("Approve", by=SELMA, at=at)
    again = task.lost()
    assert again.resume(evidence(again, "failed")).state == "success"
    assert [result.verdict for result in _record(again).results] == ["passed"]
    assert len(entries(ledger)) == 2


def test_an_answer_that_the_ledger_took_without_saying_so_is_not_judged_again(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke at the commit; meanwhile the person lost the role. What is kept is kept."""
    task = asked(a_task(supervisor))
    append = Ledger.append_in_course

    def silent(self: Ledger, entries: list[Entry]) -> list[int]:
        append(self, entries)
        raise LedgerUnavailable("no word")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append_in_course", silent)
        assert task.answer("Approve", by=SELMA).waits == "answered"
    include.contacts.write_text(include.contacts.read_text().replace(SELMA, "selma.married"))
    assert task.resume(None).state == "success"
    assert len(entries(ledger)) == 1


def test_an_answer_is_asked_again_where_the_checks_show_something_else_now(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """A no to failing checks whose worker was lost, and they have healed: no record of it on green."""
    task = asked(a_task(supervisor, mode="check"), "failed")
    airflow.answered(task, "Reject", SELMA, reason=REASON)
    again = task.lost()
    assert again.resume(evidence(again)).state == "awaiting_input"
    assert "evidence has changed" in str(again.xcom("refused")["why"])
    assert not entries(ledger)


def test_an_answer_counts_where_the_checks_show_the_same_now(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Looked at again with the same result, the no counts without another word."""
    task = asked(a_task(supervisor, mode="check"), "failed")
    airflow.answered(task, "Reject", SELMA, reason=REASON)
    again = task.lost()
    assert again.resume(evidence(again, "failed", duration_ms=99)).state == "failed"
    assert [e.record.outcome for e in entries(ledger) if e.record] == [Outcome.REJECTED]


def test_a_later_try_without_an_answer_passes(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Nobody had answered: checks that pass end it, as in a first try."""
    task = asked(a_task(supervisor, mode="check"), "failed")
    airflow.unanswered(task)
    again = task.lost()
    assert again.resume(evidence(again)).state == "success"
    assert _record(again).outcome is Outcome.PASSED
    assert [entry.kind for entry in entries(ledger)] == ["machine_pass"]


@pytest.mark.parametrize(
    ("option", "outcome"), [("Waive", Outcome.WAIVED), ("Reject", Outcome.REJECTED), ("Not applicable", None)]
)
def test_every_kind_of_answer_is_carried(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest, option: str, outcome: Outcome | None
) -> None:
    """Waivers, rejections and the rest end the next try as they would have ended the lost one."""
    del ledger
    task = asked(a_task(supervisor))
    airflow.answered(task, option, SELMA if option == "Reject" else CARLA, reason=REASON)
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
    assert again.resume(evidence(again)).state == "awaiting_input"


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
    assert again.resume(evidence(again, "failed")).state == "deferred"
    assert "evidence has changed" in str(again.xcom("refused")["why"])
    assert not entries(ledger)


def test_an_api_that_is_away_is_waited_for(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """What was answered cannot be read: nobody is asked again meanwhile, and the evidence is kept."""
    del ledger
    task = asked(a_task(supervisor, mode="check+approval"))
    supervisor.web("launch_airflow", 9, login="pipeline", password="p")
    again = task.lost()
    ended = again.resume(evidence(again))
    assert (ended.state, ended.waits) == ("deferred", "beginning")
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


def test_a_round_that_was_counted_is_not_counted_again(
    supervisor: Supervisor, ledger: Ledger, airflow: AirflowRest
) -> None:
    """Lost between two rounds: the request still holds the last answer, and the next day is waited for."""
    task = asked(a_task(supervisor, repeat={"times": 3, "every": "1d"}))
    at = airflow.answered(task, "Approve", SELMA, at=datetime.now(UTC) - timedelta(hours=6))
    assert task.answer("Approve", by=SELMA, at=at).waits == "resting"
    again = task.lost()
    ended = again.start()
    assert (ended.state, ended.waits) == ("deferred", "resting")
    assert ended.trigger_kwargs["moment"] - at < timedelta(hours=25)
    for _ in range(2):
        again.resume(None)
        again.answer("Approve", by=SELMA)
    assert [each.number for each in _record(again).rounds] == [1, 2, 3]
    assert [entry.kind for entry in entries(ledger)] == ["round"] * 3 + ["decision"]


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
