"""Notes that no worker posted, on a real ledger and the stand-in: posted once, in order, however late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO, ROLLBACK, SIGN_OFF, T_0, T_MINUS_2H
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome, SealedRecord
from launch_pipeline.notifications.keys import launch_key, phase_key, place_of
from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind
from launch_pipeline.slack.bridge.projection.catch_up import CatchUp
from launch_pipeline.slack.bridge.projection.ledger_view import LedgerView
from launch_pipeline.slack.store import Messages
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind
from servers.records import a_record, a_seal
from servers.slack_board import LAUNCH, PUBLIC, WEEK_1, Airflow, Clock, deployment
from servers.slack_board_stage import CHANNEL, Stage, key_of, stage, words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_pipeline.ledger.schema import Record, Seal
    from launch_rehearsal.slack_server.base.workspace import Posted

pytestmark = pytest.mark.integration

REASON = "the CDN is not ready"


def on_stage(dsn: str, play: Callable[[Stage], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with stage(dsn) as at:
            # What is kept is dated by the database.
            at.airflow = Airflow(clock=Clock(datetime.now(UTC)))
            at.projector = at.another()
            await play(at)

    asyncio.run(inside())


def admit(at: Stage, **ahead: float) -> None:
    """Admit a launch and begin it; it launches in three weeks, or so much ahead."""
    at.admit(datetime.now(UTC) + timedelta(**ahead or {"days": 21}))
    at.airflow.begin_launch(WEEK_1)


def told(at: Stage) -> list[Posted]:
    """Return the notes, in order."""
    return [message for message in at.said if key_of(message)]


def titles(at: Stage) -> list[str]:
    return [message.text.split("\n")[0].split(". ")[0] for message in told(at)]


def keep_seal(at: Stage, *records: Record, dag_id: str = WEEK_1, **fields: Any) -> Seal:
    """Write to the ledger what a phase's gate keeps; return the seal."""
    counted = at.airflow.counted(dag_id) if (LAUNCH, dag_id) in at.airflow.runs else ()
    seal = a_seal(
        launch_id=LAUNCH, dag_id=dag_id, sealed_at=at.airflow.clock.now,
        records=(*counted, *map(SealedRecord.of, records)), **fields,
    )  # fmt: skip
    entries = [Entry.of_record(record) for record in records]
    Ledger(at.dsn).append_all([*entries, Entry.of_seal(seal, f"gate-{dag_id}-{seal.sealed_at}")])
    return seal


def record(**fields: Any) -> Record:
    return a_record(**{"launch_id": LAUNCH, "dag_id": WEEK_1, "task_instance_id": "0197-9"} | fields)


def test_start_is_told_where_no_worker_did(dsn: str) -> None:
    """After a moment for the worker; with release, time and who."""

    async def play(at: Stage) -> None:
        admit(at)
        await at.look(5)
        assert told(at) == []
        await at.look(20)
        (note,) = told(at)
        assert key_of(note) == launch_key(LAUNCH, LaunchNoteKind.STARTED)
        assert "Launch started: 2.4.0" in words(note)
        assert "Priya Raman" in words(note)
        await at.restart()
        await at.look(60)
        assert len(told(at)) == 1

    on_stage(dsn, play)


def test_what_a_worker_told_is_not_told_again(dsn: str) -> None:
    """Worker and bridge use the same key, in either order."""

    async def play(at: Stage) -> None:
        admit(at)
        seal = keep_seal(at)
        key = launch_key(LAUNCH, LaunchNoteKind.STARTED)
        for one in (key, phase_key(seal)):
            Messages(dsn).place(LAUNCH, place_of(one), CHANNEL, lambda: "1900000000.000001")
        await at.look(60)
        assert told(at) == []

    on_stage(dsn, play)


def test_what_was_told_is_not_even_tried() -> None:
    """Its key is enough; nothing is asked of Slack or of the database."""
    airflow = Airflow()
    airflow.begin(WEEK_1)
    airflow.end(WEEK_1)
    now = airflow.clock.now + timedelta(minutes=1)
    teller = CatchUp(airflow.launch(), LedgerView(), deployment(), now)
    (key,) = teller.missing(())
    assert "/unsealed/" in key
    assert teller.missing({key}) == {}


def test_postponed_and_aborted_are_told_at_once(dsn: str) -> None:
    """With who, why, and both times; each postponement of its own."""

    async def play(at: Stage) -> None:
        admit(at)
        later = datetime.now(UTC) + timedelta(days=30)
        Launches(dsn).postpone(LAUNCH, later, "omar.operations", REASON)
        await at.look()
        Launches(dsn).postpone(LAUNCH, later + timedelta(days=1), "omar.operations", REASON)
        Launches(dsn).abort(LAUNCH, "carla.cto", "the product is not what was promised")
        await at.look()
        assert titles(at) == ["🕓 Launch postponed: 2.4.0"] * 2 + ["⏹️ Launch aborted: 2.4.0"]
        assert "Omar Haddad" in words(told(at)[0])
        assert REASON in words(told(at)[0])
        assert "was <!date" in words(told(at)[0])
        assert "the product is not what was promised" in words(told(at)[2])
        assert f"<{PUBLIC}/launch/report/{LAUNCH}|Report of the launch>" in words(told(at)[2])
        assert str(Ledger(dsn).head(LAUNCH).digest) in words(told(at)[2])
        await at.look()
        assert len(told(at)) == 3

    on_stage(dsn, play)


