"""What changes while a launch runs, on a real ledger and the stand-in: on the card, and told once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.launch.basis import variables_used
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.ledger.changes import Amendment, By, Changes
from launch_pipeline.ledger.facts import Changed
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proposals import propose
from launch_pipeline.ledger.reopened import Cause, Seen, VerifiedAgain
from launch_pipeline.ledger.schema import Entry, Outcome, SealedRecord
from launch_pipeline.notifications.keys import launch_key
from launch_pipeline.notifications.model import LaunchNoteKind
from launch_pipeline.slack.messages.elements import HOLD, RESUME
from servers.changed_launch import pinned_spec, record_of, reopened, start
from servers.records import a_seal
from servers.slack_board import LAUNCH, WEEK_1, Airflow, Clock, deployment, voices
from servers.slack_board_stage import Stage, buttons, key_of, stage, words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.reopened import Reopened
    from launch_pipeline.ledger.schema import Record
    from launch_rehearsal.slack_server.base.workspace import Posted

pytestmark = pytest.mark.integration

REASON = "the login loop is repaired <!channel> *now*"
BY = By("ada.technical", REASON, Via.AIRFLOW)
NEW = "b" * 40


def on_stage(dsn: str, play: Callable[[Stage], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with stage(dsn) as at:
            # What is kept is dated by the database.
            at.airflow = Airflow(clock=Clock(datetime.now(UTC)))
            at.projector = at.another()
            await play(at)

    asyncio.run(inside())


def admit(at: Stage, launch_id: str = LAUNCH, environment: str = "production") -> Launch:
    """Admit a launch, and begin it."""
    started = start(at.dsn, launch_id, environment)
    at.airflow.begin_launch(WEEK_1, launch=launch_id)
    return started


def told(at: Stage) -> list[Posted]:
    return [message for message in at.said if key_of(message)]


def passed(at: Stage, spec: ItemSpec, launch: Launch, **fields: Any) -> Record:
    """Append the record of an item that passed, with what it rests on; its task has ended."""
    instance = at.airflow.item(spec.task_id, launch=launch.launch_id).task_instance_id
    record = record_of(launch, spec, task_instance_id=instance, **fields)
    Ledger(at.dsn).append(Entry.of_record(record))
    at.airflow.heal(spec.task_id, launch=launch.launch_id)
    return record


def reopen(at: Stage, item: Reopened, number: int = 1, launch_id: str = LAUNCH) -> None:
    Ledger(at.dsn).append(item.entry(launch_id, number))


# ---- holds -----------------------------------------------------------------------------------------


def test_hold_is_on_the_card_and_told_loudly(dsn: str) -> None:
    """Who, since when and why; after Resume the card is as it was. A reason stays text."""

    async def play(at: Stage) -> None:
        admit(at)
        await at.look(30)
        assert "hold" not in at.root.text
        assert HOLD in buttons(at.root)
        seen = at.spy()
        Changes(dsn).hold(LAUNCH, BY)
        await at.look()
        assert "Launch is on hold" in at.root.text
        for shown in (words(at.root), words(told(at)[-1])):
            assert "Ada Lindqvist" in shown
            assert "&lt;!channel&gt;" in shown
            assert "<!channel>" not in shown
        assert set(buttons(at.root)) >= {RESUME}
        Changes(dsn).resume(LAUNCH, BY)
        await at.look()
        assert HOLD in buttons(at.root)
        assert [given.get("reply_broadcast") for given in seen] == [True, True]
        assert [key_of(m) for m in told(at)[-2:]] == [
            launch_key(LAUNCH, kind, 1) for kind in (LaunchNoteKind.HELD, LaunchNoteKind.RESUMED)
        ]
        Changes(dsn).hold(LAUNCH, BY)
        await at.look()
        await at.look()
        assert key_of(told(at)[-1]) == launch_key(LAUNCH, LaunchNoteKind.HELD, 2)

    on_stage(dsn, play)


def test_launch_that_is_over_has_no_hold(dsn: str) -> None:
    """It was on hold when it was aborted: the card says how it ended, and offers neither button."""

    async def play(at: Stage) -> None:
        admit(at)
        Changes(dsn).hold(LAUNCH, BY)
        await at.look()
        Launches(dsn).abort(LAUNCH, "carla.cto", "no longer wanted")
        await at.look()
        assert "aborted" in at.root.text
        assert "On hold" not in words(at.root)
        assert set(buttons(at.root)).isdisjoint({HOLD, RESUME})

    on_stage(dsn, play)


def test_window_that_a_hold_kept_shut_says_so(dsn: str) -> None:
    """It was missed because somebody holds the launch: the note says that, and how to go on."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        Changes(dsn).hold(LAUNCH, BY)
        at.airflow.clock.now = launch.launch_at - timedelta(hours=1, minutes=50)
        await at.look()
        note = words(told(at)[-1])
        assert "Window missed" in note
        assert "The launch is on hold. Not complete before it: " in note
        assert "Resume the launch" in note

    on_stage(dsn, play)


