"""What a phase comes to: every state against every record, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checklist.vocabulary import Severity
from launch_pipeline.launch.reconcile import STATE_OF, ItemState, Reconciled
from launch_pipeline.ledger.schema import Outcome
from servers.records import NOON, a_record

STATES = ("success", "skipped", "failed", "upstream_failed", "running", "queued", "up_for_retry", "deferred",
          "awaiting_input", "removed", None)  # fmt: skip
OUTCOMES = (*Outcome, None)
REF = "week_1.security.tls"


def an_item(
    state: str | None,
    outcome: Outcome | None,
    *,
    same: bool = True,
    severity: Severity = Severity.BLOCKING,
    **fields: Any,
) -> ItemState:
    """Build an item in a state, with a record of that outcome, of this task instance or of an earlier one."""
    record = None
    if outcome is not None:
        record = a_record(outcome=outcome, reason="said so", task_instance_id="now" if same else "before")
    made: dict[str, Any] = {
        "item_ref": REF, "text": "TLS", "severity": severity, "task_instance_id": "now", "state": state,
        "changed_by_hand": None, "record": record, **fields,
    }  # fmt: skip
    return ItemState(**made)


def expected(state: str | None, outcome: Outcome | None, *, same: bool) -> str:
    """Return what the rules of the design say, written down apart from the code."""
    explained = same and (state, outcome) in {
        ("success", Outcome.PASSED), ("success", Outcome.APPROVED), ("skipped", Outcome.WAIVED),
        ("skipped", Outcome.NOT_APPLICABLE), ("skipped", Outcome.NOT_MET), ("failed", Outcome.REJECTED),
        ("failed", Outcome.NOT_REACHED),
    }  # fmt: skip
    if explained:
        return {Outcome.REJECTED: "rejected", Outcome.NOT_REACHED: "not reached"}.get(outcome, "complete")  # type: ignore[arg-type]
    return "bypass" if state in {"success", "skipped"} else "not reached"


@pytest.mark.parametrize("same", [True, False], ids=["of this task instance", "of another"])
@pytest.mark.parametrize("outcome", OUTCOMES, ids=str)
@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_state_against_every_record(state: str | None, outcome: Outcome | None, same: bool) -> None:
    """A gate opens only where a record of this very task instance explains the end that the grid shows."""
    item = an_item(state, outcome, same=same)
    reconciled = Reconciled((item,))
    problems = " ".join(reconciled.problems)
    found = (
        "bypass" if reconciled.bypasses
        else "rejected" if "rejected by Ada Lindqvist: said so" in problems
        else "not reached" if "was not reached" in problems
        else "complete"
    )  # fmt: skip
    assert found == expected(state, outcome, same=same)
    assert bool(problems) is (found != "complete")
    assert all(
        problem.startswith(REF) and problem.endswith((".", "said so")) for problem in reconciled.problems
    )


def test_every_outcome_has_its_state() -> None:
    """An outcome without a state would make every such item a bypass."""
    assert set(STATE_OF) == set(Outcome)


@pytest.mark.parametrize("state", ["success", "skipped"])
def test_bypass_names_who_marked_it(state: str) -> None:
    """Where it is known who marked it by hand, the sentence says so."""
    item = an_item(state, None, changed_by_hand="mallory")
    assert Reconciled((item,)).problems == (
        f"{REF} was marked {state} by mallory without a record: a bypass.",
    )


def test_advisory_rejection_closes_nothing() -> None:
    """Only a blocking item's rejection closes the phase; an advisory bypass is a bypass all the same."""
    advisory = {"severity": Severity.ADVISORY}
    assert Reconciled((an_item("failed", Outcome.REJECTED, **advisory),)).problems == ()  # type: ignore[arg-type]
    assert Reconciled((an_item("skipped", Outcome.NOT_MET, **advisory),)).problems == ()  # type: ignore[arg-type]
    assert Reconciled((an_item("success", None, **advisory),)).bypasses == (REF,)  # type: ignore[arg-type]


def seal(*items: ItemState, also: tuple[str, ...] = ()) -> Any:
    records = [item.valid_record or a_record(outcome=Outcome.NOT_REACHED) for item in items]
    return Reconciled(items).seal(
        launch_id="shop-1.2", dag_id="week_1", phase_id="week_1", records=records, also=also,
        checklist_digest="sha256:" + "c" * 64, sealed_at=NOON, try_number=1,
    )  # fmt: skip


def test_seal_is_complete_only_without_problems() -> None:
    """Counts, bypasses and sentences are in the seal; one problem from elsewhere is enough."""
    good = an_item("success", Outcome.PASSED)
    assert seal(good).complete
    assert seal(good).counts == {Outcome.PASSED: 1}
    assert not seal(good, also=("changed",)).complete
    assert seal(good, also=("changed",)).problems == ("changed",)
    bad = seal(good, an_item("skipped", None), an_item("failed", Outcome.REJECTED))
    assert not bad.complete
    assert bad.bypasses == (REF,)
    assert len(bad.problems) == 2
    assert bad.counts == {Outcome.PASSED: 1, Outcome.NOT_REACHED: 1, Outcome.REJECTED: 1}
