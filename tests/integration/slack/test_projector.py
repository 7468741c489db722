"""The projection on a real PostgreSQL and the strict stand-in: whatever happens, Slack ends up true."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.slack.bridge.projection.posting import RateLimiter
from launch_pipeline.slack.messages.elements import APPROVE_MINE, OPEN, REVIEW
from launch_rehearsal.slack_server.base.faults import Fault, FaultKind
from servers.slack import until
from servers.slack_board import LAUNCH, NOON, WEEK_1, Airflow, all_tasks, deployment, tasks_of, voices
from servers.slack_board_stage import CHANNEL, buttons, pins, stage, words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from launch_pipeline.slack.protocol import Board
    from servers.slack_board_stage import Stage

pytestmark = pytest.mark.integration

DESIGN = tasks_of("requirements_design_review")
QUALITY = tasks_of("code_quality")
DESIGN_CARD = "Requirements & Design Review"


def on_stage(dsn: str, play: Callable[[Stage], Awaitable[None]], **rules: object) -> None:
    async def inside() -> None:
        async with stage(dsn, **rules) as at:
            await play(at)

    asyncio.run(inside())


def test_card_appears_with_its_first_request_and_follows(dsn: str) -> None:
    """Root, card and mention; then taken, decided in Airflow, healed: the card says so, in place."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        await at.look()
        assert at.said == []
        at.airflow.ask(*DESIGN[:3])
        at.airflow.ask_for_failure(QUALITY[1])
        await at.look()
        await at.look()
        assert "01 Pre-Launch Requirements" in words(at.root)
        card, calls = at.card("requirements_design"), at.thread[2:]
        assert "*3 waiting* · 0 of 5 done" in words(card)
        assert pins(card, APPROVE_MINE) == [(at.airflow.item(t).task_instance_id, 1) for t in DESIGN[:3]]
        assert "<@U0LAUNCH02>" in calls[0].text
        assert "78 %, wanted 80 %" in words(at.card("code_quality"))
        at.airflow.take(DESIGN[0], "priya.product")
        await at.look()
        assert "Answered" in words(card)
        assert "Priya Raman" in words(card)
        at.airflow.decide(DESIGN[0], by="Priya Raman")
        at.airflow.decide(DESIGN[1], Outcome.REJECTED, reason="the diagram is of last year")
        at.airflow.heal(QUALITY[1])
        await at.look()
        assert "*1 waiting* · 2 of 5 done" in words(card)
        assert "the diagram is of last year" in words(card)
        assert set(buttons(at.card("code_quality"))) == {OPEN}
        assert len(at.thread) == 4

    on_stage(dsn, play)


