"""What a report says of a launch: from its rows, whatever has happened to it and to its checklist since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.vocabulary import RequestKind, Role
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.chain import Break
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.proof.verify import Verified
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from launch_pipeline.report.model import Status
from launch_pipeline.report.words import end_of, set_aside, status_text, status_word, unsettled
from servers.records import NOON, a_result, a_seal
from servers.reported import (
    LAUNCH,
    a_launch,
    a_whole_launch,
    bypassed,
    document_places,
    ended,
    gate_places,
    happened,
    phases,
    places,
    plan,
    record_of,
    report_of,
)

if TYPE_CHECKING:
    from launch_pipeline.report.model import ItemLine, Report

FIRST, SECOND = document_places()[:2]


def item(report: Report, ref: str) -> ItemLine:
    (found,) = [line for line in report.everything if line.ref == ref]
    return found


def entry(*arguments: object, **fields: object) -> Entry:
    return Entry.of_record(record_of(*arguments, **fields))  # type: ignore[arg-type]


def test_whole_launch_is_ticked_and_counted() -> None:
    """272 ticks, the decisions and the signatures, every phase sealed, the chain whole, nothing left over."""
    report = report_of([*a_whole_launch(), ended("complete")])
    assert report.chain.broken == ""
    assert report.status is Status.COMPLETE
    assert report.counts == {"passed": 217, "approved": 55}
    assert len(report.document_items) == 272
    assert all(line.ticked and line.in_document for line in report.document_items)
    assert report.go_no_go is not None
    assert [status_text(line, report.status) for line in report.go_no_go.items] == ["go"] * 4
    assert report.sign_off is not None
    assert [status_text(line, report.status) for line in report.sign_off.items] == ["signed"] * 4
    assert sum(len(phase.seals) for phase in report.phases) == 12
    assert [seal.dag_id for seal in report.seals][:10:9] == [FIRST.dag_id, "launch_day_t_0"]
    assert len(report.seals) == 14
    assert (report.rollback, report.strays, report.loose) == (None, (), ())
    assert report.chain.rows == 1 + 272 + 6 + 8 + 14 + 1


def test_report_is_made_before_anything_was_recorded() -> None:
    """At any moment: under way, and nothing has been reached yet."""
    report = report_of([])
    assert status_word(report.status) == "IN PROGRESS"
    assert report.counts == {"not reached yet": 272}
    assert not any(line.ticked for line in report.everything)


def test_latest_attempt_counts_and_those_before_are_listed() -> None:
    """A clear makes another attempt; the old one stays where everybody can see it."""
    bad = a_result(verdict=Verdict.FAILED, headline="540 ms")
    rows = [
        entry(FIRST, Outcome.REJECTED, reason="too slow", results=(a_result(), bad)),
        entry(FIRST, Outcome.APPROVED, instance="again", try_number=2),
    ]
    line = item(report_of(rows), FIRST.ref)
    assert line.ticked
    (earlier,) = line.earlier
    assert (earlier.outcome, earlier.reason, earlier.row) == (Outcome.REJECTED, "too slow", 2)
    assert earlier.headline == "540 ms (1 of 2 checks passed)"
    assert line.latest is not None
    assert (line.latest.row, line.latest.decided_by) == (3, "Ada Lindqvist")


def test_green_before_and_red_now_is_red() -> None:
    """Being approved once is no tick for ever."""
    rows = [entry(FIRST, Outcome.APPROVED), entry(FIRST, Outcome.REJECTED, instance="again", reason="gone")]
    report = report_of(rows)
    assert not item(report, FIRST.ref).ticked
    assert [line.ref for line in unsettled(report)] == [FIRST.ref]


def test_same_decision_kept_by_another_try_is_one() -> None:
    """A worker that was lost between ledger and end makes two rows of one answer; the later one counts."""
    rows = [entry(FIRST, Outcome.APPROVED), entry(FIRST, Outcome.APPROVED, instance="again")]
    line = item(report_of(rows), FIRST.ref)
    assert line.latest is not None
    assert (line.latest.row, line.earlier) == (3, ())


@pytest.mark.parametrize("outcome", [Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.NOT_MET])
def test_what_was_let_pass_is_no_tick(outcome: Outcome) -> None:
    """It has a name and a reason, is listed by itself, and its box stays empty."""
    report = report_of([entry(FIRST, outcome, reason="next week")])
    (line,) = set_aside(report)
    assert (line.ref, line.ticked) == (FIRST.ref, False)
    assert line.latest is not None
    assert line.latest.reason == "next week"


def test_bypass_is_no_tick_until_it_is_repaired() -> None:
    """A task that somebody marked green is named; a record of its own afterwards ends that."""
    report = report_of(bypassed(FIRST))
    line = item(report, FIRST.ref)
    assert (line.ticked, status_text(line, report.status)) == (False, "bypassed")
    assert line.bypass is not None
    assert line.bypass.state == "success"
    mended = item(report_of([*bypassed(FIRST), entry(FIRST, instance="mended")]), FIRST.ref)
    assert (mended.ticked, mended.bypass) == (True, None)


def test_bypass_over_an_old_yes_is_no_tick() -> None:
    """Approved, cleared, then marked green by hand: the old yes does not cover the new task."""
    line = item(report_of([entry(FIRST, Outcome.APPROVED, instance="old"), *bypassed(FIRST)]), FIRST.ref)
    assert not line.ticked


def test_bypass_without_a_record_of_its_gate_is_no_tick_either() -> None:
    """Whatever is kept of it before: what goes around a yes takes it back."""
    around = bypassed(FIRST)[1]
    assert not item(report_of([entry(FIRST, Outcome.APPROVED, instance="old"), around]), FIRST.ref).ticked


def test_bypass_that_was_cleared_is_none_any_more() -> None:
    """The next gate finds the task not reached, and no mark on it."""
    cleared = entry(FIRST, Outcome.NOT_REACHED, instance="cleared")
    report = report_of([*bypassed(FIRST), cleared])
    assert status_text(item(report, FIRST.ref), report.status) == "not reached"


def test_end_names_who_and_why() -> None:
    """Aborted: what was not reached never will be, and the reason stands with its author."""
    at, why = NOON.isoformat().replace("+00:00", "Z"), "we launch in spring"
    rows = [happened(EntryKind.LAUNCH_ABORTED, via="airflow", by="carla.cto", reason=why, ended_at=at)]
    report = report_of(rows, a_launch(state=LaunchState.ABORTED, ended_at=NOON))
    assert status_word(report.status) == "ABORTED"
    assert report.counts == {"never reached": 272}
    (_, event) = report.events
    assert (event.what, event.by, event.reason) == ("Aborted", "Carla Mendes", "we launch in spring")
    assert end_of(report) == "by Carla Mendes: “we launch in spring”"
    assert end_of(report_of([])) == ""


def test_status_is_what_the_rows_prove() -> None:
    """Whatever the table of launches says: an end without its seals is none, and breaks the record."""
    said = a_launch(state=LaunchState.COMPLETE, ended_at=NOON)
    assert status_word(report_of([], said).status) == "IN PROGRESS"
    for state in ("complete", "no_go", "rolled_back"):
        report = report_of([ended(state)], said)
        assert (status_word(report.status), report.status.over) == ("RECORD BROKEN", False)
        assert report.chain.broken.startswith("row 2 (seq 11, launch_ended): ")


def test_no_of_one_is_no_go() -> None:
    """Every end has its own word."""
    rows = [entry for entry in a_whole_launch() if entry.dag_id in plan().before("go_no_go")]
    votes = gate_places(RequestKind.DECISION)
    no = [record_of(votes[0], Outcome.REJECTED), *(record_of(v, Outcome.NOT_REACHED) for v in votes[1:])]
    seal = a_seal(
        *no, launch_id=LAUNCH, dag_id="go_no_go", phase_id=votes[0].phase.id, complete=False, problems=("no",)
    )
    rows += [*map(Entry.of_record, no), Entry.of_seal(seal, "gate"), ended("no_go")]
    report = report_of(rows)
    assert (report.chain.broken, status_word(report.status)) == ("", "NO GO")


def test_postponements_are_told_with_both_times() -> None:
    """Who moved it, from when to when, and why."""
    move = happened(
        EntryKind.LAUNCH_POSTPONED, 1, by="omar.operations", via="airflow", reason="CDN",
        **{"from": "2030-05-27T12:00:00.123456Z", "to": "2030-05-28T12:00:00.123456Z"},
    )  # fmt: skip
    report = report_of([move])
    (_, event) = report.events
    assert (report.chain.broken, event.what) == (
        "",
        "Postponed from 2030-05-27 12:00 UTC to 2030-05-28 12:00 UTC",
    )
    assert (event.by, event.reason) == ("Omar Haddad", "CDN")


def test_refused_answers_are_told_with_who_wanted_what() -> None:
    """An auditor asks for them first: who, which answer to which item, the rule, and what they wrote."""
    refusal = happened(
        EntryKind.REFUSAL, 1, by="omar.operations", option="Approve", item_ref=FIRST.ref,
        code="not_your_role",
        sentence="It belongs to the Security Lead.", reason="let us <b>hurry</b>",
    )  # fmt: skip
    (event,) = [e for e in report_of([refusal]).events if e.what.startswith("Refused")]
    assert event.what == f"Refused: Approve of {FIRST.ref} (not_your_role). It belongs to the Security Lead."
    assert (event.by, event.reason) == ("Omar Haddad", "let us <b>hurry</b>")


def test_rollback_is_there_once_it_has_begun() -> None:
    """With its decision and its checks; a launch that was never rolled back says nothing of it."""
    rollback = [place for place in places() if place.phase.kind == "rollback"]
    report = report_of([entry(rollback[0], Outcome.APPROVED)])
    assert report.rollback is not None
    texts = [status_text(line, report.status) for line in report.rollback.items]
    assert texts[:2] == ["go", "not reached yet"]


def test_what_was_told_and_who_was_called_is_there() -> None:
    """Also what could not be told: it has no place."""
    rows = [
        happened(EntryKind.ANNOUNCEMENT, 1, headline="Week 1: complete", channel="C01"),
        happened(EntryKind.ANNOUNCEMENT, 2, headline="Week 2: FAILED", channel=""),
        happened(EntryKind.NUDGE, 3, level="reminder", called=["Bo", "Cy"], items=["a", "b"]),
    ]
    report = report_of(rows)
    assert [(told.headline, told.place) for told in report.told] == [
        ("Week 1: complete", "Slack C01"),
        ("Week 2: FAILED", ""),
        ("reminder: Bo, Cy for 2 items", "Slack"),
    ]
    assert report.nudges == 1


def test_item_that_the_checklist_lost_is_shown_all_the_same() -> None:
    """A record is not forgotten because somebody removed or renamed its item; its box has no item then."""
    first, *rest = phases()
    section, *others = first.sections
    fewer = section.model_copy(update={"items": section.items[1:]})
    changed = first.model_copy(update={"sections": (fewer, *others)})
    report = report_of([entry(FIRST, Outcome.WAIVED, reason="x")], phases=(changed, *rest))
    (stray,) = report.strays
    assert (stray.ref, stray.text, stray.owner) == (FIRST.ref, FIRST.item.text, None)
    assert report.loose == (FIRST.item.text,)
    assert FIRST.ref in [line.ref for line in set_aside(report)]


def test_item_with_other_words_today_shows_both() -> None:
    """What was approved are the words of then."""
    line = item(report_of([entry(FIRST, text="Some requirements documented")]), FIRST.ref)
    assert (line.text, line.said) == (FIRST.item.text, "Some requirements documented")


def test_checklist_that_was_amended_is_named() -> None:
    """By Dag, with the digest of the start and that of the end."""
    amended = {**a_launch().checklist_digests, FIRST.dag_id: "sha256:" + "d" * 64}
    report = report_of([], in_force=a_launch(checklist_digests=amended))
    first = next(line for line in report.checklists if line.dag_id == FIRST.dag_id)
    assert (first.changed, first.title) == (True, "01 Pre-Launch Requirements (Week 1)")
    assert (first.began_with, first.now) == ("sha256:" + "c" * 64, "sha256:" + "d" * 64)
    assert report_of([]).checklists[0].changed is False


def test_broken_chain_is_said_and_does_not_hide_the_rest() -> None:
    """A record that was tampered with is the last thing to keep silent about."""
    broken = Break(launch_id=LAUNCH, position=1, seq=10, kind="decision", problem="its content was changed")
    verified = Verified(launch_id=LAUNCH, rows=1, head=None, broken=broken)
    report = report_of([entry(FIRST)], verified=verified)
    assert report.chain.broken == "row 1 (seq 10, decision): its content was changed"
    assert status_word(report.status) == "RECORD BROKEN"
    assert item(report, FIRST.ref).ticked


def test_row_of_another_version_is_left_out() -> None:
    """A report of what can be read is better than none; the chain counts it all the same."""
    odd = Entry(
        kind=EntryKind.DECISION, launch_id=LAUNCH, dag_id=FIRST.dag_id, item_ref=FIRST.ref,
        task_instance_id="odd", content={"schema_version": 9},
    )  # fmt: skip
    report = report_of([odd, entry(SECOND)])
    assert item(report, FIRST.ref).latest is None
    assert item(report, SECOND.ref).ticked
    assert report.chain.rows == 3


def test_latest_seal_of_a_dag_is_shown() -> None:
    """A phase that was repaired is sealed anew."""
    rows = [
        Entry.of_seal(a_seal(launch_id=LAUNCH, dag_id=FIRST.dag_id, complete=False, problems=("no",)), "one"),
        Entry.of_seal(a_seal(launch_id=LAUNCH, dag_id=FIRST.dag_id, try_number=2), "two"),
    ]
    (seal,) = report_of(rows).phases[0].seals
    assert (seal.complete, seal.row) == (True, 3)


def test_contacts_have_no_numbers_unless_asked_for() -> None:
    """Names and roles are for everybody who reads the report; how to reach people is not."""
    report = report_of([])
    people = [p for line in (*report.contacts, *report.rollback_contacts) for p in line.people]
    assert people
    assert not any(person.phone or person.email for person in people)
    assert [line.title for line in report.contacts] == [role.label for role in Role]
    asked = report_of([], with_addresses=True)
    ada = next(p for line in asked.contacts for p in line.people if p.name == "Ada Lindqvist")
    assert (ada.phone, ada.email) == ("+1 202 555 0101", "ada.lindqvist@example.org")


def test_rows_without_a_start_have_a_report_as_well() -> None:
    """What is known of the launch is what its records say, and that it proves nothing comes first."""
    report = report_of([entry(FIRST, rehearsal=True, environment="staging")], conducted=False)
    assert (report.launch.environment, report.launch.rehearsal) == ("staging", True)
    assert report.launch.launch_at is None
    assert report.chain.broken.endswith("it was appended before the launch was started")


def test_signature_is_what_was_typed() -> None:
    """Name, date and signature are those of the record, not of the contacts of today."""
    sign = gate_places(RequestKind.SIGNATURE)[0]
    line = item(report_of([entry(sign, Outcome.APPROVED, signature="Ada Lindqvist")]), sign.ref)
    assert line.latest is not None
    assert (line.latest.signature, line.latest.decided_by) == ("Ada Lindqvist", "Ada Lindqvist")
    assert line.latest.decided_at == NOON