# ---- changes ---------------------------------------------------------------------------------------


def test_retarget_names_the_items_that_are_verified_again(dsn: str) -> None:
    """From, to, who, why, and exactly the items that rest on the commit; the card has the new one."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        spec = pinned_spec()
        specs = [spec for dag in deployed_dags().values() for spec in dag.specs.values()]
        other = next(s for s in specs if variables_used(s.item).isdisjoint({"release", "release_sha"}))
        passed(at, spec, launch)
        Ledger(dsn).append(Entry.of_record(record_of(launch, other, task_instance_id="other")))
        await at.look(30)
        assert "commit `aaaaaaaaaaaa`" in words(at.root)
        Changes(dsn).retarget(LAUNCH, NEW, BY, release="2.4.1")
        await at.look()
        note = words(told(at)[-1])
        moved = (
            "Release 2.4.0 → 2.4.1",
            "Commit aaaaaaaaaaaa → bbbbbbbbbbbb",
            "the release commit was changed",
        )
        for word in ("Launch retargeted: 2.4.1", "Ada Lindqvist", "Verified again (1)", *moved):
            assert word in note
        assert "commit `bbbbbbbbbbbb`" in words(at.root)
        await at.look(60)
        assert len([m for m in told(at) if "retargeted" in key_of(m)]) == 1

    on_stage(dsn, play)


def test_postponement_names_what_rests_on_the_time(dsn: str) -> None:
    """An item that does not rest on it is not named; one that was reopened and passed since is."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        spec, other = list(deployed_dags()[WEEK_1].specs.values())[:2]
        passed(at, spec, launch)
        Launches(dsn).postpone(LAUNCH, launch.launch_at + timedelta(days=1), "priya.product", REASON)
        reopen(at, reopened(other, "old", Cause.CHANGED, "the launch time was moved"))
        passed(at, other, launch)
        await at.look()
        note = words(told(at)[-1])
        assert "Launch postponed" in note
        assert "Verified again (1)" in note
        assert other.item.text[:20] in note

    on_stage(dsn, play)


