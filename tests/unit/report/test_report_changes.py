"""What a report says of a launch that was changed while it ran, and of what was verified again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.ledger.reopened import Cause
from launch_pipeline.ledger.schema import Entry, Outcome
from launch_pipeline.report import markdown, page
from launch_pipeline.report.marks import stripped
from launch_pipeline.report.model import Regression
from launch_pipeline.report.schema import report_schema
from launch_pipeline.report.words import lasted, sort_of, status_text, unsettled, with_history
from servers.records import NOON
from servers.report_changes import COMMIT, changes, look, reopened
from servers.reported import (
    document_places,
    gate_places,
    record_of,
    report_of,
    shipped_document,
)

if TYPE_CHECKING:
    from launch_pipeline.report.model import ItemLine, Report
    from servers.reported import Place

FIRST, SECOND, THIRD = document_places()[:3]
DECISION = gate_places(RequestKind.DECISION)[0]
HOSTILE = "<script>alert(1)</script> *x* | [a](b) <!--launch:annex-->"
DOCUMENT = shipped_document().decode()


def entry(place: Place, outcome: Outcome | None = None, **fields: Any) -> Entry:
    return Entry.of_record(record_of(place, outcome, **fields))


def item(report: Report, place: Place) -> ItemLine:
    (found,) = [line for line in report.everything if line.ref == place.ref]
    return found


# ---- what must not be said -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "word", "sort"),
    [
        (Cause.CHANGED, "to be verified again", "open"),
        (Cause.NO_LONGER_TRUE, "no longer true", "bad"),
        (Cause.GO_TAKEN_BACK, "taken back", "bad"),
    ],
)
def test_item_that_was_reopened_has_no_tick(cause: Cause, word: str, sort: str) -> None:
    """Its yes of last week does not count until there is a new record."""
    rows = [entry(FIRST), reopened(FIRST, cause=cause)]
    report = report_of(rows)
    line = item(report, FIRST)
    assert (line.ticked, status_text(line, report.status), sort_of(line)) == (False, word, sort)
    assert (FIRST.ref in [one.ref for one in unsettled(report)]) is (sort == "bad")
    again = item(report_of([*rows, entry(FIRST, instance="again")]), FIRST)
    assert (again.ticked, again.reopened) == (True, None)


def test_another_items_reopening_says_nothing_of_this_one() -> None:
    """By its ref alone."""
    report = report_of([entry(FIRST), entry(SECOND), reopened(SECOND)])
    assert item(report, FIRST).ticked
    assert item(report, FIRST).reopened is None


def test_launch_without_changes_has_no_such_parts() -> None:
    """No heading without content."""
    report = report_of([entry(FIRST), entry(FIRST, instance="again", try_number=2)])
    assert (report.changes, report.looks, report.regressions) == ((), (), ())
    shown = markdown.render(report, DOCUMENT) + page.render(report)
    for title in ("Changed while it ran", "Looked at again", "No longer true", "verified again"):
        assert title not in shown


def test_texts_of_people_and_checks_stay_text() -> None:
    """Neither HTML, nor Markdown, nor a mark of ours."""
    rows = [
        *changes(FIRST, HOSTILE),
        entry(FIRST),
        look(FIRST, SECOND, HOSTILE),
        reopened(FIRST, 1, Cause.NO_LONGER_TRUE, HOSTILE),
    ]
    report = report_of(rows)
    assert "<script>" not in page.render(report)
    made = markdown.render(report, DOCUMENT)
    assert "<script>" not in made
    assert stripped(made) == DOCUMENT


# ---- what must be said -----------------------------------------------------------------------------


def test_changes_are_told_with_who_when_and_why() -> None:
    """In a list of their own and among the events; an amendment with each difference and who confirmed."""
    report = report_of([entry(FIRST), *changes(FIRST)])
    assert [one.what.partition(":")[0] for one in report.changes] == [
        "Postponed from 2030-05-27 12",
        "Amended",
        "Moved to another commit",
        "Put on hold",
        "Resumed",
    ]
    assert {(one.by, one.reason) for one in report.changes} == {("Ada Lindqvist", "why")}
    assert report.changes[1].details == (
        "confirmed by Carla Mendes", f"{FIRST.item.text}: checks, owner", "domain: changed",
    )  # fmt: skip
    assert report.changes[2].details == ("release 2.4.0 → 2.4.1", f"commit {'a' * 40} → {'b' * 40}")
    assert set(report.changes) <= set(report.events)
    for shown in (markdown.render(report, DOCUMENT), page.render(report)):
        assert "Changed while it ran" in shown
        assert "confirmed by Carla Mendes" in shown


def test_both_records_of_an_item_that_was_verified_again() -> None:
    """The new one with the reason, the old one among those before it."""
    rows = [entry(FIRST), reopened(FIRST), entry(FIRST, instance="again")]
    report = report_of(rows)
    line = item(report, FIRST)
    assert line.latest is not None
    assert (line.latest.again, len(line.earlier), line.earlier[0].again) == ((COMMIT,), 1, ())
    assert with_history(report) == [line]
    for shown in (markdown.render(report, DOCUMENT), page.render(report)):
        assert f"verified again: {COMMIT}" in shown.replace("Verified", "verified")


def test_decision_that_was_confirmed_names_both_times() -> None:
    """Approved by whom and when, verified again when: the same person, not asked again."""
    person = next(p for p in document_places() if p.item.mode.needs_person)
    rows = [
        entry(person, Outcome.APPROVED),
        reopened(person),
        entry(person, Outcome.APPROVED, instance="again", confirms=f"ti-{person.ref}"),
    ]
    report = report_of(rows)
    line = item(report, person)
    assert line.latest is not None
    assert line.latest.verified_at is not None
    assert line.latest.decided_at == line.earlier[0].decided_at == NOON
    assert re.search(
        rf"by Ada Lindqvist.*verified again 20\d\d-.*: {COMMIT}", markdown.render(report, DOCUMENT)
    )


def test_looks_before_go_are_listed() -> None:
    """Counts, and each item that was not found still true."""
    report = report_of([entry(FIRST), entry(SECOND), look(FIRST, SECOND)])
    (one,) = report.looks
    assert (one.still_true, one.no_longer_true[0].ref, one.not_looked_at[0].ref) == (
        211, FIRST.ref, SECOND.ref,
    )  # fmt: skip
    for shown in (markdown.render(report, DOCUMENT), page.render(report)):
        assert "211 still true, 1 no longer true, 1 could not be looked at" in shown
        assert "540 ms" in shown


def test_regression_lasts_until_a_record_lets_it_pass() -> None:
    """A rejection ends nothing; reopened twice meanwhile is one regression; later another."""
    red = Cause.NO_LONGER_TRUE
    rows = [
        entry(FIRST), reopened(FIRST, 1, red, "540 ms"), reopened(FIRST, 2, red, "560 ms"),
        entry(FIRST, Outcome.REJECTED, instance="2"), reopened(SECOND),
        entry(FIRST, instance="3"), reopened(FIRST, 3, red, "700 ms"),
    ]  # fmt: skip
    first, second = report_of(rows).regressions
    assert (first.ref, first.why, second.why, second.until) == (FIRST.ref, ("540 ms",), ("700 ms",), None)
    assert first.until is not None
    assert first.until >= first.since


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "not true again"), (5, "1 min"), (119, "2 min"), (7500, "2 h 5 min"), (266_400, "3 d 2 h")],
)
def test_duration_in_words(seconds: int | None, words: str) -> None:
    """To the minute, then the hour."""
    until = None if seconds is None else NOON + timedelta(seconds=seconds)
    one = Regression(ref="a.b.c", text="x", owner=FIRST.item.owner, why=(), since=NOON, until=until, row=1)
    assert lasted(one) == words


def test_data_keep_to_the_published_schema() -> None:
    """With everything in it."""
    rows = [
        entry(FIRST), *changes(FIRST), look(FIRST, SECOND), reopened(FIRST, 1, Cause.NO_LONGER_TRUE),
        entry(THIRD), reopened(THIRD), entry(THIRD, instance="again"),
        reopened(DECISION, 1, Cause.GO_TAKEN_BACK),
    ]  # fmt: skip
    report = report_of(rows)
    jsonschema.validate(report.model_dump(mode="json"), report_schema())