def test_unchanged_costs_nothing(dsn: str) -> None:
    """Looking again at what Slack shows already makes no call."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        await at.look()
        await at.look()
        spent = at.calls()
        for _ in range(5):
            await at.look()
        assert at.calls() == spent

    on_stage(dsn, play)


def test_restart_posts_nothing_twice(dsn: str) -> None:
    """Another process finds every message again, and changes them in place."""

    async def play(at: Stage) -> None:
        at.airflow.begin_launch(WEEK_1)
        at.admit(NOON + timedelta(days=20))
        at.airflow.ask(*DESIGN)
        await at.look()
        await at.look(30)
        before = len(at.said)
        await at.restart()
        at.airflow.decide(DESIGN[0])
        await at.look()
        assert len(at.said) == before
        assert "1 of 5 done" in words(at.card("requirements_design"))

    on_stage(dsn, play)


def test_cleared_item_is_a_new_question(dsn: str) -> None:
    """The card shows the new try, and its buttons pin it, not the one before."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(DESIGN[0])
        await at.look()
        at.airflow.decide(DESIGN[0])
        await at.look()
        assert set(buttons(at.card("requirements_design"))) == {OPEN}
        at.airflow.clear(DESIGN[0])
        at.airflow.ask(DESIGN[0])
        await at.look()
        fresh = at.airflow.item(DESIGN[0])
        assert pins(at.card("requirements_design"), REVIEW) == [(fresh.task_instance_id, 2)]

    on_stage(dsn, play)


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.DROP])
def test_slack_that_was_down_catches_up_in_order(dsn: str, kind: FaultKind) -> None:
    """Nothing is lost, nothing doubled: what moved meanwhile is one card as it is now."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(DESIGN[0])
        await at.look()
        at.down(kind)
        at.airflow.decide(DESIGN[0])
        at.airflow.ask(*DESIGN[1:])
        at.airflow.ask(*QUALITY)
        spent = at.calls()
        for _ in range(6):
            await at.look()
        # One try per look finds out whether Slack is back.
        assert at.calls() - spent <= 6
        at.airflow.decide(DESIGN[1])
        at.up()
        await at.look()
        await at.look()
        assert "*3 waiting* · 2 of 5 done" in words(at.card("requirements_design"))
        assert "*7 waiting* · 0 of 7 done" in words(at.card("code_quality"))
        titles = [message.text.split(":")[0] for message in at.thread]
        assert titles.count(DESIGN_CARD.replace("&", "&amp;")) == 1
        assert titles.count("Code Quality") == 1

    on_stage(dsn, play)


def test_rate_limit_is_waited_out(dsn: str) -> None:
    """After a 429 no call is made before ``Retry-After`` has passed, whatever it was about."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        at.airflow.ask(*QUALITY)
        at.standin.faults.add(Fault(kind=FaultKind.RATE_LIMIT, retry_after=1))
        began = time.monotonic()
        await at.look()
        assert at.calls() == 1
        while not at.said:
            spent, since = at.calls(), time.monotonic() - began
            await at.look(0.1)
            assert at.calls() == spent or since > 0.9
            await asyncio.sleep(0.05)
        await at.look()
        assert "*5 waiting*" in words(at.card("requirements_design"))

    on_stage(dsn, play)


def test_our_own_pace_is_kept(dsn: str) -> None:
    """Forty cards at once do not become forty calls at once; all of them come in the end."""

    async def play(at: Stage) -> None:
        dags = [WEEK_1, "week_2_infrastructure_setup", "week_2_3_application_deployment"]
        at.airflow.begin(*dags)
        for dag, task in all_tasks(dags):
            at.airflow.ask(task, dag_id=dag)
        at.projector = at.another(RateLimiter(burst=5, per_second=20))
        began = time.monotonic()
        sections = sum(len(deployment().plans[dag].sections) for dag in dags)
        while len([m for m in at.said if "done" in m.text]) < sections:
            await at.look(0.05)
            assert at.calls() <= 5 + 20 * (time.monotonic() - began) + 1
            await asyncio.sleep(0.05)
        while before := at.calls():
            await at.look()
            await asyncio.sleep(0.3)
            if at.calls() == before:
                break
        assert len([m for m in at.thread if "done" in m.text]) == sections

    on_stage(dsn, play)