def test_amendment_says_what_it_changed(dsn: str) -> None:
    """Who, why, confirmed by whom, and each difference in the words of the checklist."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        spec = pinned_spec()
        dags = deployed_dags()
        amendment = Amendment(
            plan=launch_plan(dags, deployment().policy),
            checklist_digests=launch.checklist_digests,
            environment_digest=launch.environment_digest,
            changes=(Changed(where=spec.ref, what=("checks", "owner")), Changed(where="domain", what=("x",))),
            definitions=(),
            replaces=(launch.checklist_digests, launch.environment_digest),
        )
        Changes(dsn).amend(LAUNCH, amendment, BY, confirmed_by="carla.cto")
        await at.look()
        note = words(told(at)[-1])
        for word in ("Launch amended", "Ada Lindqvist", "Confirmed by Carla Mendes", "checks, owner",
                     spec.item.text[:20], "domain: x"):  # fmt: skip
            assert word in note

    on_stage(dsn, play)


def test_amendment_that_waits_calls_those_who_may_confirm(dsn: str) -> None:
    """Not the person who asked for it; with the command that confirms exactly this one."""

    async def play(at: Stage) -> None:
        admit(at)
        spec = pinned_spec()
        proposed = "sha256:" + "d" * 64
        propose(dsn, LAUNCH, proposed, [Changed(where=spec.ref, what=("checks",))], BY)
        await at.look()
        note = words(told(at)[-1])
        for word in ("waits for a second person", "Ada Lindqvist", spec.item.text[:20], "<@U0LAUNCH04>",
                     f"launch amend {LAUNCH} --confirm {proposed}"):  # fmt: skip
            assert word in note.replace("\u200b", "")
        assert "<@U0LAUNCH01>" not in note

    on_stage(dsn, play)


# ---- regressions -----------------------------------------------------------------------------------


def test_regression_is_on_the_card_at_the_next_look(dsn: str) -> None:
    """With its owner called, loudly and once; gone when it is true again; told again the next time."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        spec = pinned_spec()
        first = passed(at, spec, launch)
        await at.look(30)
        assert "No longer true" not in words(at.root)
        seen = at.spy()
        reopen(at, reopened(spec, first.task_instance_id))
        await at.look()
        assert "No longer true: 1" in words(at.root)
        assert "2 of 3 replicas are ready" in words(at.root)
        assert "1 verified again" in words(at.root)
        [note] = [m for m in told(at) if "no_longer_true" in key_of(m)]
        owner = deployment().may_answer(spec.item.owner)[0].slack_id
        assert f"<@{owner}>" in words(note)
        assert seen[0]["reply_broadcast"] is True
        at.airflow.clear(spec.task_id)
        await at.look()
        assert "No longer true: 1" in words(at.root)
        passed(at, spec, launch)
        await at.look()
        assert "No longer true" not in words(at.root)
        assert len([m for m in told(at) if "no_longer_true" in key_of(m)]) == 1
        reopen(at, reopened(spec, at.airflow.item(spec.task_id).task_instance_id), 2)
        await at.look()
        assert len([m for m in told(at) if "no_longer_true" in key_of(m)]) == 2

    on_stage(dsn, play)


def test_rejected_again_is_not_true_again(dsn: str) -> None:
    """A record alone ends nothing: it must let the item pass."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        spec = pinned_spec()
        reopen(at, reopened(spec, "old"))
        passed(at, spec, launch, outcome=Outcome.REJECTED)
        await at.look()
        assert "No longer true: 1" in words(at.root)

    on_stage(dsn, play)


def test_nothing_of_another_launch_is_shown(dsn: str) -> None:
    """The regression, the hold and the look of one launch are on its own card only."""

    async def play(at: Stage) -> None:
        admit(at)
        admit(at, "shop-3.0.0", "staging")
        reopen(at, reopened(pinned_spec(), "x"), launch_id="shop-3.0.0")
        Changes(dsn).hold("shop-3.0.0", BY)
        await at.look()
        await at.look()
        mine, other = [m for m in at.said if m.thread_ts is None]
        assert LAUNCH in words(mine)
        for word in ("No longer true", "On hold", "verified again"):
            assert word not in words(mine)
            assert word in words(other)

    on_stage(dsn, play)


def test_deciders_see_the_look_and_the_changes(dsn: str) -> None:
    """The three lists on the go/no-go card; what is true again since is marked so."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        spec = pinned_spec()
        Changes(dsn).retarget(LAUNCH, NEW, BY)
        at.airflow.begin(GO_NO_GO)
        seen = Seen(dag_id=WEEK_1, item_ref=spec.ref, text=spec.item.text, owner=spec.item.owner,
                    headline="2 of 3 replicas")  # fmt: skip
        away = Seen(dag_id=WEEK_1, item_ref="a.b.c", text="Status page", owner=Role.CTO, headline="503")
        look = VerifiedAgain(
            looked_at=datetime.now(UTC), still_true=200, no_longer_true=(seen,), not_looked_at=(away,)
        )
        Ledger(dsn).append(look.entry(LAUNCH, GO_NO_GO, "ti-look", 1))
        reopen(at, reopened(spec, "x"))
        at.airflow.ask(*voices(), dag_id=GO_NO_GO)
        await at.look()
        await at.look()
        card = words(at.card("go_no_go"))
        for word in ("200 still true, 1 no longer true, 1 could not be looked at", "No longer true: 1",
                     "Status page — 503", "Changed since the start: 1", "Commit aaaaaaaaaaaa"):  # fmt: skip
            assert word in card
        assert "200 still true" in words(at.root)
        passed(at, spec, launch)
        await at.look()
        card = words(at.card("go_no_go"))
        assert "No longer true: 1" not in card
        assert f"True again · {spec.item.text[:20]}" in card

    on_stage(dsn, play)


