"""The package is upgraded under running launches: they go on, and nothing is asked twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO, STEPS, T_MINUS_2H
from launch_pipeline.launch.item_states import State
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.migrate import migrations
from launch_pipeline.ledger.schema import EntryKind, Outcome, RecordedBy
from upgrade.after import GOES_ON, finish, go_on
from upgrade.before import (
    AFTERWARDS,
    ALL_PEOPLE,
    ASKS,
    DENIED,
    EVENT_STORED,
    FORM,
    GOES,
    HELD,
    STAYS,
    STILL_ASKED,
    bring_to_every_wait,
    dags_of,
    decides,
    stays,
)
from upgrade.checklists import WAITS
from upgrade.pack import ROOT
from upgrade.seen import Place
from upgrade.stage import staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from upgrade.seen import Seen

pytestmark = pytest.mark.integration

ANSWERED_MEANWHILE = (stays("people.meanwhile"), stays("machine.broken"))
WINDOW = Place(GOES, T_MINUS_2H, "opens_at_launch_time_minus_2h")


@dataclass(frozen=True)
class Story:
    """What there was at each moment, and the ledger at the end."""

    loaded: tuple[str, str]
    """From which file each of the two packages came."""
    before: Seen
    """Everything is about to stop."""
    after: Seen
    """The younger package has gone on as far as it goes without another answer."""
    end: Seen
    ledger_dsn: str

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.ledger_dsn)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Play it once; what the tests look at was kept on the way."""
    folder: Path = tmp_path_factory.mktemp("upgrade")
    with staged(folder) as stage:
        older = stage.start(folder / "older", dags_of(folder / "older", folder / "dags"))
        before = bring_to_every_wait(stage)
        stage.stop()
        younger = stage.start(ROOT, ROOT / "dags")
        after = go_on(stage)
        end = finish(stage)
        yield Story((older, younger), before, after, end, stage.settings.ledger_dsn)


def test_requests_waited_in_every_state(story: Story) -> None:
    """The older package stops with an item in each of its states, and the younger one is what starts."""
    older, younger = story.loaded
    assert "/older/include/launch_pipeline/" in older
    assert younger.startswith(f"{ROOT}/include/")
    waiting = {place: task.waits_in for place, task in story.before.waiting().items()}
    expected = {**HELD, **AFTERWARDS, **dict.fromkeys(STILL_ASKED, State.ASKED)}
    assert {place: waiting.get(place) for place in expected} == expected
    assert set(expected.values()) == set(State)
    assert {story.before.tasks[place].state for place in ANSWERED_MEANWHILE} == {EVENT_STORED}
    assert waiting[WINDOW] == "ended"
    assert waiting[Place(STAYS, CONDUCTOR, WAITS)] == "execute_complete"


def test_everything_goes_on_by_itself(story: Story) -> None:
    """Given answers count, what heals is green, and what waits for a person goes on to wait."""
    for place, state in GOES_ON.items():
        task = story.after.tasks[place]
        found = task.waits_in if place in story.after.waiting() else task.state
        assert (place, found) == (place, state)


def test_nothing_is_asked_twice(story: Story) -> None:
    """A request that waited is the same one: its task instance, its try, and when it was asked."""
    waited = {place: task for place, task in story.before.waiting().items() if task.asked_at}
    assert len(waited) > 10
    for place, task in waited.items():
        assert (place, story.after.tasks[place].request) == (place, task.request)
    for place in ANSWERED_MEANWHILE:
        # A worker that is lost on a busy machine costs a try, and no question.
        assert story.after.tasks[place].asked_at == story.before.tasks[place].asked_at


def test_no_message_is_repeated(story: Story) -> None:
    """Cards stay the same messages, people are called once for a request, and no key is there twice."""
    assert story.before.cards
    assert story.before.cards.items() <= story.end.cards.items()
    assert story.before.nudges < story.end.nudges
    again = {Place(*nudge[:3]) for nudge in story.after.nudges - story.before.nudges}
    assert not again & story.before.waiting().keys() - {stays("people.begun")}
    keys = [m["metadata"]["event_payload"]["key"] for m in story.end.messages if m.get("metadata")]
    assert len(keys) == len(set(keys))


def test_answers_count_once(story: Story) -> None:
    """Each answer is one decision in the ledger, of the person who gave it."""
    decided = [e for e in story.ledger.entries(STAYS, EntryKind.DECISION) if e.record]
    refs = [entry.item_ref.partition(".")[2] for entry in decided]
    assert sorted(refs) == sorted(["machine.broken", *(f"people.{name}" for name in ALL_PEOPLE)])
    assert not any(entry.record.carried_from for entry in decided if entry.record)


def test_a_form_that_was_open_in_slack_is_still_taken(story: Story) -> None:
    """What a person sends after the upgrade, in a form that the older bridge opened, is their answer."""
    assert story.after.tasks[FORM].answered_at is None
    record = story.ledger.record_of(STAYS, story.before.tasks[FORM].id)
    assert record
    assert (record.outcome, record.recorded_by) == (Outcome.APPROVED, RecordedBy.SLACK)


def test_the_ledger_is_migrated_and_proves_itself(story: Story) -> None:
    """Rows of the older package stay as they were, every migration is applied, every chain verifies."""
    assert story.before.migrations
    assert story.end.migrations == {name for name, _ in migrations()}
    assert story.before.rows
    assert story.before.rows < story.end.rows
    assert not story.before.broken
    assert not story.end.broken


def test_a_phase_is_sealed_and_the_conductor_goes_on(story: Story) -> None:
    """The phase that waited is sealed complete by the younger package, and the conductor's step succeeds."""
    seal = story.ledger.seal(STAYS, WAITS)
    assert seal
    assert seal.complete
    assert seal.counts[Outcome.APPROVED] == 8
    step = Place(STAYS, CONDUCTOR, WAITS)
    assert story.end.tasks[step].state == "success"
    assert story.end.tasks[step].request == story.before.tasks[step].request


def test_a_no_ends_the_decision(story: Story) -> None:
    """A no from before the upgrade, and one after it, fail their phases; the others were not reached."""
    for launch_id, said in ((DENIED, "operations_lead"), (ASKS, "cto")):
        seal = story.ledger.seal(launch_id, GO_NO_GO)
        assert seal
        assert not seal.complete
        assert (seal.counts[Outcome.REJECTED], seal.counts[Outcome.NOT_REACHED]) == (1, 3)
        assert story.end.tasks[decides(launch_id, said)].state == "failed"


def test_the_windows_open_and_the_launch_ends(story: Story) -> None:
    """The launch that waited for its first window goes through all of them, and is complete."""
    launch = Launches(story.ledger_dsn).get(GOES)
    assert launch.state is LaunchState.COMPLETE
    assert story.end.tasks[WINDOW].state == "success"
    assert story.end.tasks[WINDOW].request == story.before.tasks[WINDOW].request
    for dag_id in (each for step in STEPS for each in step):
        seal = story.ledger.seal(GOES, dag_id)
        assert seal, dag_id
        assert seal.complete, dag_id
