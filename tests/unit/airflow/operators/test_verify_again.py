"""The first task of the go/no-go: everything that has passed is looked at once more, and told as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from launch_pipeline.airflow.hooks.ledger import looked_again
from launch_pipeline.airflow.operators.verify_again import VerifyAgainOperator
from launch_pipeline.airflow.policies.seals import in_force
from launch_pipeline.airflow.triggers import look_again as module
from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.checklist.vocabulary import TrueUntil
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.looking import LookedAt, due, to_look_at
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.reopened import Cause, Reopened, VerifiedAgain
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from servers.airflow_rest import AirflowRest
from servers.airflow_task import Task, first_event
from servers.checking import run
from servers.item_tasks import CONF, REASON, entries
from servers.passed_phases import PassedPhases
from servers.small_week import REF, WEEK_1, with_small_week
from servers.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Ended, Supervisor
    from servers.include_folder import IncludeFolder

LAUNCH = "shop-1.2"
AWAY = "postgresql://nobody@127.0.0.1:9/none"
SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""
CHECKED = ["green", "patient", "released", "unconnected", "loaded", "programmed", "reported"]


@pytest.fixture(autouse=True)
def small(include: IncludeFolder) -> None:
    """Replace the first phase before the launch begins with it."""
    with_small_week(include)


@pytest.fixture
def phases(small: None, launched: Ledger, dsn: str) -> PassedPhases:
    """Give the first phase, sealed."""
    assert small is None
    made = PassedPhases(launched, dsn)
    made.seal(WEEK_1)
    return made


@pytest.fixture
def shop(supervisor: Supervisor) -> Iterator[Switches]:
    """Give a service whose pages answer 200 where they are switched on, and Airflow's REST API."""
    with Switches() as switches, AirflowRest() as rest:
        rest.connect(supervisor)
        for dag_id in (WEEK_1, GO_NO_GO, "launch"):
            rest.reply("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", {"task_instances": []})
        supervisor.web("shop", switches.port)
        switches.on("/green", "/patient", "/" + "a" * 40)
        yield switches


def verify(supervisor: Supervisor) -> Task:
    with DAG(GO_NO_GO, schedule=None):
        operator = VerifyAgainOperator(task_id="verify_again")
    return Task(supervisor, operator, conf=CONF)


def seen_by(task: Task) -> Any:
    """Run the trigger that the task waits on, as the triggerer does; give its event."""
    return run(asyncio.wait_for(first_event(task.trigger()), SOON)).payload


def verified(task: Task) -> Ended:
    """Run the task to its end."""
    assert task.start().trigger == "LookAgainTrigger"
    return task.resume(seen_by(task))


def names(phases: PassedPhases, *, launched: bool = False) -> list[str]:
    found = to_look_at(entries(phases.ledger), in_force(phases.launch), [WEEK_1], launched=launched)
    return [item.spec.ref.removeprefix(REF) for item in found]


# ---- what is looked at ------------------------------------------------------------------------------


@pytest.mark.usefixtures("shop")
def test_what_asks_a_person_alone_or_has_no_record_is_not_looked_at(
    phases: PassedPhases, launched: Ledger, dsn: str
) -> None:
    """Only what machines have seen can be seen again, and only where it was true before."""
    assert names(phases) == CHECKED
    assert names(PassedPhases(launched, dsn)) == CHECKED
    assert to_look_at([], in_force(phases.launch), [WEEK_1]) == ()
    assert to_look_at(entries(launched), in_force(phases.launch), ["no_such_dag"]) == ()


@pytest.mark.parametrize(
    "outcome", [Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.NOT_MET, Outcome.REJECTED]
)
@pytest.mark.usefixtures("shop")
def test_what_was_set_aside_is_not_looked_at(phases: PassedPhases, outcome: Outcome) -> None:
    """A person knows that it is not true."""
    record = phases.passed(WEEK_1, f"{REF}patient")
    change = {"outcome": outcome, "reason": REASON, "task_instance_id": "later", "try_number": 9}
    phases.ledger.append(Entry.of_record(record.model_copy(update=change)))
    assert names(phases) == [name for name in CHECKED if name != "patient"]


