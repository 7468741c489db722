"""Which phases stand: what the rows of a launch say by what is in force."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from launch_pipeline.checklist.model import Phase
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.canonical import digest
from launch_pipeline.launch.deployed_checklists import dags_of, definition_of
from launch_pipeline.launch.standing import (
    InForce,
    not_done_again,
    reopened_since_seal,
    stale,
    standing,
)
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, EntryKind, LedgerEntry, Outcome
from servers.one_basis import LAUNCH, an_item, names, settings
from servers.records import NOON, a_record, a_seal

PINNED = an_item(id="pinned", checks=[{"http_request": {"path": "/${release_sha}"}}])
PLAIN = an_item(id="plain")


@cache
def in_force(*ids: str, release_sha: str = "a" * 40) -> InForce:
    items = [
        item.model_dump(mode="json", exclude_defaults=True) for item in (PINNED, PLAIN) if item.id in ids
    ]
    words = {"id": "week_1", "title": "Week 1", "when": "Week 1", "description": "One section."}
    section = {"id": "security", "title": "Security", "items": items}
    phase = Phase.model_validate({"schema_version": 1, "dag": "week_1", **words, "sections": [section]})
    dags = dags_of(phase, digest(definition_of(phase)))
    return InForce(LAUNCH.model_copy(update={"release_sha": release_sha}), dags, settings(), None)


NOW = in_force("pinned", "plain")
MOVED = in_force("pinned", "plain", release_sha="b" * 40)


def record(item: Any, **changes: Any) -> Entry:
    given = {
        "item_ref": f"week_1.security.{item.id}",
        "task_id": f"security.{item.id}",
        "rests_on": names(item),
    }
    return Entry.of_record(a_record(**{**given, "task_instance_id": f"ti-{item.id}", **changes}))


def seal(*items: Any, complete: bool = True) -> Entry:
    records = [a_record(item_ref=f"week_1.security.{item.id}", task_instance_id=item.id) for item in items]
    return Entry.of_seal(a_seal(*records, complete=complete), "gate")


def reopened(item: Any) -> Entry:
    return Reopened(
        dag_id="week_1", item_ref=f"week_1.security.{item.id}", text="x", owner=Role.CTO,
        cause=Cause.NO_LONGER_TRUE, why=("its checks fail",), task_instance_id=f"ti-{item.id}",
    ).entry("shop-1.2", 1)  # fmt: skip


def kept(*rows: Entry) -> list[LedgerEntry]:
    return [LedgerEntry(**row.model_dump(), seq=n, appended_at=NOON) for n, row in enumerate(rows)]


BOTH = (record(PINNED), record(PLAIN))
REJECTED = record(PLAIN, outcome=Outcome.REJECTED, task_instance_id="later")
CASES: dict[str, tuple[tuple[Entry, ...], InForce, bool]] = {
    "no seal": (BOTH, NOW, False),
    "an incomplete seal": ((*BOTH, seal(PINNED, PLAIN, complete=False)), NOW, False),
    "an incomplete seal after a complete one": (
        (*BOTH, seal(PINNED, PLAIN), seal(PINNED, PLAIN, complete=False)), NOW, False),
    "another commit": ((*BOTH, seal(PINNED, PLAIN)), MOVED, False),
    "an item that came in": ((record(PLAIN), seal(PLAIN)), NOW, False),
    "an item that went out": ((*BOTH, seal(PINNED, PLAIN)), in_force("plain"), False),
    "an item that was reopened": ((*BOTH, seal(PINNED, PLAIN), reopened(PLAIN)), NOW, False),
    "an item that was rejected since": ((*BOTH, seal(PINNED, PLAIN), REJECTED), NOW, False),
    "a record of nobody knows what": (
        (record(PINNED, rests_on={}), record(PLAIN), seal(PINNED, PLAIN)), NOW, False),
    "all that it rests on": ((*BOTH, seal(PINNED, PLAIN)), NOW, True),
    "reopened, and sealed again": (
        (*BOTH, seal(PINNED, PLAIN), reopened(PLAIN), record(PLAIN), seal(PINNED, PLAIN)), NOW, True),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "now", "stands"), CASES.values(), ids=CASES)
def test_phase_stands_only_if_sealed_complete_on_what_is_in_force(
    rows: tuple[Entry, ...], now: InForce, stands: bool
) -> None:
    """By the latest seal, and by the latest record of each item."""
    assert standing(kept(*rows), now, "week_1").stands is stands


def test_only_records_that_let_an_item_pass_become_stale() -> None:
    """What was rejected or not reached has to be repaired anyway; the item and the reasons are named."""
    (one,) = stale(kept(*BOTH), MOVED)
    assert (one.spec.ref, one.why) == ("week_1.security.pinned", ("the release commit was changed",))
    for outcome in (Outcome.REJECTED, Outcome.NOT_REACHED):
        assert stale(kept(record(PINNED, outcome=outcome)), MOVED) == ()


OLD: dict[str, tuple[dict[str, Any], dict[str, Any] | None, bool]] = {
    "of another checklist": ({"checklist_digest": "sha256:" + "0" * 64}, None, True),
    "moved since": ({}, None, True),
    "appended after the move": ({}, {"to": {"release": "1.2.0", "release_sha": "b" * 40}}, False),
}


@pytest.mark.parametrize(("changes", "moved", "is_stale"), OLD.values(), ids=OLD)
def test_record_of_an_older_package_rests_on_the_launch_as_it_was_then(
    changes: dict[str, Any], moved: dict[str, Any] | None, is_stale: bool
) -> None:
    """It names nothing, so the facts of its place in the chain count, and only its own checklist's items."""
    known = MOVED.dags["week_1"].digest
    start = {"release": "1.2.0", "release_sha": "a" * 40, "launch_at": "2030-05-06T09:00:00Z"}
    rows = [about(EntryKind.LAUNCH_STARTED, start)]
    if moved:
        rows.append(about(EntryKind.LAUNCH_RETARGETED, moved))
    rows.append(record(PINNED, **{"rests_on": {}, "checklist_digest": known, **changes}))
    assert bool(stale(kept(*rows), MOVED)) is is_stale


def about(kind: EntryKind, content: dict[str, Any]) -> Entry:
    return Entry(kind=kind, launch_id="shop-1.2", task_instance_id="launch/shop-1.2", content=content)


def test_item_is_done_again_by_a_later_record_alone() -> None:
    """A record of before the row does not do, nor one of another item."""
    assert [one.item_ref for one in not_done_again(kept(*BOTH, reopened(PLAIN)), "week_1")] == [
        "week_1.security.plain"
    ]
    assert not_done_again(kept(reopened(PLAIN), record(PINNED)), "week_1")
    assert not not_done_again(kept(*BOTH, reopened(PLAIN), record(PLAIN)), "week_1")
    assert not not_done_again(kept(*BOTH, reopened(PLAIN)), "week_2")


@pytest.mark.parametrize(
    ("rows", "since"),
    [
        ((), False),
        ((seal(),), False),
        ((reopened(PLAIN), seal()), False),
        ((reopened(PLAIN), seal(complete=False)), False),
        ((seal(), reopened(PLAIN)), True),
    ],
    ids=["nothing", "sealed", "sealed since", "sealed incomplete since", "reopened since"],
)
def test_any_seal_ends_what_was_reopened_before_it(rows: tuple[Entry, ...], since: bool) -> None:
    """Also an incomplete one: then the phase has ended, and does not begin again by itself."""
    assert reopened_since_seal(kept(*rows), "week_1") is since