def test_notes_that_a_worker_kept_are_told(dsn: str) -> None:
    """Slack was down when the worker tried: the bridge posts them from the ledger, unchanged."""

    async def play(at: Stage) -> None:
        admit(at)
        note = LaunchNote(
            kind=LaunchNoteKind.WINDOW_OPENED, key="k/window", launch_id=LAUNCH, rehearsal=False,
            what="10 Launch Day: Launch (T-0)", at=at.airflow.clock.now,
        )  # fmt: skip
        for number, content in enumerate(
            ({"note": note.model_dump(mode="json")}, {"note": {"kind": "?"}}, {})
        ):
            entry = Entry(
                kind=EntryKind.ANNOUNCEMENT, launch_id=LAUNCH, task_instance_id=f"ti-{number}",
                content={"key": f"k/{number}", **content},
            )  # fmt: skip
            Ledger(dsn).append(entry)
        await at.look(1)
        (one,) = told(at)
        assert (key_of(one), titles(at)) == ("k/window", ["🕐 Window opened: 10 Launch Day: Launch (T-0)"])

    on_stage(dsn, play)


def test_sealed_phase_is_told_with_its_records(dsn: str) -> None:
    """Counts, waivers with reasons, failing items; loud where it failed; a repaired phase again."""

    async def play(at: Stage) -> None:
        admit(at)
        waived = record(outcome=Outcome.WAIVED, reason="lands next week", item_ref="a.b.c", text="TLS <b>")
        failed = record(
            outcome=Outcome.REJECTED, reason="expired", item_ref="a.b.d", text="Backups", task_instance_id="x"
        )
        counts = {Outcome.WAIVED: 1, Outcome.REJECTED: 1}
        keep_seal(at, waived, failed, complete=False, counts=counts, problems=("a.b.d was rejected by Ada",))
        await at.look(25)
        note = told(at)[-1]
        assert "Pre-Launch Requirements (Week 1): FAILED" in note.text
        assert "lands next week" in words(note)
        assert "Backups" in words(note)
        assert "expired" in words(note)
        keep_seal(at, record(), try_number=2)
        await at.look(25)
        assert "Pre-Launch Requirements (Week 1): complete" in told(at)[-1].text
        assert "02 Infrastructure Setup" in words(told(at)[-1])

    on_stage(dsn, play)


def test_run_that_was_ended_by_hand_is_told(dsn: str) -> None:
    """Success or failed: without a seal of this run, the gate was bypassed."""

    async def play(at: Stage) -> None:
        admit(at)
        keep_seal(at)
        await at.look(25)
        before = len(told(at))
        at.airflow.clear(at.airflow.runs[LAUNCH, WEEK_1].items[0].task_id)
        at.airflow.end(WEEK_1, "success")
        await at.look(25)
        note = told(at)[-1]
        assert "without a seal" in words(note)
        assert "/unsealed/" in key_of(note)
        await at.look(25)
        assert len(told(at)) == before + 1

    on_stage(dsn, play)


def test_sealed_run_is_not_told_as_unsealed(dsn: str) -> None:
    """Its run ends after its seal."""

    async def play(at: Stage) -> None:
        admit(at)
        at.airflow.clock.passes(seconds=5)
        keep_seal(at)
        at.airflow.end(WEEK_1)
        at.airflow.end(CONDUCTOR, "failed")
        await at.look(60)
        assert not [message for message in told(at) if "unsealed" in key_of(message)]

    on_stage(dsn, play)


def test_no_go_and_complete_follow_from_the_ledger(dsn: str) -> None:
    """The worker died before it could post them."""

    async def play(at: Stage) -> None:
        admit(at)
        no = record(outcome=Outcome.REJECTED, reason="latency doubled", dag_id=GO_NO_GO, item_ref="s.g.c")
        keep_seal(at, no, dag_id=GO_NO_GO, complete=False, counts={Outcome.REJECTED: 1})
        Launches(dsn).end(LAUNCH, LaunchState.NO_GO)
        at.admit(datetime.now(UTC) + timedelta(days=1), launch_id="shop-2.5.0")
        at.airflow.begin(CONDUCTOR, launch="shop-2.5.0")
        Launches(dsn).end("shop-2.5.0", LaunchState.COMPLETE)
        await at.look(25)
        assert "🔴 No go: 2.4.0" in titles(at)
        (said,) = [message for message in told(at) if "No go" in message.text]
        assert "latency doubled" in words(said)
        assert "Ada Lindqvist" in words(said)
        assert "🏁 Launch complete: 2.4.0" in titles(at)

    on_stage(dsn, play)