@pytest.mark.usefixtures("shop")
def test_what_is_stale_or_verified_again_is_not_looked_at(phases: PassedPhases, dsn: str) -> None:
    """Its own task looks at it; once it has passed again, so does this one."""
    Changes(dsn).retarget(LAUNCH, "b" * 40, By("ada", REASON, Via.AIRFLOW))
    phases.reopen(WEEK_1, f"{REF}green", "503")
    # What has side effects is never looked at again, so it rests on the release whatever its checks ask.
    assert names(phases) == [name for name in CHECKED if name not in {"green", "released", "loaded"}]
    phases.passed(WEEK_1, f"{REF}green")
    assert "green" in names(phases)


@pytest.mark.parametrize(
    ("until", "before", "after"),
    [("sealed", False, False), ("launch_time", True, False), (None, True, True)],
)
@pytest.mark.usefixtures("shop")
def test_what_is_true_for_a_time_only_is_not_looked_at_after_it(
    phases: PassedPhases, until: str | None, before: bool, after: bool
) -> None:
    """The checklist says until when; from the launch time on, what was true until then is left out."""
    rows, now = entries(phases.ledger), in_force(phases.launch)
    dag = now.dags[WEEK_1]
    spec = dag.specs["machine.green"]
    item = spec.item.model_copy(update={"true_until": TrueUntil(until) if until else None})
    timely = replace(dag, specs={**dag.specs, spec.task_id: spec.model_copy(update={"item": item})})
    now = replace(now, dags={**now.dags, WEEK_1: timely})
    for launched, wanted in ((False, before), (True, after)):
        found = to_look_at(rows, now, [WEEK_1], launched=launched)
        assert (spec.ref in [one.spec.ref for one in found]) is wanted


def test_looks_leave_a_service_the_time_that_its_check_asks_for() -> None:
    """The longer of the policy's interval and the check's counts."""
    spec = deployed_dags()[WEEK_1].specs["machine.green"]
    (check,) = spec.item.checks

    def asked_every(seconds: int) -> LookedAt:
        params = {**check.params, "look_every": f"{seconds}s"}
        checks = (check.model_copy(update={"params": params}),)
        item = spec.item.model_copy(update={"checks": checks})
        return LookedAt(WEEK_1, spec.model_copy(update={"item": item}))

    now, every = datetime.now(UTC), timedelta(seconds=5)
    item, slow_item = asked_every(1), asked_every(60)
    assert due(item, None, now, every)
    assert due(slow_item, None, now, every)
    assert not due(item, now - timedelta(seconds=4), now, every)
    assert due(item, now - every, now, every)
    assert not due(slow_item, now - timedelta(seconds=59), now, every)
    assert due(slow_item, now - timedelta(seconds=60), now, every)


# ---- what comes of it -------------------------------------------------------------------------------


def test_everything_is_looked_at_and_told_as_it_is(
    supervisor: Supervisor, phases: PassedPhases, shop: Switches
) -> None:
    """What cannot be looked at is not counted as true; nothing is reopened where nothing is red."""
    task = verify(supervisor)
    assert verified(task).state == "success"
    (row,) = entries(phases.ledger, EntryKind.VERIFIED_AGAIN)
    look = VerifiedAgain.model_validate(row.content)
    assert (look.still_true, look.no_longer_true) == (3, ())
    unknown = {one.item_ref.removeprefix(REF) for one in look.not_looked_at}
    assert unknown == {"unconnected", "loaded", "programmed", "reported"}
    assert entries(phases.ledger, EntryKind.REOPENED) == []
    assert shop.asked.count("/loaded") == 0


def test_what_is_no_longer_true_is_reopened_and_the_decisions_open(
    supervisor: Supervisor, phases: PassedPhases, shop: Switches
) -> None:
    """No go is an answer at once; the deciders read what is wrong and whose it is."""
    shop.off("/patient")
    assert verified(verify(supervisor)).state == "success"
    (row,) = entries(phases.ledger, EntryKind.REOPENED)
    reopened = Reopened.model_validate(row.content)
    assert (reopened.item_ref, reopened.cause) == (f"{REF}patient", Cause.NO_LONGER_TRUE)
    assert "503" in reopened.why[0]
    short = looked_again(LAUNCH)
    assert short["still_true"] == 2
    (wrong,) = short["no_longer_true"]
    assert wrong == {
        "item": f"{REF}patient",
        "text": "The patient service answers",
        "owner": "Technical Lead",
        "headline": reopened.why[0],
    }


