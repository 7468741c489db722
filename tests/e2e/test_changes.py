"""A launch whose world does not hold still: exactly what rests on a change is verified again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.schema import EntryKind
from servers.launches import PHASE

if TYPE_CHECKING:
    from servers.launches import Launchpad, Run

pytestmark = pytest.mark.integration

BY_CARLA = By("carla.cto", "the fix of the payment page", Via.AIRFLOW)
OTHER = "b" * 40
ASKED_ABOUT_THE_RELEASE = "people.witnessed"


def tries(run: Run) -> dict[str, str]:
    """Return the task instance of each item."""
    return {name: task["id"] for name, task in run.tasks().items() if "." in name}


def test_retarget_reopens_exactly_what_rests_on_the_release(launchpad: Launchpad) -> None:
    """One question names the release: its person is asked again, all else stays as it was sealed."""
    run = launchpad.begin()
    run.finish()
    assert run.until_ended() == "success"
    before, sealed = tries(run), launchpad.ledger.seal(run.id, PHASE)

    Changes(launchpad.stack.settings.ledger_dsn).retarget(run.id, OTHER, BY_CARLA, release="1.0.1")
    run.until("it was reopened", lambda: run.entries(EntryKind.REOPENED))
    run.until_waiting(ASKED_ABOUT_THE_RELEASE)
    changed = {name for name, instance in tries(run).items() if before[name] != instance}
    assert changed == {ASKED_ABOUT_THE_RELEASE}
    assert [row.item_ref.partition(".")[2] for row in run.entries(EntryKind.REOPENED)] == [*changed]
    assert "the release was changed" in str(run.entries(EntryKind.REOPENED)[0].content["why"])

    run.answer("ada.technical", ASKED_ABOUT_THE_RELEASE, "Approve")
    assert run.until_ended() == "success"
    again = launchpad.ledger.seal(run.id, PHASE)
    assert again
    assert again.complete
    assert sealed != again
    assert {r.item_ref for r in again.records} == {r.item_ref for r in (sealed.records if sealed else ())}
