"""Records: what can be kept, and one reader for both ways an XCom arrives."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from launch_pipeline.approvals.contacts import Person
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.verdict import CheckResult, Finding, Verdict
from launch_pipeline.ledger.schema import (
    DecidedBy,
    Entry,
    EntryKind,
    LedgerEntry,
    Outcome,
    Record,
    RecordedBy,
    evidence_digest,
    read_record,
)
from servers.records import ADA, NOON, a_record, a_result, a_seal

JSON_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FACTS = st.dictionaries(st.text(max_size=10), JSON_DATA, max_size=4)
MOMENTS = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    datetime(2100, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
FINDINGS = st.builds(
    Finding,
    subject=st.text(max_size=10),
    expression=st.text(max_size=10),
    wanted=st.text(max_size=10),
    actual=JSON_DATA,
    holds=st.booleans(),
    note=st.text(max_size=10),
)
RESULTS = st.builds(
    CheckResult,
    kind=st.just("sql"),
    params=FACTS,
    authority=st.text(max_size=10),
    verdict=st.sampled_from(Verdict),
    headline=st.text(max_size=30),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    observed=FACTS,
    started_at=MOMENTS,
    duration_ms=st.integers(0, 10**6),
    attempts=st.integers(1, 9),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Draw any valid record."""
    outcome = draw(st.sampled_from([o for o in Outcome if o is not Outcome.PASSED]))
    results = tuple(draw(st.lists(RESULTS, max_size=2)))
    return a_record(
        outcome=outcome,
        results=results,
        role=draw(st.none() | st.sampled_from(Role)),
        reason=draw(st.text(max_size=40)),
        text=draw(st.text(max_size=40)),
        decided_at=draw(MOMENTS),
        try_number=draw(st.integers(0, 99)),
    )


@given(records())
def test_record_survives_both_ways_of_an_xcom(record: Record) -> None:
    """Text of a trigger, object of a worker, and text encoded twice give the record that was sent."""
    text = record.model_dump_json()
    assert read_record(text) == record
    assert read_record(json.loads(text)) == record
    assert read_record(json.dumps(text)) == record
    assert read_record(record.model_dump(mode="json")) == record
    assert read_record(record) is record


@given(records())
def test_record_survives_the_ledgers_text(record: Record) -> None:
    """What the ledger keeps gives a record of the same digest."""
    again = read_record(Entry.of_record(record).content)
    assert again is not None
    assert again.digest == record.digest


@given(JSON_DATA | st.binary(max_size=5))
def test_anything_else_is_no_record(value: Any) -> None:
    """Other values give None, never an error."""
    assert read_record(value) is None


@pytest.mark.parametrize(
    "value",
    ["", "passed", "[" * 100_000, "null", '"x"', "{}", b"{}", 7, object(), {"schema_version": 1}],
    ids=lambda v: str(v)[:12],
)
def test_junk_is_no_record(value: Any) -> None:
    """Values that look a little like a record give None."""
    assert read_record(value) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"outcome": "green"},
        {"launch_id": None},
        {"decided_at": "2030-05-06T12:00:00"},
        {"surprise": 1},
        {"results": []},
        {"evidence_digest": "sha256:" + "0" * 64},
        {"evidence_digest": "md5:0"},
        {"try_number": -1},
    ],
    ids=str,
)
def test_changed_record_is_no_record(change: dict[str, Any]) -> None:
    """A record of another version, with an invalid field or with other evidence is None."""
    assert read_record({**a_record().model_dump(mode="json"), **change}) is None


def test_what_json_cannot_say_keeps_the_digest() -> None:
    """NaN, infinities, times and bytes in evidence become words, and the record still counts."""
    facts = {"rate": math.nan, "worst": [-math.inf], "until": NOON, "raw": b"\x00"}
    result = a_result(verdict=Verdict.FAILED, observed=facts)
    record = a_record(outcome=Outcome.WAIVED, results=(result,))
    assert read_record(record.model_dump_json()) == record
    assert record.results[0].observed["rate"] == "NaN"
    assert record.results[0].observed["worst"] == ["-Infinity"]


def test_digest_of_plain_results_is_that_of_the_evidence_module() -> None:
    """There is one digest of results, whoever computes it, and every change of them changes it."""
    assert evidence_digest([a_result()]) == digest([a_result()])
    assert evidence_digest([a_result()]) != evidence_digest([a_result(headline="201 in 12 ms")])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decided_by": ADA}, "machine's outcome"),
        ({"recorded_by": RecordedBy.SLACK}, "machine's outcome"),
        ({"results": ()}, "cannot be 'passed'"),
        ({"results": (a_result(verdict=Verdict.FAILED),)}, "the checks say 'failed'"),
        ({"results": (a_result(), a_result(verdict=Verdict.INCONCLUSIVE))}, "say 'inconclusive'"),
        ({"outcome": Outcome.APPROVED, "decided_by": None}, "'approved' needs 'decided_by'"),
        ({"outcome": Outcome.WAIVED, "decided_by": None}, "'waived' needs 'decided_by'"),
        ({"outcome": Outcome.NOT_APPLICABLE, "decided_by": None}, "needs 'decided_by'"),
        ({"outcome": Outcome.REJECTED, "decided_by": None}, "'rejected' needs 'decided_by'"),
        ({"evidence_digest": "sha256:" + "0" * 64}, "not the digest of 'results'"),
        ({"decided_at": datetime(2030, 1, 1)}, "timezone"),  # noqa: DTZ001 - naive on purpose
    ],
)
def test_record_that_would_lie_cannot_be_made(changes: dict[str, Any], words: str) -> None:
    """A pass needs passed checks and no person, an answer needs a person, a digest its results."""
    with pytest.raises(ValidationError, match=words):
        a_record(**changes)


def test_gates_stay_shut_on_no_and_nothing() -> None:
    """Rejected and not reached let nothing pass."""
    shut = {o for o in Outcome if not o.lets_pass}
    assert shut == {Outcome.REJECTED, Outcome.NOT_REACHED}


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.PASSED, EntryKind.MACHINE_PASS),
        (Outcome.APPROVED, EntryKind.DECISION),
        (Outcome.WAIVED, EntryKind.DECISION),
        (Outcome.NOT_MET, EntryKind.DECISION),
        (Outcome.NOT_REACHED, EntryKind.NOT_REACHED),
    ],
)
def test_entry_of_a_record_has_the_kind_of_its_outcome(outcome: Outcome, kind: EntryKind) -> None:
    """Machine passes, decisions and items not reached are told apart in the ledger."""
    entry = Entry.of_record(a_record(outcome=outcome))
    assert (entry.kind, entry.task_instance_id, entry.try_number) == (kind, "0197-1", 1)


def test_entry_that_is_kept_gives_its_record_back() -> None:
    """Reading an entry gives the record, and None where it holds something else."""
    record = a_record()
    kept = {"seq": 1, "appended_at": record.decided_at}
    assert LedgerEntry(**Entry.of_record(record).model_dump(), **kept).record == record
    assert LedgerEntry(**Entry.of_seal(a_seal(record), "0197-9").model_dump(), **kept).record is None


def test_decided_by_copies_the_person() -> None:
    """A record keeps the person as known at the moment of the answer."""
    ada = Person(id="ada", name="Ada Lindqvist", email="ada@example.org", phone="1", slack_id="U0ADA",
                 airflow_user="ada.technical")  # fmt: skip
    assert DecidedBy.of(ada) == ADA