def test_rolled_back_is_told_by_its_seal_alone(dsn: str) -> None:
    """There is no second message for the same thing."""

    async def play(at: Stage) -> None:
        admit(at)
        at.airflow.begin(ROLLBACK)
        keep_seal(at, dag_id=ROLLBACK)
        Launches(dsn).end(LAUNCH, LaunchState.ROLLED_BACK)
        await at.look(25)
        assert titles(at) == ["🚀 Launch started: 2.4.0", "✅ Rollback: complete"]

    on_stage(dsn, play)


def test_missed_window_is_told_while_it_is_missed(dsn: str) -> None:
    """Its time has passed and its Dag has not begun: who started the launch is addressed, once per time."""

    async def play(at: Stage) -> None:
        admit(at, hours=3)
        await at.look(25)
        before = len(told(at))
        await at.look(3600)
        assert len(told(at)) == before
        await at.look(300)
        note = told(at)[-1]
        assert titles(at)[-1] == "⏰ Window missed: 08 Launch Day: Pre-Launch (T-2 hours)"
        assert "<@U0LAUNCH02>" in words(note)
        assert "01 Pre-Launch Requirements (Week 1)" in words(note)
        assert "launch postpone" in words(note)
        await at.look(7200)
        assert titles(at)[-1] == "⏰ Window missed: 10 Launch Day: Launch (T-0)"
        await at.look(60)
        assert len(told(at)) == before + 2
        at.airflow.begin(T_MINUS_2H, T_0)
        Launches(dsn).postpone(LAUNCH, datetime.now(UTC) + timedelta(hours=9), "priya.product", REASON)
        await at.look(9 * 3600)
        assert titles(at)[-1] == "🕓 Launch postponed: 2.4.0"

    on_stage(dsn, play)


def test_slack_that_was_down_hears_everything_in_order(dsn: str) -> None:
    """For as long as the launch has been without it."""

    async def play(at: Stage) -> None:
        at.down()
        admit(at)
        await at.look(25)
        keep_seal(at)
        Launches(dsn).postpone(LAUNCH, datetime.now(UTC) + timedelta(days=40), "priya.product", REASON)
        await at.look(25)
        keep_seal(at, dag_id=SIGN_OFF)
        Launches(dsn).end(LAUNCH, LaunchState.COMPLETE)
        await at.look(3600)
        at.up()
        await at.look()
        assert titles(at) == [
            "🚀 Launch started: 2.4.0",
            "✅ Pre-Launch Requirements (Week 1): complete",
            "🕓 Launch postponed: 2.4.0",
            "✅ Sign-Off: complete",
            "🏁 Launch complete: 2.4.0",
        ]

    on_stage(dsn, play)


def test_old_news_is_not_told(dsn: str) -> None:
    """A bridge that is set up in the middle of a launch does not retell its history."""

    async def play(at: Stage) -> None:
        admit(at)
        keep_seal(at)
        await at.look(8 * 24 * 3600)
        assert told(at) == []

    on_stage(dsn, play)


def test_rehearsal_is_marked(dsn: str) -> None:
    """Everything that is told of one; of its windows only T-0 is known here."""

    async def play(at: Stage) -> None:
        at.airflow.facts[LAUNCH] = {"rehearsal": True}
        at.admit(datetime.now(UTC) + timedelta(minutes=1), rehearsal=True)
        at.airflow.begin_launch(WEEK_1)
        keep_seal(at)
        await at.look(600)
        assert titles(at)[-1].endswith("10 Launch Day: Launch (T-0)")
        assert all("REHEARSAL" in words(message) for message in (at.root, *told(at)))
        assert not any("T-2" in words(message).split("Not complete")[0] for message in told(at))

    on_stage(dsn, play)


def test_only_a_lost_answer_repeats_a_note(dsn: str) -> None:
    """Slack posted it and nobody heard so: it comes again, and both carry the same key."""

    async def play(at: Stage) -> None:
        admit(at)
        await at.look(1)
        at.standin.faults.add(Fault(method="chat.postMessage", kind=FaultKind.LATE))
        keep_seal(at)
        for _ in range(3):
            await at.look(25)
        keys = [key_of(message) for message in told(at)]
        assert sorted(keys.count(key) for key in set(keys)) == [1, 2]

    on_stage(dsn, play)


def test_failed_phase_is_loud(dsn: str) -> None:
    """So are go, no go, a missed window and a rollback; a phase that is complete is not."""

    async def play(at: Stage) -> None:
        admit(at, hours=1)
        keep_seal(at, complete=False)
        keep_seal(at, dag_id=SIGN_OFF)
        seen = at.spy()
        await at.look(25)
        loud = {given["text"].split(". ")[0].split("\n")[0]: given.get("reply_broadcast") for given in seen}
        assert loud["❌ Pre-Launch Requirements (Week 1): FAILED"] is True
        assert loud["✅ Sign-Off: complete"] is False
        assert loud["🚀 Launch started: 2.4.0"] is False

    on_stage(dsn, play)