def test_go_taken_back_is_one_note_that_calls_the_deciders(dsn: str) -> None:
    """Four decisions are reopened together; the next Go that is taken back is told anew."""

    async def play(at: Stage) -> None:
        admit(at)
        at.airflow.begin(GO_NO_GO)
        specs = list(deployed_dags()[GO_NO_GO].specs.values())

        def go(number: int) -> None:
            seal = a_seal(launch_id=LAUNCH, dag_id=GO_NO_GO, sealed_at=at.airflow.clock.now,
                          try_number=number, records=())  # fmt: skip
            Ledger(dsn).append(Entry.of_seal(seal, f"gate-{number}"))

        def taken_back(number: int) -> None:
            items = [reopened(s, "x", Cause.GO_TAKEN_BACK, "All replicas are ready") for s in specs]
            Ledger(dsn).append_all([item.entry(LAUNCH, number) for item in items])

        go(1)
        taken_back(1)
        await at.look()
        [note] = [m for m in told(at) if "go_taken_back" in key_of(m)]
        assert "Go taken back: 2.4.0" in words(note)
        assert words(note).count("All replicas are ready") == 2
        for spec in specs:
            assert f"<@{deployment().may_answer(spec.item.owner)[0].slack_id}>" in words(note)
        go(2)
        taken_back(2)
        await at.look()
        assert len([m for m in told(at) if "go_taken_back" in key_of(m)]) == 2

    on_stage(dsn, play)


def test_phase_with_items_that_are_verified_again_is_not_complete(dsn: str) -> None:
    """Sealed complete, then one item reopened: until its task is cleared the board still shows green."""

    async def play(at: Stage) -> None:
        launch = admit(at)
        spec = pinned_spec()
        record = passed(at, spec, launch)
        counted = at.airflow.counted(WEEK_1)
        seal = a_seal(launch_id=LAUNCH, dag_id=WEEK_1, sealed_at=at.airflow.clock.now, records=counted)
        assert SealedRecord.of(record).task_instance_id in {one.task_instance_id for one in counted}
        Ledger(dsn).append(Entry.of_seal(seal, "gate"))
        at.airflow.end(WEEK_1)
        await at.look(30)
        assert "(Week 1)> · complete" in words(at.root)
        reopen(at, reopened(spec, record.task_instance_id))
        await at.look()
        assert "(Week 1)> · complete" not in words(at.root)
        again = a_seal(launch_id=LAUNCH, dag_id=WEEK_1, sealed_at=at.airflow.clock.now, try_number=2,
                       records=counted)  # fmt: skip
        Ledger(dsn).append(Entry.of_seal(again, "gate"))
        await at.look()
        assert "(Week 1)> · complete" in words(at.root)

    on_stage(dsn, play)