def test_deleted_card_comes_back(dsn: str) -> None:
    """Once, at its next change, with what it shows now."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        await at.look()
        at.said.remove(at.card("requirements_design"))
        at.airflow.decide(DESIGN[0])
        for _ in range(3):
            await at.look()
        assert "*4 waiting* · 1 of 5 done" in words(at.card("requirements_design"))
        assert len([m for m in at.thread if "of 5 done" in m.text]) == 1

    on_stage(dsn, play)


def test_deleted_thread_is_begun_again(dsn: str) -> None:
    """Root and cards are posted again; nobody is mentioned again for the same request."""

    async def play(at: Stage) -> None:
        at.airflow.begin_launch(WEEK_1)
        at.admit(NOON + timedelta(days=20))
        at.airflow.ask(*DESIGN)
        await at.look()
        await at.look()
        called = len([m for m in at.said if "wait for you" in m.text])
        at.said.remove(at.root)
        at.airflow.decide(DESIGN[0])
        for _ in range(3):
            await at.look()
        assert "1 of 39" in words(at.root)
        assert at.card("requirements_design") in at.thread
        assert "1 of 5 done" in words(at.card("requirements_design"))
        assert len([m for m in at.said if "wait for you" in m.text]) == called

    on_stage(dsn, play)


def test_two_projectors_do_not_fight(dsn: str) -> None:
    """One of two bridges speaks; when it ends, the other goes on where it was."""

    async def play(at: Stage) -> None:
        other = at.another()
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        at.airflow.clock.passes(seconds=5)
        await asyncio.gather(*(one.look() for one in (at.projector, other) * 3))
        said, spent = len(at.said), at.calls()
        assert len([m for m in at.thread if "of 5 done" in m.text]) == 1
        assert spent == said
        at.airflow.decide(DESIGN[0])
        await asyncio.gather(at.projector.look(), other.look())
        assert at.calls() - spent == 2, "the card and the root, once each"
        await at.projector._leader.release()
        at.airflow.decide(DESIGN[1])
        await other.look()
        assert "2 of 5 done" in words(at.card("requirements_design"))
        assert len(at.said) == said
        await other._leader.release()

    on_stage(dsn, play)


def test_fifty_two_gates_are_few_messages(dsn: str) -> None:
    """52 answers within one look change each card once: coalesced, not one call per answer."""

    async def play(at: Stage) -> None:
        dags = ["week_2_infrastructure_setup", WEEK_1]
        at.airflow.begin(*dags)
        gates = list(all_tasks(dags))[:52]
        for dag, task in gates:
            at.airflow.ask(task, dag_id=dag)
        await at.look()
        await at.look()
        sections = {(dag, task.split(".")[0]) for dag, task in gates}
        spent = at.calls()
        for dag, task in gates:
            at.airflow.decide(task, dag_id=dag)
        await at.look()
        assert at.calls() - spent == len(sections) + 1, "each card and the root"
        done = sum(int(m.text.split(": ")[1].split(" of ")[0]) for m in at.thread if "done" in m.text)
        assert done == 52

    on_stage(dsn, play)


def test_a_decision_costs_three_calls(dsn: str) -> None:
    """Taken, decided, and the root's count: what one click costs of Slack's limits."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        await at.look()
        await at.look()
        spent = at.calls()
        at.airflow.take(DESIGN[0])
        await at.look(1)
        at.airflow.decide(DESIGN[0])
        await at.look(1)
        await at.look(1)
        assert at.calls() - spent <= 3

    on_stage(dsn, play)


def test_go_no_go_is_live(dsn: str) -> None:
    """One card with every voice, and with what was let pass before."""

    async def play(at: Stage) -> None:
        at.airflow.begin_launch(GO_NO_GO)
        at.admit(NOON + timedelta(hours=1))
        at.airflow.ask(*voices(), dag_id=GO_NO_GO)
        await at.look()
        card = at.card(GO_NO_GO)
        assert "0 of 4 said Go" in words(card)
        at.airflow.decide(voices()[0], dag_id=GO_NO_GO)
        at.airflow.decide(voices()[2], dag_id=GO_NO_GO, by="Omar Haddad")
        await at.look()
        assert "2 of 4 said Go" in words(card)
        assert "Omar Haddad" in words(card)
        assert pins(card, REVIEW) == [
            (at.airflow.item(voices()[n], GO_NO_GO).task_instance_id, 1) for n in (1, 3)
        ]

    on_stage(dsn, play)


