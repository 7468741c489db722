"""``launch status`` reads from a real ledger what is on hold, verified again, or has to be."""

from __future__ import annotations

import pytest

from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.cli.commands.status.command import from_ledger
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import LaunchState, Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import Cause
from launch_pipeline.ledger.schema import Entry
from servers.changed_launch import pinned_spec, record_of, reopened, start
from servers.slack import CONTACTS

pytestmark = pytest.mark.integration

LAUNCH = "shop-2.4.0"
BY = By("priya.product", "the CDN is down \x1b[31m", Via.AIRFLOW)
PEOPLE = load_contacts(CONTACTS)


def test_nothing_is_said_of_a_launch_that_nobody_changed(dsn: str) -> None:
    """Neither of one that is over, nor of another launch."""
    launch, spec = start(dsn, LAUNCH), pinned_spec()
    Ledger(dsn).append(Entry.of_record(record_of(launch, spec)))
    start(dsn, "other", "staging")
    Changes(dsn).hold("other", BY)
    Ledger(dsn).append(reopened(spec, "x").entry("other", 1))
    kept, _, notes = from_ledger(dsn, LAUNCH, PEOPLE)
    assert kept is not None
    assert (kept.hold, kept.again, notes) == (None, (), ())
    Launches(dsn).abort("other", "carla.cto", "no longer wanted")
    over, found, _ = from_ledger(dsn, "other", PEOPLE)
    assert over is not None
    assert found is not None
    assert (found.state, over.hold, over.again) == (LaunchState.ABORTED, None, ())


def test_hold_names_the_person(dsn: str) -> None:
    """Since when and why, on one line that a terminal can show."""
    launch = start(dsn, LAUNCH)
    Changes(dsn).hold(LAUNCH, BY)
    kept, now, _ = from_ledger(dsn, LAUNCH, PEOPLE)
    assert kept is not None
    assert kept.hold is not None
    assert now is not None
    assert now.held_at is not None
    assert (kept.hold.by, kept.hold.since) == ("Priya Raman", now.held_at.isoformat())
    assert "\x1b" not in kept.hold.reason
    assert launch.held_at is None


def test_stale_item_is_named_before_and_after_it_is_reopened(dsn: str) -> None:
    """From the moment of the change, with its reason; no longer once a new record lets it pass."""
    launch, spec = start(dsn, LAUNCH), pinned_spec()
    Ledger(dsn).append(Entry.of_record(record_of(launch, spec)))
    moved = Changes(dsn).retarget(LAUNCH, "b" * 40, BY)
    for reopen in (False, True):
        if reopen:
            entry = reopened(spec, "x", Cause.CHANGED, "the release commit was changed").entry(LAUNCH, 1)
            Ledger(dsn).append(entry)
        kept, _, _ = from_ledger(dsn, LAUNCH, PEOPLE)
        assert kept is not None
        (one,) = kept.again
        assert (one.task_id, one.why, bool(one.since)) == (
            spec.task_id, ("the release commit was changed",), reopen,
        )  # fmt: skip
    Ledger(dsn).append(Entry.of_record(record_of(moved, spec, task_instance_id="again")))
    kept, _, _ = from_ledger(dsn, LAUNCH, PEOPLE)
    assert kept is not None
    assert kept.again == ()


def test_regression_is_told_from_what_has_changed(dsn: str) -> None:
    """Its owner, and that its checks fail now."""
    start(dsn, LAUNCH)
    Ledger(dsn).append(reopened(pinned_spec(), "x").entry(LAUNCH, 1))
    kept, _, _ = from_ledger(dsn, LAUNCH, PEOPLE)
    assert kept is not None
    (one,) = kept.again
    assert (one.no_longer_true, one.role) == (True, pinned_spec().item.owner.label)


def test_without_its_checklists_the_rest_is_shown(dsn: str) -> None:
    """A launch of an older package whose files were changed: what was reopened, and a note."""
    launch, spec = start(dsn, LAUNCH), pinned_spec()
    Changes(dsn).hold(LAUNCH, BY)
    Ledger(dsn).append(reopened(spec, "x").entry(launch.launch_id, 1))
    import psycopg  # noqa: PLC0415

    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE launch.launches SET environment_digest = %s", ["sha256:" + "0" * 64])
    kept, _, notes = from_ledger(dsn, LAUNCH, PEOPLE)
    assert kept is not None
    assert kept.hold is not None
    assert len(kept.again) == 1
    assert "could not be read" in notes[0]
