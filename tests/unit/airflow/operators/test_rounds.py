"""An item that is asked on several days: one record, and no day is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.execution_time import comms

from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import EntryKind, Outcome
from servers.item_tasks import HEALTH, REASON, a_task, asked, entries

if TYPE_CHECKING:
    from launch_pipeline.ledger.schema import LedgerEntry
    from servers.airflow_task import Supervisor, Task
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.usefixtures("launched")
LAUNCH = "shop-1.2"


def _away(supervisor: Supervisor) -> None:
    supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")


DAILY: dict[str, Any] = {"id": "daily", "repeat": {"times": 7, "every": "1d"}}


def test_seven_rounds_are_one_record(supervisor: Supervisor, ledger: Ledger) -> None:
    """Each day is acknowledged; the item ends with the seventh, and all are in its record."""
    task = asked(a_task(supervisor, **DAILY))
    for day in range(1, 7):
        ended = task.answer("Approve", by=("sven.security", "selma.officer")[day % 2])
        assert (ended.state, ended.waits) == ("deferred", "resting")
        assert [entry.kind for entry in entries(ledger)] == ["round"] * day
        assert task.resume(None).state == "awaiting_input"
    assert task.answer("Approve").state == "success"
    _seven_rounds(ledger)
    assert len(supervisor.requests) == 7


def test_refusal_of_one_day_is_not_told_the_next(supervisor: Supervisor, ledger: Ledger) -> None:
    """What was wrong with yesterday's answer says nothing about today's question."""
    task = asked(a_task(supervisor, **DAILY))
    task.answer("Reject")
    assert "reason" in task.xcom("refused")["why"]
    task.answer("Approve")
    task.resume(None)
    assert task.xcom("refused")["why"] == ""
    assert _decided(ledger) == []


def test_ledger_away_in_the_last_round_loses_none(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """Seven acknowledgements, however often the last is offered."""
    task = _rounds(asked(a_task(supervisor, **DAILY)), 6)
    _away(supervisor)
    assert task.answer("Approve").waits == "answered"
    assert task.resume(None).waits == "answered"
    supervisor.postgres(dsn)
    assert task.resume(None).state == "success"
    _seven_rounds(ledger)


def test_ledger_away_at_a_rejection_loses_no_round(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """A no on the fourth day keeps the three days before it."""
    task = _rounds(asked(a_task(supervisor, **DAILY)), 3)
    _away(supervisor)
    task.answer("Reject", reason=REASON)
    # The ledger answers the question who may answer, and is gone when the answer is written.
    task.resume(None)
    supervisor.postgres(dsn)
    assert task.resume(None).state == "failed"
    (entry,) = _decided(ledger)
    assert entry.record is not None
    assert [r.number for r in entry.record.rounds] == [1, 2, 3]


def test_write_that_fails_after_the_judgement_keeps_every_round(
    supervisor: Supervisor, ledger: Ledger, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger goes away between judging and writing: the rounds stay as they were."""
    from launch_pipeline.errors import LedgerUnavailable  # noqa: PLC0415

    def gone(*_: object) -> None:
        raise LedgerUnavailable("gone")

    for option, rounds in (("Reject", 3), ("Approve", 6)):
        task = _rounds(asked(a_task(supervisor, **{**DAILY, "id": option.lower()})), rounds)
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "append_in_course", gone)
            ended = task.answer(option, reason=REASON)
        assert ended.waits == "answered"
        assert len([e for e in _rounds_kept(ledger) if e.item_ref == task.operator.spec.ref]) == rounds
        task.resume(None)
    decided = [entry.record for entry in _decided(ledger)]
    assert [len(record.rounds) for record in decided if record] == [3, 7]
    assert dsn


def test_refused_round_asks_again_and_keeps_the_days(supervisor: Supervisor, ledger: Ledger) -> None:
    """A wrong role on the second day does not forget the first."""
    task = _rounds(asked(a_task(supervisor, **DAILY)), 1)
    assert task.answer("Approve", by="noor.network").state == "awaiting_input"
    task = _rounds(task, 5)
    assert task.answer("Approve").state == "success"
    _seven_rounds(ledger)


def test_recheck_of_a_round_looks_again_and_keeps_the_days(supervisor: Supervisor, ledger: Ledger) -> None:
    """Re-check would be a new try, which forgets; a round looks again in place."""
    task = asked(a_task(supervisor, mode="check+approval", checks=[HEALTH], **DAILY))
    task.answer("Approve")
    ended = task.resume(None)
    assert ended.trigger == "ChecksTrigger"  # not connected in this test
    ended = task.answer("Re-check")
    assert (ended.state, ended.trigger) == ("deferred", "ChecksTrigger")
    assert len(_rounds_kept(ledger)) == 1
    assert _decided(ledger) == []


@pytest.mark.parametrize("launched", [{"rehearsal": True}], indirect=True)
def test_pause_between_rounds_has_the_environments_pace(
    supervisor: Supervisor, ledger: Ledger, include: IncludeFolder
) -> None:
    """A rehearsal's day is a few seconds."""
    include.environment(rehearsal=True, hour="1s")
    ended = asked(a_task(supervisor, **DAILY)).answer("Approve")
    left = (ended.trigger_kwargs["moment"] - datetime.now(UTC)).total_seconds()
    assert 15 < left < 25
    assert _decided(ledger) == []


def _decided(ledger: Ledger) -> list[LedgerEntry]:
    return entries(ledger, EntryKind.DECISION)


def _rounds_kept(ledger: Ledger) -> list[LedgerEntry]:
    return entries(ledger, EntryKind.ROUND)


def _rounds(task: Task, number: int) -> Task:
    for _ in range(number):
        task.answer("Approve")
        task.resume(None)
    return task


def _seven_rounds(ledger: Ledger) -> None:
    (entry,) = _decided(ledger)
    assert entry.record is not None
    assert [each.number for each in entry.record.rounds] == [1, 2, 3, 4, 5, 6, 7]
    assert entry.record.outcome is Outcome.APPROVED


@pytest.mark.parametrize("store", ["rounds", "sign_off"])
def test_rounds_that_were_written_into_the_state_store_do_not_count(
    supervisor: Supervisor, ledger: Ledger, store: str
) -> None:
    """Who may edit a task's state store can forge nothing: the ledger alone holds the rounds."""
    task = asked(a_task(supervisor, **DAILY))
    round_ = {"number": 1, "decided_by": None, "decided_at": datetime.now(UTC).isoformat()}
    forged = {"life": 0, "rounds": [{**round_, "number": number} for number in range(1, 7)]}
    supervisor.store[store] = comms.SetTaskStateStore(ti_id=task.id, key=store, value=forged, expires_at=None)
    ended = task.answer("Approve")
    assert (ended.state, ended.waits) == ("deferred", "resting")
    assert [entry.content["number"] for entry in _rounds_kept(ledger)] == [1]
