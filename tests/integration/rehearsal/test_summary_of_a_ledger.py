"""The end of a rehearsal is counted from a real ledger, and compared with the story."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.facts import Postponed, Retargeted
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import launch_entry
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.reopened import Cause, Reopened, Seen, VerifiedAgain
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from launch_rehearsal.actors.scenario import DEFAULT
from launch_rehearsal.actors.watch import load_plans
from launch_rehearsal.run.output import told_again, write_report
from launch_rehearsal.run.summary import COMMIT_CHANGED, TIME_MOVED, Unexplained, summarise
from servers.records import a_record, a_result, a_seal
from servers.reported import example_contacts

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.ledger.facts import Fact
    from launch_pipeline.ledger.schema import Record

WEEK = "week_2_infrastructure_setup"
LIMITED = "infrastructure_setup.database.replication"
OTHER = "infrastructure_setup.database.schema_verified"
LAG = a_result(kind="postgres_query", verdict=Verdict.FAILED, headline="value = 1e+18, want <= 16777216")


def record(ref: str, outcome: Outcome, *results: object) -> Record:
    return a_record(dag_id=WEEK, item_ref=ref, outcome=outcome, results=results, task_instance_id=f"ti-{ref}")


def kept(dsn: str, *records: Record) -> Ledger:
    ledger = Ledger(dsn)
    for each in records:
        ledger.append(Entry.of_record(each))
    ledger.append(Entry.of_seal(a_seal(*records, dag_id=WEEK), "gate"))
    return ledger


PASSED = record("infrastructure_setup.a.passed", Outcome.PASSED, a_result())
EXCUSED = record(LIMITED, Outcome.WAIVED, LAG)
BY_HAND = record(OTHER, Outcome.WAIVED, LAG)
NOT_MET = record("infrastructure_setup.a.not_met", Outcome.NOT_MET, LAG)


@pytest.mark.parametrize("wrong", [BY_HAND, NOT_MET], ids=lambda each: each.outcome.value)
def test_whatever_is_not_verified_without_a_reason_is_named(dsn: str, wrong: Record) -> None:
    """A waiver that the story knows is fine; one that it does not, or an item not met, is named."""
    ledger = kept(dsn, PASSED, EXCUSED, wrong)
    summary = summarise(ledger, "shop-1.2", {WEEK: load_plans()[WEEK]}, DEFAULT)
    assert summary.unexplained == (
        Unexplained(ref=wrong.item_ref, text=wrong.text, outcome=wrong.outcome, saw=LAG.headline),
    )
    assert not summary.as_planned
    assert summary.verified == 1
    assert summary.total == 3


def reopened(ref: str, cause: Cause, *why: str) -> Reopened:
    return Reopened(
        dag_id=WEEK, item_ref=ref, text=ref, owner=Role.TECHNICAL_LEAD, cause=cause, why=why,
        task_instance_id=f"ti-{ref}",
    )  # fmt: skip


def changed(ledger: Ledger) -> None:
    """Append what the three turns of the story leave behind."""
    by = {"by": "ada.technical", "via": Via.AIRFLOW, "reason": "it is repaired"}
    was, to = ({"release": "1.0.0", "release_sha": sha * 40} for sha in "ab")
    at = {"from": "2030-01-01T00:00:00Z", "to": "2030-01-02T00:00:00Z"}
    facts: dict[EntryKind, Fact] = {
        EntryKind.LAUNCH_RETARGETED: Retargeted.model_validate({**by, "from": was, "to": to}),
        EntryKind.LAUNCH_POSTPONED: Postponed.model_validate({**by, **at}),
    }
    for kind, said in facts.items():
        ledger.append(launch_entry("shop-1.2", kind, said))


def looked(ledger: Ledger, *refs: str) -> None:
    found = tuple(
        Seen(dag_id=WEEK, item_ref=ref, text=ref, owner=Role.TECHNICAL_LEAD, headline="503") for ref in refs
    )
    look = VerifiedAgain(looked_at=datetime.now(UTC), still_true=200, no_longer_true=found)
    ledger.append(look.entry("shop-1.2", "go_no_go", "ti", 1))


REGRESSION = DEFAULT.regression.ref if DEFAULT.regression else ""


def test_turns_that_did_not_take_place_are_named(dsn: str) -> None:
    """A commit, a time and a look that are missing or changed nothing are each told, and not as planned."""
    ledger = kept(dsn, PASSED)
    plans = {WEEK: load_plans()[WEEK]}
    assert len(summarise(ledger, "shop-1.2", plans, DEFAULT).untold) == 3
    changed(ledger)
    looked(ledger, "infrastructure_setup.another.item")
    summary = summarise(ledger, "shop-1.2", plans, DEFAULT)
    assert len(summary.untold) == 3, "nothing was verified again, and the look found something else"
    assert not summary.as_planned
    assert summarise(ledger, "shop-1.2", plans).untold == ()


def test_items_verified_again_are_counted_by_their_reason(dsn: str) -> None:
    """Each item counts once for a reason; what was not sealed since keeps the rehearsal from complete."""
    ledger = kept(dsn, PASSED)
    changed(ledger)
    again = [
        reopened("a.b.one", Cause.CHANGED, COMMIT_CHANGED),
        reopened("a.b.two", Cause.CHANGED, COMMIT_CHANGED),
        reopened("a.b.one", Cause.CHANGED, TIME_MOVED),
        reopened("a.b.two", Cause.CHANGED, COMMIT_CHANGED),
    ]
    for number, one in enumerate(again):
        ledger.append(one.entry("shop-1.2", number))
    looked(ledger, REGRESSION)
    ledger.append(reopened(REGRESSION, Cause.NO_LONGER_TRUE, "503").entry("shop-1.2", 1))
    plans = {WEEK: load_plans()[WEEK]}
    summary = summarise(ledger, "shop-1.2", plans, DEFAULT)
    assert summary.untold == ()
    assert set(summary.open_again) == {"a.b.one", "a.b.two", REGRESSION}
    assert told_again(summary).split(", ") == [
        "2 items (the release commit was changed)",
        "1 item (the launch time was moved)",
        "1 item (no longer true)",
    ]
    ledger.append(Entry.of_seal(a_seal(PASSED, dag_id=WEEK), "gate-2"))
    assert summarise(ledger, "shop-1.2", plans, DEFAULT).open_again == ()


def test_rehearsal_leaves_its_report(dsn: str, tmp_path: Path) -> None:
    """A page that can be read when everything has stopped, named after the launch."""
    kept(dsn, PASSED, BY_HAND)
    path = write_report(dsn, "shop-1.2", example_contacts(), tmp_path)
    assert path == tmp_path / "shop-1.2.html"
    assert BY_HAND.text in path.read_text()


def test_who_answers_by_hand_owes_no_reason(dsn: str) -> None:
    """Without a story nothing is compared."""
    ledger = kept(dsn, PASSED, BY_HAND)
    summary = summarise(ledger, "shop-1.2", {WEEK: load_plans()[WEEK]})
    assert summary.unexplained == ()
    assert [waiver.ref for waiver in summary.waivers] == [OTHER]
