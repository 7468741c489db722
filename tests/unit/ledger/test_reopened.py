"""Items that were reopened: until when they keep their phase from standing."""

from __future__ import annotations

import pytest

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.ledger.reopened import Cause, Reopened, latest_look, open_again, times_reopened
from launch_pipeline.ledger.schema import Entry
from servers.records import a_record, a_seal


def reopened(name: str, dag_id: str = "week_1", why: str = "it changed") -> Entry:
    return Reopened(
        dag_id=dag_id, item_ref=f"{dag_id}.security.{name}", text=name, owner=Role.CTO, cause=Cause.CHANGED,
        why=(why,), task_instance_id="x",
    ).entry("shop-1.2", 1)  # fmt: skip


def seal(dag_id: str = "week_1", *, complete: bool = True) -> Entry:
    return Entry.of_seal(a_seal(dag_id=dag_id, complete=complete), "gate")


TLS = "week_1.security.tls"
ROWS: dict[str, tuple[list[Entry], list[str]]] = {
    "nothing": ([], []),
    "a seal before it": ([seal(), reopened("tls")], [TLS]),
    "an incomplete seal": ([reopened("tls"), seal(complete=False)], [TLS]),
    "a complete seal of another phase": ([reopened("tls"), seal("week_2")], [TLS]),
    "a new record alone": ([reopened("tls"), Entry.of_record(a_record())], [TLS]),
    "reopened after its seal again": ([reopened("tls"), seal(), reopened("tls")], [TLS]),
    "twice is once": ([reopened("tls"), reopened("tls")], [TLS]),
    "a complete seal of its phase": ([reopened("tls"), reopened("hsts"), seal()], []),
    "one of two phases": ([reopened("tls"), reopened("dns", "week_2"), seal("week_2")], [TLS]),
}


@pytest.mark.parametrize(("rows", "refs"), ROWS.values(), ids=ROWS)
def test_item_is_open_again_until_its_phase_is_sealed_complete(rows: list[Entry], refs: list[str]) -> None:
    """Nothing else closes it."""
    assert [one.item_ref for one in open_again(rows)] == refs


def test_latest_reason_is_the_one_that_is_said() -> None:
    """And the times are counted over all seals."""
    rows = [reopened("tls", why="first"), seal(), reopened("tls", why="second"), reopened("hsts")]
    assert [one.why for one in open_again(rows)] == [("second",), ("it changed",)]
    assert times_reopened(rows, TLS) == 2
    assert latest_look(rows) is None
