"""A No of go/no-go ends the launch, whatever is cleared before its phase is sealed: on a real PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from servers.item_tasks import a_launch
from servers.records import BO, a_go

pytestmark = pytest.mark.integration

LAUNCH = "shop-1.2"


@pytest.fixture
def ledger(dsn: str) -> Ledger:
    """Give a ledger that knows the launch."""
    Launches(dsn).start(a_launch(launch_id=LAUNCH))
    return Ledger(dsn)


def no_go(role: str, **changes: Any) -> Entry:
    """Make Ada's No for a role."""
    return a_go(role, outcome=Outcome.REJECTED, reason="the numbers are bad", **changes)


@pytest.mark.parametrize("twice", [False, True], ids=["one person once", "one person for several"])
@pytest.mark.parametrize("role", ["cto", "lead"], ids=["the role that said no", "another role"])
def test_a_no_that_ends_the_launch_is_taken_back_by_nobody(ledger: Ledger, role: str, *, twice: bool) -> None:
    """A launcher clears the item of a No before its phase is sealed: no other holder's Go is kept then."""
    ledger.append_decision(no_go("cto"), final=True)
    again = a_go(role, task_instance_id="ti-again", decided_by=BO)
    with pytest.raises(AnswerRefused, match=r"has said No .*decisions\.cto.*Start another launch") as refused:
        ledger.append_decision(again, final=True, twice=twice)
    assert refused.value.code == "no_go"
    # The worker behind the No was lost: the next try brings it again.
    carried = no_go("cto", task_instance_id="ti-cto-2", carried_from="ti-cto")
    assert ledger.append_decision(carried, final=True) > 0
    assert len(ledger.entries(LAUNCH, EntryKind.DECISION)) == 2


def test_a_go_before_the_no_is_brought_again(ledger: Ledger) -> None:
    """What was kept before the No stays, however often its worker offers it."""
    first = ledger.append_decision(a_go("lead", decided_by=BO), final=True)
    ledger.append_decision(no_go("cto"), final=True)
    assert ledger.append_decision(a_go("lead", decided_by=BO), final=True) == first


def test_a_no_to_another_decision_may_be_thought_over(ledger: Ledger) -> None:
    """Whether to roll back is asked as often as there is reason to: only go/no-go is final."""
    ledger.append_decision(no_go("back", dag_id="rollback"))
    assert ledger.append_decision(a_go("back", dag_id="rollback", task_instance_id="ti-2")) > 0