def test_launch_that_was_aborted_offers_nothing(dsn: str) -> None:
    """What still waits in Airflow has no buttons any more, and nobody is called for it."""

    async def play(at: Stage) -> None:
        at.airflow.begin_launch(WEEK_1)
        at.admit(NOON + timedelta(days=20))
        at.airflow.ask(*DESIGN)
        await at.look()
        Launches(at.dsn).abort(LAUNCH, "priya.product", "the CDN is not ready")
        await at.look()
        card = at.card("requirements_design")
        assert set(buttons(card)) == {OPEN}
        assert "Launch was aborted" in words(at.root)
        said = len(at.said)
        at.airflow.ask(*QUALITY)
        await at.look()
        await at.look(7 * 3600)
        assert len(at.said) == said

    on_stage(dsn, play)


def test_ended_launch_is_finished_and_forgotten(dsn: str) -> None:
    """Its cards come to their last state; once it has left the board nothing is said of it."""

    async def play(at: Stage) -> None:
        at.airflow.begin_launch(WEEK_1)
        at.admit(NOON + timedelta(days=20))
        at.airflow.ask(*DESIGN)
        await at.look()
        for task in DESIGN:
            at.airflow.decide(task)
        Launches(at.dsn).end(LAUNCH, LaunchState.COMPLETE)
        at.airflow.end(WEEK_1)
        at.airflow.end(CONDUCTOR)
        await at.look()
        assert "Launch is complete" in words(at.root)
        assert set(buttons(at.card("requirements_design"))) == {OPEN}
        at.airflow.leave()
        spent = at.calls()
        await at.look()
        assert at.calls() == spent

    on_stage(dsn, play)


def test_card_of_a_launch_that_ended_unseen_is_closed(dsn: str) -> None:
    """The bridge was away while the launch ended: its old buttons go, once."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        await at.look()
        card = at.card("requirements_design")
        at.airflow.leave()
        await at.restart()
        await at.look()
        assert "This launch is over" in words(card)
        assert set(buttons(card)) == {OPEN}
        spent = at.calls()
        await at.look()
        assert at.calls() == spent

    on_stage(dsn, play)


def test_airflow_away_changes_nothing(dsn: str) -> None:
    """While the board cannot be read, cards stay as they are; afterwards they are true again."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        await at.look()
        at.airflow.away = True
        spent = at.calls()
        await at.look()
        assert at.calls() == spent
        at.airflow.away = False
        at.airflow.decide(DESIGN[0])
        await at.look()
        assert "1 of 5 done" in words(at.card("requirements_design"))

    on_stage(dsn, play)


