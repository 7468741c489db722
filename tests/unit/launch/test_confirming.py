"""When a person's decision is carried over to an item that is verified again."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.confirming import carries_over, decision_before
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, LedgerEntry, Outcome, Record
from servers.one_basis import an_item, names
from servers.records import NOON, a_record, a_result

GIVEN: dict[str, Any] = {
    "question": "Is ${release} good?",
    "checks": [{"http_request": {"path": "/${release_sha}"}}],
}
ITEM = an_item(**GIVEN)
WAIVED = {"outcome": Outcome.WAIVED, "results": (a_result(verdict=Verdict.FAILED),)}


def decision(**changes: Any) -> Record:
    return a_record(**{"outcome": Outcome.APPROVED, "rests_on": names(ITEM), **changes})


def look(
    item: Any = ITEM, verdict: Verdict = Verdict.PASSED, launch: dict[str, Any] | None = None, **result: Any
) -> Evidence:
    return Evidence.of("ti-2", [a_result(verdict=verdict, **result)], names(item, **(launch or {})))


NOT: dict[str, tuple[Record, Evidence | None, dict[str, Any]]] = {
    "no evidence": (decision(), None, {}),
    "a record of an older package": (decision(rests_on={}), look(), {}),
    "evidence of an older package": (decision(), Evidence.of("ti-2", [a_result()]), {}),
    "checks that fail": (decision(), look(verdict=Verdict.FAILED), {}),
    "checks that cannot tell": (decision(), look(verdict=Verdict.INCONCLUSIVE), {}),
    "checks that ask something else": (decision(), look(params={"path": "/other"}), {}),
    "another question": (decision(), look(an_item(**{**GIVEN, "question": "Friday?"})), {}),
    "another owner": (decision(), look(an_item(**GIVEN, owner="cto")), {}),
    "another release in the question": (decision(), look(launch={"release": "1.2.1"}), {}),
    "an item that is repeated": (
        decision(), look(), {"repeat": {"every": "1d", "times": 2}, "mode": "check+approval"}),
    "a decision": (decision(), look(), {"gate": "decision", "mode": "approval", "checks": None}),
    "a rejection": (decision(outcome=Outcome.REJECTED), look(), {}),
    "a pass of the machine's": (decision(outcome=Outcome.PASSED), look(), {}),
    "a waiver, and another failure": (
        decision(**WAIVED), look(verdict=Verdict.FAILED, headline="it burns"), {}),
    "a waiver, and a pass": (decision(**WAIVED), look(), {}),
}  # fmt: skip


@pytest.mark.parametrize(("earlier", "evidence", "item"), NOT.values(), ids=NOT)
def test_decision_is_not_carried_over(
    earlier: Record, evidence: Evidence | None, item: dict[str, Any]
) -> None:
    """The person is asked anew: they were asked something else, or were shown something else."""
    assert not carries_over(earlier, evidence, an_item(**{**GIVEN, **item}))


COUNTS: dict[str, tuple[Record, Evidence]] = {
    "an approval of another commit": (decision(), look(launch={"release_sha": "b" * 40})),
    "an approval, told otherwise": (decision(), look(headline="200 in 99 ms", observed={})),
    "a waiver of the same failure": (decision(**WAIVED), look(verdict=Verdict.FAILED)),
    "not applicable": (
        decision(**{**WAIVED, "outcome": Outcome.NOT_APPLICABLE}), look(verdict=Verdict.FAILED)),
}  # fmt: skip


@pytest.mark.parametrize(("earlier", "evidence"), COUNTS.values(), ids=COUNTS)
def test_decision_is_carried_over_where_the_person_would_be_asked_the_same(
    earlier: Record, evidence: Evidence
) -> None:
    """What has changed is only what the checks used."""
    assert carries_over(earlier, evidence, ITEM)


# ---- the decision before ------------------------------------------------------------------------------

REF = "week_1.security.tls"
REOPENED = Reopened(
    dag_id="week_1", item_ref=REF, text="x", owner=Role.CTO, cause=Cause.CHANGED, why=("x",),
    task_instance_id="0197-1",
).entry("shop-1.2", 1)  # fmt: skip
DECIDED = Entry.of_record(decision())
MACHINE = Entry.of_record(a_record(task_instance_id="m"))
MISSED = Entry.of_record(a_record(outcome=Outcome.NOT_REACHED, task_instance_id="n", results=()))
OTHER = Entry.of_record(decision(item_ref="week_1.security.hsts", task_instance_id="h"))
ROWS: dict[str, tuple[list[Entry], bool]] = {
    "nothing": ([], False),
    "a decision alone: a person cleared it": ([DECIDED], False),
    "reopened before any decision": ([REOPENED], False),
    "decided after it was reopened": ([REOPENED, DECIDED], False),
    "a machine's pass": ([DECIDED, REOPENED, MACHINE, REOPENED], False),
    "the decision of another item": ([OTHER, REOPENED], False),
    "reopened": ([DECIDED, REOPENED], True),
    "reopened twice": ([DECIDED, REOPENED, REOPENED], True),
    "reopened, and sealed before it was done": ([DECIDED, REOPENED, MISSED], True),
    "beside another item": ([DECIDED, REOPENED, OTHER], True),
}


@pytest.mark.parametrize(("rows", "found"), ROWS.values(), ids=ROWS)
def test_decision_counts_only_if_the_pipeline_reopened_its_item_since(rows: list[Entry], found: bool) -> None:
    """An item that a person cleared is asked anew."""
    kept = [LedgerEntry(**row.model_dump(), seq=n, appended_at=NOON) for n, row in enumerate(rows)]
    assert (decision_before(kept, REF) is not None) is found
