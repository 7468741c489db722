"""``launch rehearse`` at the level of the command: what it refuses, what it breaks, when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from launch_pipeline.cli.main import app
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.ledger.ledger import Ledger
from launch_rehearsal.actors.operations import Operator
from launch_rehearsal.actors.scenario import DEFAULT, Scenario
from launch_rehearsal.actors.turns import Regressing
from launch_rehearsal.actors.watch import DagView, View
from launch_rehearsal.product.base.plan import Part, ProductPlan
from launch_rehearsal.run.command import Rehearsal, for_good, taking_part
from launch_rehearsal.run.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path


NO_LEDGER = "postgresql://x@127.0.0.1:1/x"


def plan_of(folder: Path, redis: str) -> ProductPlan:
    return ProductPlan.make(folder, "postgresql://x@127.0.0.1:1/x", redis=redis)


def test_unknown_part_is_refused_with_the_parts_there_are(tmp_path: Path) -> None:
    """``--break`` names every part that can be broken, before anything is started or written."""
    done = CliRunner().invoke(app, ["rehearse", "--break", "dsn", "--home", str(tmp_path / "home")])
    assert done.exit_code == 1
    assert all(part in done.output for part in Part)
    assert not (tmp_path / "home").exists()


def test_part_that_takes_no_part_cannot_be_broken(tmp_path: Path) -> None:
    """Where Redis is not installed, breaking it is refused and says what to install."""
    with pytest.raises(ConfigurationError, match="install redis-server"):
        taking_part(plan_of(tmp_path, ""), [Part.REDIS])


def test_redis_takes_part_only_where_it_is_installed(tmp_path: Path) -> None:
    """Every other part always takes part."""
    assert taking_part(plan_of(tmp_path, "redis-server"), [Part.REDIS]) == list(Part)
    assert set(Part) - set(taking_part(plan_of(tmp_path, ""), [])) == {Part.REDIS}


@pytest.mark.parametrize("part", [*DEFAULT.broken, Part.MODELS])
def test_what_is_broken_for_good_is_repaired_by_nobody(part: Part) -> None:
    """Neither time nor the operator brings back what the command line broke."""
    story = for_good(DEFAULT, [part])
    assert part not in story.heals_after
    assert story.rejection is None or story.rejection.part is not part
    assert story.regression is None or story.regression.part is not part
    assert for_good(DEFAULT, [Part.DNS]) == DEFAULT


def test_story_with_its_breaks_reaches_the_stand_in(tmp_path: Path) -> None:
    """The product's plan holds what the scenario and the command line break, each once."""
    broken = dict.fromkeys((*DEFAULT.broken, Part.GATEWAY, Part.DNS))
    stage = Stage(home=tmp_path / "home", port=18080, broken=broken)
    stage.components()
    kept = ProductPlan.model_validate_json(stage.plan_file.read_bytes())
    assert kept.broken == (Part.GATEWAY, Part.REPOSITORY, Part.DNS)
    assert stage.plan_file.stat().st_mode & 0o077 == 0


@pytest.fixture
def rehearsals(tmp_path: Path) -> dict[bool, Rehearsal]:
    """Build a rehearsal by the story, and one by hand; nothing of them runs."""
    stage = Stage(home=tmp_path / "home", port=18080, broken=())
    return {
        hands_on: Rehearsal(stage, Scenario() if hands_on else DEFAULT, hands_on=hands_on, quiet=True)
        for hands_on in (False, True)
    }


def operator_of(rehearsal: Rehearsal) -> Operator:
    return Operator(
        scenario=rehearsal.scenario,
        control=rehearsal.control,
        api=rehearsal.stack.api("admin"),
        lead=rehearsal.stack.api("admin"),
        regressing=Regressing(
            None, rehearsal.control, Ledger(NO_LEDGER), rehearsal.run_id, rehearsal.display.story
        ),
        run_id=rehearsal.run_id,
        story=rehearsal.display.story,
    )


def ended(state: str, failed_step: str = "") -> View:
    """Build a view of the launch's end, and of the conductor's step that failed."""
    rejected = DEFAULT.rejection
    assert rejected is not None
    places = {rejected.ref: ("week_1_pre_launch_requirements", "one.item")}
    dags = (DagView("week_1_pre_launch_requirements", "Week 1", 39, "failed"),)
    return View(dags, {failed_step: "failed"} if failed_step else {}, state, places)


class Cleared:
    """Records what the operator does."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.done: list[str] = []

    def clear(self, _dag_id: str, _run_id: str, tasks: list[str], *, include_downstream: bool) -> None:
        assert include_downstream
        self.tasks += tasks
        self.done.append("clear")

    def repair(self, _part: Part) -> None:
        self.done.append("repair")

    def release_again(self) -> str:
        self.done.append("release")
        return "b" * 40

    def retarget_launch(self, _run_id: str, commit: str, release: None, reason: str) -> dict[str, Any]:
        assert (commit, release) == ("b" * 40, None)
        assert DEFAULT.rejection is not None
        assert reason == DEFAULT.rejection.repair
        self.done.append("retarget")
        return {"stale": ["a.b.c"]}

    def tell(self, *_what: object) -> None: ...


def test_nothing_is_cleared_before_the_launch_has_ended() -> None:
    """Until then the scheduler may mark what follows as failed again, behind the clear."""
    heard: Any = Cleared()
    operator = Operator(
        scenario=DEFAULT.model_copy(update={"heals_after": {}}),
        control=heard,
        api=heard,
        lead=heard,
        regressing=Regressing(None, heard, Ledger(NO_LEDGER), "R", heard),
        run_id="R",
        story=heard,
    )
    week = "week_1_pre_launch_requirements"
    operator.act(ended("running", week))
    assert not heard.tasks
    assert operator.repairs(ended("failed", week))
    operator.act(ended("failed", week))
    assert heard.tasks == ["one.item", week]
    # The launch must be on the new commit before anything looks at it again.
    assert heard.done == ["repair", "release", "retarget", "clear", "clear"]


@pytest.mark.parametrize(
    ("view", "by_story", "by_hand"),
    [
        (ended("success"), False, False),
        (ended("failed"), False, True),
        (ended("failed", "week_3_validation_testing"), False, True),
        (ended("failed", "week_1_pre_launch_requirements"), True, True),
    ],
)
def test_a_failed_launch_goes_on_where_somebody_may_repair_it(
    rehearsals: dict[bool, Rehearsal], view: View, by_story: bool, by_hand: bool
) -> None:
    """The scenario repairs only its own rejection; a user may repair anything."""
    for hands_on, expected in ((False, by_story), (True, by_hand)):
        rehearsal = rehearsals[hands_on]
        assert rehearsal._may_go_on(view, operator_of(rehearsal)) is expected
