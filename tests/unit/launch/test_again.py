"""Which items are verified again, and what the grid says of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.api_fastapi.core_api.datamodels.task_instances import ClearTaskInstancesBody

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.launch.again import Latest, again_now, note_text
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, LedgerEntry, Outcome
from servers.records import NOON, a_seal

COMMIT = "the release commit was changed"


def reopened(name: str, cause: Cause = Cause.CHANGED, *why: str, dag_id: str = "week_1") -> Reopened:
    return Reopened(
        dag_id=dag_id, item_ref=f"week_1.security.{name}", text=name, owner=Role.CTO, cause=cause,
        why=why or (COMMIT,), task_instance_id="x",
    )  # fmt: skip


def rows(*entries: Entry) -> list[LedgerEntry]:
    return [
        LedgerEntry(**entry.model_dump(), seq=10 * number, appended_at=NOON + timedelta(minutes=number))
        for number, entry in enumerate(entries, 1)
    ]


def seal(number: int, *, complete: bool = True, dag_id: str = "week_1") -> Entry:
    return Entry.of_seal(a_seal(complete=complete, dag_id=dag_id), f"gate-{number}")


TLS = "week_1.security.tls"


@pytest.mark.parametrize(
    ("latest", "open_"),
    [
        ({}, True),
        ({TLS: Latest(5, Outcome.PASSED)}, True),
        ({TLS: Latest(15, Outcome.REJECTED)}, True),
        ({TLS: Latest(15, Outcome.NOT_REACHED)}, True),
        ({"week_1.security.hsts": Latest(15, Outcome.PASSED)}, True),
        ({TLS: Latest(15, Outcome.PASSED)}, False),
        ({TLS: Latest(15, Outcome.WAIVED)}, False),
    ],
    ids=["no record", "older", "rejected", "not reached", "of another item", "passed", "waived"],
)
def test_only_a_later_record_that_lets_it_pass_ends_it(latest: dict[str, Latest], open_: bool) -> None:
    """Whatever else happened, the item is verified again."""
    found = again_now(rows(reopened("tls").entry("shop-1.2", 1)), latest)
    assert [one.item.item_ref for one in found] == ([TLS] if open_ else [])


def test_only_a_complete_seal_of_its_own_phase_ends_it() -> None:
    """Later, and complete; an item that was amended away gets no record of its own."""
    one = reopened("tls").entry("shop-1.2", 1)
    assert again_now(rows(seal(1), one), {})
    assert again_now(rows(one, seal(1, complete=False)), {})
    assert again_now(rows(one, seal(1, dag_id="week_2")), {})
    assert not again_now(rows(one, seal(1)), {})


def test_latest_reopening_says_why() -> None:
    """Changed first, and no longer true while it was verified again."""
    first, second = reopened("tls"), reopened("tls", Cause.NO_LONGER_TRUE, "expired", "revoked")
    (one,) = again_now(rows(first.entry("l", 1), second.entry("l", 2)), {})
    assert (one.why, one.no_longer_true, one.number) == ("expired; revoked", True, 2)
    assert one.since == NOON + timedelta(minutes=2)


def test_note_says_a_shared_reason_once() -> None:
    """Of one item or of many; otherwise each is named."""
    assert note_text([reopened("tls")]) == f"Verified again: {COMMIT}"
    assert note_text([reopened("tls"), reopened("hsts")]) == f"Verified again: {COMMIT}"
    mixed = note_text([reopened("tls"), reopened("hsts", Cause.NO_LONGER_TRUE, "not sent")])
    assert mixed == f"security.tls: Verified again: {COMMIT}\nsecurity.hsts: No longer true: not sent"


def test_longest_note_is_one_that_airflow_takes() -> None:
    """Its route refuses a longer one, and the clear with it."""
    note = note_text([reopened(str(n), Cause.NO_LONGER_TRUE, f"{n} " + "x" * 300) for n in range(60)])
    assert ClearTaskInstancesBody(task_ids=["t"], note=note).note == note
    assert note.endswith("…")