def test_sections_the_machine_passes_need_no_card(dsn: str) -> None:
    """They are counted in the root; a section that failed without a question has a card."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        for task in QUALITY:
            at.airflow.heal(task)
        at.airflow.change(tasks_of("testing")[0], state="failed")
        at.airflow.change(tasks_of("testing")[1], state="upstream_failed")
        await at.look()
        (card,) = at.thread
        assert card.text.startswith("Testing")
        assert "7 of 39" in words(at.root)

    on_stage(dsn, play)


def test_what_slack_never_takes_holds_up_nothing(dsn: str) -> None:
    """A message that Slack refuses for itself is left out, and asked for once."""

    async def play(at: Stage) -> None:
        seen = at.spy(lambda given: "invalid_blocks" if given["text"].startswith("Code Quality") else "")
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*QUALITY)
        at.airflow.ask(*DESIGN)
        for _ in range(3):
            await at.look()
        assert "*5 waiting*" in words(at.card("requirements_design"))
        assert len([given for given in seen if given["text"].startswith("Code Quality")]) == 1

    on_stage(dsn, play)


def test_decisions_are_loud_and_sections_are_not(dsn: str) -> None:
    """What everybody waits for is shown in the channel as well; the rest is for the thread."""

    async def play(at: Stage) -> None:
        seen = at.spy()
        at.airflow.begin_launch(WEEK_1, GO_NO_GO)
        at.admit(NOON + timedelta(days=1))
        at.airflow.ask(*DESIGN)
        at.airflow.ask(*voices(), dag_id=GO_NO_GO)
        await at.look()
        loud = {given["text"].split(":")[0]: given.get("reply_broadcast") for given in seen}
        assert loud["🚀 Launch is running"] is None
        assert loud["Go / No-Go"] is True
        assert loud["Requirements &amp; Design Review"] is False

    on_stage(dsn, play)


def test_lost_answer_of_an_update_does_no_harm(dsn: str) -> None:
    """Slack did it, and nobody heard so: it is done again, and shows the same."""

    async def play(at: Stage) -> None:
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        await at.look()
        at.standin.faults.add(Fault(method="chat.update", kind=FaultKind.LATE, times=2))
        at.airflow.decide(DESIGN[0])
        for _ in range(4):
            await at.look()
        assert "1 of 5 done" in words(at.card("requirements_design"))
        assert len(at.said) == 3

    on_stage(dsn, play)


class Broken(Airflow):
    """Gives what nobody expected."""

    async def board(self) -> Board:
        raise ValueError


def test_nothing_ends_the_projection(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not the database, not a fault of our own: it is logged once, and the next look goes on."""

    async def play(at: Stage) -> None:
        at.dsn = "postgresql://nobody@127.0.0.1:1/nothing"
        for airflow in (Broken(), at.airflow):
            at.airflow = airflow
            lost = at.another()
            with caplog.at_level("WARNING"):
                for _ in range(3):
                    await lost.look()
            assert [r.message.split(":")[0] for r in caplog.records] == ["Slack is not up to date"]
            caplog.clear()

    on_stage(dsn, play)


def test_runs_until_told_to_stop(dsn: str) -> None:
    """It looks by itself, at once when woken, and ends when it is told to."""

    async def play(at: Stage) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(at.projector.run(stop))
        await until(lambda: at.airflow.looks == 1)
        at.airflow.begin(WEEK_1)
        at.airflow.ask(*DESIGN)
        began = time.monotonic()
        at.projector.soon()
        await until(lambda: at.airflow.looks == 2)
        assert time.monotonic() - began < 2.5
        await until(lambda: any("of 5 done" in m.text for m in at.thread))
        stop.set()
        await asyncio.wait_for(running, 10)
        other = at.another()
        # PostgreSQL frees the lock when it notices the end of the first leader's connection.
        async with asyncio.timeout(10):
            while not await other._leader.leads():  # noqa: ASYNC110 - the lock is PostgreSQL's
                await asyncio.sleep(0.05)
        await other._leader.release()

    on_stage(dsn, play)


def test_threads_are_found_for_answers(dsn: str) -> None:
    """The bridge finds a launch's thread, and the sections behind its cards, with what was let pass."""

    async def play(at: Stage) -> None:
        at.airflow.begin_launch(GO_NO_GO)
        at.admit(NOON + timedelta(hours=1))
        assert await at.projector.thread_of(LAUNCH) is None
        await at.look()
        assert await at.projector.thread_of(LAUNCH) == at.root.ts
        known = deployment().contacts
        (view,) = at.projector.sections(at.airflow.launch(), known)
        assert view.items[0].question.startswith("Is 2.4.0 technically ready")

    on_stage(dsn, play)


def test_root_shows_where_phases_stand(dsn: str) -> None:
    """Green runs without a seal are no complete phases."""

    async def play(at: Stage) -> None:
        at.airflow.begin_launch(WEEK_1)
        at.admit(NOON + timedelta(days=20))
        await at.look()
        assert "⏳ <https://airflow.example.org/dags/week_1" in words(at.root)
        assert "*Not started*\n▫️ 02 Infrastructure Setup (Week 2)\n" in words(at.root)
        at.airflow.end(WEEK_1)
        await at.look()
        assert "❌ <https://airflow.example.org/dags/week_1" in words(at.root)
        assert at.standin.workspace.channel("launch").id == CHANNEL

    on_stage(dsn, play)
