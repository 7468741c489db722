"""What changes while a rehearsed launch runs, with a real ledger and the real stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.sequence import T_MINUS_2H
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import Cause, Reopened, Seen, VerifiedAgain
from launch_pipeline.ledger.schema import Entry
from launch_rehearsal.actors.product_client import ProductClient
from launch_rehearsal.actors.scenario import Postponement, Regression
from launch_rehearsal.actors.story import Happening, Story
from launch_rehearsal.actors.turns import Postponing, Regressing
from launch_rehearsal.actors.watch import DagView, View
from launch_rehearsal.product.base.plan import Part
from servers.records import a_record, a_seal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.running_product import RunningProduct

RUN, WEEK = "shop-1.2", "week_3_validation_testing"
TURN = Regression(ref="validation_testing.environment.models", part=Part.MODELS, seconds=0.0)
PASSED = a_record(dag_id=WEEK, item_ref=TURN.ref, task_instance_id="ti-1")


def view(**states: str) -> View:
    return View(tuple(DagView(dag_id, dag_id, 1, state) for dag_id, state in states.items()), {}, "running")


BEGUN = view(**{T_MINUS_2H: "running"})


class Told:
    """A regression with its ledger, its product and its story."""

    def __init__(self, dsn: str, product: RunningProduct) -> None:
        self.book, self.story = Ledger(dsn), Story()
        self.control = ProductClient(product.plan)
        self.turn = Regressing(TURN, self.control, self.book, RUN, self.story)
        self.book.append(Entry.of_record(PASSED))
        self.seal("gate-1")

    @property
    def broken(self) -> bool:
        return TURN.part in self.control.state()["broken"]

    def seal(self, gate: str) -> None:
        self.book.append(Entry.of_seal(a_seal(PASSED, dag_id=WEEK), gate))

    def look(self, *refs: str) -> None:
        found = tuple(
            Seen(dag_id=WEEK, item_ref=ref, text="A thing", owner=Role.TECHNICAL_LEAD, headline="503")
            for ref in refs
        )
        look = VerifiedAgain(looked_at=datetime.now(UTC), still_true=7, no_longer_true=found)
        self.book.append(look.entry(RUN, "go_no_go", "verify-again", 1))

    def reopen(self) -> None:
        one = Reopened(
            dag_id=WEEK,
            item_ref=TURN.ref,
            text="A thing",
            owner=Role.TECHNICAL_LEAD,
            cause=Cause.NO_LONGER_TRUE,
            why=("503",),
            task_instance_id="ti-1",
        )
        self.book.append(one.entry(RUN, 1))

    def act(self, seen: View = BEGUN) -> None:
        self.turn.act(seen)


@pytest.fixture
def told(dsn: str, product: RunningProduct) -> Iterator[Told]:
    yield Told(dsn, product)
    product.turn(TURN.part, works=True)


def test_nothing_breaks_before_its_item_is_sealed(told: Told) -> None:
    """The part works until the Dag after its item's begins; the Go waits from the start."""
    told.act(view(**{WEEK: "success", T_MINUS_2H: "none"}))
    assert not told.broken
    assert told.turn.doubt
    told.act()
    assert told.broken
    assert told.story.count(Happening.BROKE) == 1


def test_what_was_not_found_yet_is_not_repaired(told: Told) -> None:
    """Without the look before the Go it stays broken, and no person hopes for its repair."""
    for _ in range(3):
        told.act()
    assert told.broken
    assert told.turn.doubt
    assert not told.turn.under_repair


def test_go_waits_until_the_found_item_is_sealed_again(told: Told) -> None:
    """Found, it is repaired; neither the repair nor the reopened item is enough for the Go."""
    told.act()
    told.look(TURN.ref)
    told.act()
    assert told.turn.under_repair
    assert [event.line for event in told.story.latest(1)] == [
        "A thing: no longer true (503); Technical Lead is called"
    ]
    told.act()
    assert not told.broken
    assert not told.turn.under_repair
    told.act()
    assert told.turn.doubt, "it is reopened after the look's row"
    told.reopen()
    told.act()
    assert told.turn.doubt, "its phase was sealed before"
    told.seal("gate-2")
    told.act()
    assert not told.turn.doubt


def test_look_that_finds_nothing_does_not_stop_the_launch(told: Told) -> None:
    """The part is repaired all the same and the Go is given; the summary tells that it was not found."""
    told.act()
    told.look("validation_testing.environment.another")
    told.act()
    assert not told.broken
    assert not told.turn.doubt


def test_without_a_regression_nothing_is_in_doubt(dsn: str, product: RunningProduct) -> None:
    """A rehearsal by hand breaks nothing, and its deciders answer as they like."""
    turn = Regressing(None, ProductClient(product.plan), Ledger(dsn), RUN, Story())
    turn.act(BEGUN)
    assert not turn.doubt
    assert ProductClient(product.plan).state()["broken"] == []


def test_t_0_moves_once_and_not_before_the_answer_that_rests_on_it() -> None:
    """The move comes with the seal it waits for, a little ahead of now, and never again."""
    moves: list[tuple[datetime, str]] = []
    turn = Postponement(after=WEEK, reason="the team starts later", seconds=30.0)
    postponing = Postponing(turn, lambda to, reason: moves.append((to, reason)))
    for state in ("none", "running", "failed"):
        postponing.act(view(**{WEEK: state}))
    assert moves == []
    before = datetime.now(UTC).replace(microsecond=0)
    for _ in range(3):
        postponing.act(view(**{WEEK: "success"}))
    [(to, reason)] = moves
    assert reason == turn.reason
    assert before <= to - timedelta(seconds=30) <= datetime.now(UTC)
    Postponing(None, lambda to, reason: moves.append((to, reason))).act(view(**{WEEK: "success"}))
    assert len(moves) == 1
