"""The end of a rehearsal is counted from a real ledger, and compared with the story."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Entry, Outcome
from launch_rehearsal.actors.scenario import DEFAULT
from launch_rehearsal.actors.watch import load_plans
from launch_rehearsal.run.output import write_report
from launch_rehearsal.run.summary import Unexplained, summarise
from servers.records import a_record, a_result, a_seal
from servers.reported import example_contacts

if TYPE_CHECKING:
    from pathlib import Path

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
