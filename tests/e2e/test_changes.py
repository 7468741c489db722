"""A launch whose world does not hold still: exactly what rests on a change is verified again."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.errors import OperationError
from launch_pipeline.ledger.reopened import Cause
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.launches import PHASE
from servers.records import a_seal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.launches import Launchpad, Run

pytestmark = pytest.mark.integration

CARLA, ADA, PRIYA = "carla.cto", "ada.technical", "priya.product"
OTHER = "b" * 40
WITNESSED, ATTESTED, AFTERWARDS = "people.witnessed", "people.attested", "people.afterwards"
CHECKLIST = "01_pre_launch_requirements.yaml"


@pytest.fixture
def run(launchpad: Launchpad) -> Run:
    """Give a launch whose first phase is sealed complete."""
    made = launchpad.begin()
    made.finish()
    assert made.until_ended() == "success"
    return made


def tries(run: Run) -> dict[str, str]:
    """Return the task instance of each item."""
    return {name: task["id"] for name, task in run.tasks().items() if "." in name}


def reopened(run: Run, before: dict[str, str], *names: str) -> None:
    """Wait until exactly these items ask or look again."""
    wanted = set(names)
    run.until(
        f"{wanted} are asked again", lambda: {n for n, i in tries(run).items() if before[n] != i} == wanted
    )
    assert {row.item_ref.partition(".")[2] for row in run.entries(EntryKind.REOPENED)} == wanted


def sealed_again(run: Run, seals: int = 2) -> None:
    """Wait until the phase is sealed complete once more, with all its items."""
    assert run.until_ended() == "success"
    found = [row.content for row in run.entries(EntryKind.SEAL)]
    assert [seal["complete"] for seal in found] == [True] * seals
    refs = [{record["item_ref"] for record in seal["records"]} for seal in found]  # type: ignore[union-attr, index, call-overload]
    assert refs[0] == refs[-1]


@contextmanager
def edited(include: Path, old: str, new: str) -> Iterator[None]:
    """Edit the checklist of the phase while the launch runs."""
    path = include / "checklists" / CHECKLIST
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def test_people_without_the_right_change_nothing(launchpad: Launchpad, run: Run) -> None:
    """A person without the role and an administrator are refused; nothing is reopened."""
    for user in (PRIYA, "admin"):
        with pytest.raises(OperationError, match="403"):
            launchpad.api(user).retarget_launch(run.id, OTHER, None, "I would like to")
    assert run.entries(EntryKind.REOPENED) == []


def test_retarget_reopens_exactly_what_rests_on_the_release(launchpad: Launchpad, run: Run) -> None:
    """One question names the release: its person is asked again, all else stays as it was sealed."""
    before = tries(run)
    launchpad.api(CARLA).retarget_launch(run.id, OTHER, "1.0.1", "the payment page is mended")
    reopened(run, before, WITNESSED)
    assert "the release was changed" in str(run.entries(EntryKind.REOPENED)[0].content["why"])
    run.until_waiting(WITNESSED)
    run.answer(ADA, WITNESSED, "Approve")
    sealed_again(run)


def test_edit_changes_nothing_until_the_launch_is_amended(
    launchpad: Launchpad, run: Run, include: Path
) -> None:
    """Then the one question that changed is asked again, in its new words, and no other."""
    before = tries(run)
    with edited(include, "Is the team ready?", "Is the whole team ready?"):
        found = launchpad.api(CARLA).amendment(run.id)
        assert tries(run) == before
        launchpad.api(CARLA).amend_launch(run.id, "the question was too narrow", found["digest"])
        reopened(run, before, ATTESTED)
    run.until_waiting(ATTESTED)
    asked = launchpad.api().hitl_details(PHASE, run.id)
    assert "Is the whole team ready?" in next(
        request["body"] for request in asked if request["task_instance"]["task_id"] == ATTESTED
    )
    run.answer(PRIYA, ATTESTED, "Approve")
    sealed_again(run)


def test_comment_is_no_difference(launchpad: Launchpad, run: Run, include: Path) -> None:
    """Bytes are not meaning: there is nothing to amend."""
    with edited(include, "# A phase small enough", "# Another comment\n# A phase small enough"):
        assert launchpad.api(CARLA).amendment(run.id)["differences"] == []
    assert run.entries(EntryKind.REOPENED) == []


def test_postponement_reopens_what_names_the_date(launchpad: Launchpad, run: Run) -> None:
    """By a week: the party is planned for that day, and nothing else is."""
    before = tries(run)
    next_week = datetime.now(UTC).replace(microsecond=0) + timedelta(days=8)
    launchpad.api("admin").postpone_launch(run.id, next_week, "the venue is closed")
    reopened(run, before, AFTERWARDS)
    run.until_waiting(AFTERWARDS)
    run.answer(PRIYA, AFTERWARDS, "Approve")
    sealed_again(run)


def test_what_is_no_longer_true_after_go_is_reopened_and_heals(launchpad: Launchpad, run: Run) -> None:
    """The page that breaks is found by the watch; its item asks, and passes by itself once it is mended."""
    before = tries(run)
    go = a_seal(launch_id=run.id, dag_id=GO_NO_GO, records=(), counts={})
    launchpad.ledger.append(Entry.of_seal(go, "as if the four had said go"))
    launchpad.switches.off(run.page("green"))
    reopened(run, before, "machine.green")
    (row,) = run.entries(EntryKind.REOPENED)
    assert row.content["cause"] == Cause.NO_LONGER_TRUE
    run.until_waiting("machine.green")
    launchpad.switches.on(run.page("green"))
    sealed_again(run)
