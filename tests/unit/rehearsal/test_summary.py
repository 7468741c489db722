"""The summary counts what is sealed, and calls a rehearsal complete only with all 272 items."""

from __future__ import annotations

import pytest

from launch_pipeline.ledger.schema import Outcome
from launch_rehearsal.actors.watch import items_of, load_plans
from launch_rehearsal.run.display import outcome_table, waiver_table
from launch_rehearsal.run.summary import ITEMS, PhaseLine, Summary, Waiver


def line(
    dag_id: str = "week", *, complete: bool = True, in_document: bool = True, **counts: int
) -> PhaseLine:
    named = {Outcome(name): number for name, number in counts.items()}
    return PhaseLine(dag_id=dag_id, title=dag_id, counts=named, complete=complete, in_document=in_document)


def summary(*lines: PhaseLine) -> Summary:
    waiver = Waiver(ref="a.b.c", text="A thing", by="Ada Lindqvist", reason="looked at by hand")
    return Summary(launch_id="REHEARSAL-1", lines=lines, waivers=(waiver,), verified=0)


SIGNED = line("sign_off", in_document=False, approved=4)
DECIDED = line("go_no_go", in_document=False, approved=4)
ALL = line(passed=ITEMS - 2, waived=1, approved=1)


def test_complete_needs_every_item_and_every_seal() -> None:
    """All items with an outcome, all phases sealed complete, decided and signed: complete."""
    assert summary(ALL, DECIDED, SIGNED).complete


@pytest.mark.parametrize(
    "lines",
    [
        (line(passed=ITEMS - 1), DECIDED, SIGNED),
        (line(passed=ITEMS, complete=False), DECIDED, SIGNED),
        (ALL, line("go_no_go", complete=False, in_document=False), SIGNED),
        (ALL, DECIDED, line("sign_off", complete=False, in_document=False)),
    ],
)
def test_anything_less_is_not_complete(lines: tuple[PhaseLine, ...]) -> None:
    """A missing item, an incomplete seal, no decision or no signature: not complete."""
    assert not summary(*lines).complete


def test_rollback_that_was_never_offered_does_not_matter() -> None:
    """The rollback's Dag needs no seal."""
    assert summary(ALL, DECIDED, SIGNED, line("rollback", complete=False, in_document=False)).complete


def test_totals_leave_out_what_the_document_does_not_list() -> None:
    """Go/no-go and signatures are shown but not counted among the document's items."""
    made = summary(ALL, DECIDED, SIGNED)
    assert made.total == ITEMS
    assert made.counted(Outcome.APPROVED) == 1


def test_tables_have_a_row_for_each_phase_and_waiver() -> None:
    """Every Dag and every waiver is on the screen at the end."""
    made = summary(ALL, DECIDED, SIGNED)
    assert outcome_table(made).row_count == 4
    assert waiver_table(made).row_count == 1


def test_the_checklist_has_as_many_items_as_the_summary_demands() -> None:
    """The number that decides the exit code is the document's."""
    plans = load_plans()
    counted = [place for place in items_of(plans) if plans[place[0]].phase.kind == "checklist"]
    assert len(counted) == ITEMS