def test_look_of_a_launch_that_is_over_ends_nothing_else(
    supervisor: Supervisor, phases: PassedPhases, shop: Switches, dsn: str
) -> None:
    """Aborted while it was looked at: no row follows, and the decisions do not open."""
    assert shop
    task = verify(supervisor)
    task.start()
    event = seen_by(task)
    Launches(dsn).abort(LAUNCH, "ada", REASON)
    assert task.resume(event).state == "failed"
    assert entries(phases.ledger, EntryKind.VERIFIED_AGAIN) == []
    assert verify(supervisor).start().state == "failed"


@pytest.mark.parametrize("stage", ["before the look", "after it"])
def test_it_waits_for_the_ledger(
    supervisor: Supervisor, phases: PassedPhases, shop: Switches, dsn: str, stage: str
) -> None:
    """Nothing is looked at without it, and what was seen is not lost."""
    shop.off("/patient")
    task = verify(supervisor)
    if stage == "after it":
        task.start()
        event = seen_by(task)
        supervisor.postgres(AWAY)
        assert task.resume(event).trigger == "DateTimeTrigger"
        supervisor.postgres(dsn)
        assert task.resume(None).state == "success"
    else:
        supervisor.postgres(AWAY)
        assert task.start().trigger == "DateTimeTrigger"
        supervisor.postgres(dsn)
        assert task.resume(None).trigger == "LookAgainTrigger"
        task.resume(seen_by(task))
    assert len(entries(phases.ledger, EntryKind.VERIFIED_AGAIN)) == 1
    assert len(entries(phases.ledger, EntryKind.REOPENED)) == 1


def test_trigger_waits_for_the_ledger_and_survives_a_killed_triggerer(
    supervisor: Supervisor, phases: PassedPhases, shop: Switches, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next triggerer looks from the start; one row is written."""
    assert shop
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.05)
    task = verify(supervisor)
    task.start()
    supervisor.postgres(AWAY)

    async def killed() -> None:
        looking = asyncio.ensure_future(first_event(task.trigger()))
        done, _ = await asyncio.wait([looking], timeout=0.3)
        assert not done
        looking.cancel()
        await asyncio.wait([looking])

    run(killed())
    supervisor.postgres(dsn)
    assert task.resume(seen_by(task)).state == "success"
    assert len(entries(phases.ledger, EntryKind.VERIFIED_AGAIN)) == 1


def test_cleared_task_looks_again(supervisor: Supervisor, phases: PassedPhases, shop: Switches) -> None:
    """A Go that was taken back is followed by another look."""
    task = verify(supervisor)
    verified(task)
    shop.off("/green")
    assert verified(task.cleared()).state == "success"
    looks = [
        VerifiedAgain.model_validate(e.content) for e in entries(phases.ledger, EntryKind.VERIFIED_AGAIN)
    ]
    assert [len(look.no_longer_true) for look in looks] == [0, 1]


def test_item_that_has_passed_again_meanwhile_is_not_reopened(
    supervisor: Supervisor, phases: PassedPhases, shop: Switches
) -> None:
    """Airflow was away when it had to be cleared: once it has a newer record, nothing is left to do."""
    shop.off("/green")
    supervisor.web("launch_airflow", 9, login="pipeline", password="p")
    task = verify(supervisor)
    assert verified(task).trigger == "DateTimeTrigger"
    assert len(entries(phases.ledger, EntryKind.REOPENED)) == 1
    phases.passed(WEEK_1, f"{REF}green")
    assert task.resume(None).state == "success"
    assert len(entries(phases.ledger, EntryKind.REOPENED)) == 1
    assert len(entries(phases.ledger, EntryKind.VERIFIED_AGAIN)) == 1
