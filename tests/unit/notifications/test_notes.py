"""Notes of phases: from a seal and its records to the message, and which notes are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.moments import opening_of
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checklist.sequence import (
    ALL_PHASES,
    BEFORE,
    GO_NO_GO,
    ROLLBACK,
    SIDE_BY_SIDE,
    SIGN_OFF,
    T_0,
    T_MINUS_2H,
    WINDOWS,
    title,
)
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.schema import DecidedBy, Entry, LedgerEntry, Outcome, Record, Seal
from launch_pipeline.notifications import keys
from launch_pipeline.notifications.links import item_url, run_url, section_url
from launch_pipeline.notifications.model import LaunchFacts, LaunchNote, LaunchNoteKind, Next, PhaseNote
from launch_pipeline.notifications.next_steps import first_step, following
from launch_pipeline.notifications.phase_notes import (
    UNSEALED,
    deciders,
    phase_note_of,
    records_of,
    unsealed_note,
)
from launch_pipeline.notifications.text import in_plain_words
from launch_pipeline.slack.messages.notes import launch_note, phase_note
from servers.records import NOON, a_record, a_result, a_seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AIRFLOW = "https://airflow.example.org"
LAUNCH = LaunchFacts(launch_id="shop-1.2", airflow_url=AIRFLOW)
BO = DecidedBy(id="bo", name="Bo Sato")


def record(name: str, outcome: Outcome = Outcome.PASSED, **fields: Any) -> Record:
    """Make the record of an item of that name."""
    return a_record(
        item_ref=f"week_1.security.{name}", task_id=f"security.{name}", text=f"Item {name}",
        task_instance_id=f"ti-{name}", outcome=outcome, **fields,
    )  # fmt: skip


def failed(name: str, **fields: Any) -> Record:
    """Make the record of an item that was rejected after its check had failed."""
    seen = (
        a_result(),
        a_result(verdict=Verdict.FAILED, headline=f"{name} answers 503"),
        a_result(verdict=Verdict.INCONCLUSIVE, headline="never told"),
    )
    return record(name, Outcome.REJECTED, results=seen, decided_by=BO, **fields)


def note(seal: Seal, records: Sequence[Record], **fields: Any) -> PhaseNote:
    """Make the note of a seal."""
    return phase_note_of(LAUNCH, "Week 1", seal, records, **fields)


RECORDS = (
    record("green"),
    record("waived", Outcome.WAIVED, reason="next week"),
    record("advisory", Outcome.NOT_MET, reason="540 ms at night"),
    record("elsewhere", Outcome.NOT_APPLICABLE, reason="no such service"),
    record(
        "after", Outcome.NOT_REACHED, results=(), reason="state upstream_failed when the phase was sealed"
    ),
    failed("bad", reason="it is down"),
    record("around", Outcome.NOT_REACHED, results=(), reason="state success when it was sealed"),
)
PROBLEMS = (
    "week_1.security.bad was rejected by Bo Sato: it is down",
    "week_1.security.after was not reached (state upstream_failed).",
    "week_1.security.around was marked success without a record: a bypass.",
    "01_week.yaml was changed after the launch began; start a new launch with it.",
)
SEAL = a_seal(
    *RECORDS,
    complete=False,
    counts={Outcome.PASSED: 1, Outcome.WAIVED: 1, Outcome.REJECTED: 1, Outcome.NOT_REACHED: 2},
    bypasses=("week_1.security.around",),
    problems=PROBLEMS,
)


def test_failed_phase_names_what_fails_with_evidence_and_page() -> None:
    """Rejected first, then not reached; the headline is the first that is no pass, the link the item's."""
    failing = note(SEAL, RECORDS).failing
    assert [(one.text, one.outcome) for one in failing] == [
        ("Item bad", Outcome.REJECTED),
        ("Item after", Outcome.NOT_REACHED),
    ]
    assert (failing[0].by, failing[0].reason, failing[0].headline) == (
        "Bo Sato", "it is down", "bad answers 503 (1 of 3 checks passed)",
    )  # fmt: skip
    assert failing[0].url == f"{AIRFLOW}/dags/week_1/runs/shop-1.2/tasks/security.bad/required_actions"


def test_everything_let_pass_is_told_with_name_and_reason() -> None:
    """Waived, not met and not applicable, in the order of the checklist."""
    waivers = note(SEAL, RECORDS).waivers
    assert [(one.outcome, one.by, one.reason) for one in waivers] == [
        (Outcome.WAIVED, "Ada Lindqvist", "next week"),
        (Outcome.NOT_MET, "Ada Lindqvist", "540 ms at night"),
        (Outcome.NOT_APPLICABLE, "Ada Lindqvist", "no such service"),
    ]


def test_bypass_is_named_and_nothing_is_told_twice() -> None:
    """A bypassed item is no failing one; a sentence that a list says already is left out."""
    told = note(SEAL, RECORDS)
    assert told.bypasses == ("Item around",)
    assert told.problems == PROBLEMS[3:]
    assert "Item around" not in [one.text for one in told.failing]


def test_only_what_the_seal_names_counts() -> None:
    """Records of an earlier try, another phase or another launch say nothing about this one."""
    earlier = record("green", Outcome.REJECTED, reason="of the first try")
    other = a_record(dag_id="week_2", item_ref="week_2.a.b", outcome=Outcome.WAIVED, reason="not here")
    told = note(a_seal(record("green")), [earlier, record("green"), other])
    assert (told.complete, told.failing, told.waivers) == (True, (), ())


def test_records_are_those_of_the_ledger() -> None:
    """Whatever the ledger holds besides them is passed over."""
    kept = [
        LedgerEntry(**Entry.of_record(record("green")).model_dump(), seq=1, appended_at=NOON),
        LedgerEntry(**Entry.of_seal(SEAL, "gate").model_dump(), seq=2, appended_at=NOON),
    ]
    assert records_of(kept) == (record("green"),)


def test_bypass_without_its_record_is_named_by_its_ref() -> None:
    """A ledger that cannot be read whole leaves a name all the same."""
    assert note(SEAL, ()).bypasses == SEAL.bypasses
    assert note(SEAL, ()).counts == SEAL.counts


def test_who_decided_is_named_once() -> None:
    """In the order of the items."""
    records = [record(name, Outcome.APPROVED, decided_by=who) for name, who in
               (("a", BO), ("b", BO), ("c", record("w", Outcome.WAIVED).decided_by))]  # fmt: skip
    seal = a_seal(*records)
    assert deciders(seal, records, Outcome.APPROVED) == ("Bo Sato", "Ada Lindqvist")
    assert deciders(seal, records, Outcome.REJECTED) == ()


def test_phase_ended_by_hand_says_what_to_clear() -> None:
    """It has no seal, so it has no counts; the start of its run tells repetitions apart."""
    told = unsealed_note(LAUNCH, "Week 1", "week_1", NOON)
    assert (told.complete, told.problems, told.url) == (
        False, (UNSEALED,), f"{AIRFLOW}/dags/week_1/runs/shop-1.2",
    )  # fmt: skip
    again = unsealed_note(LAUNCH, "Week 1", "week_1", NOON + timedelta(hours=1))
    assert told.key == unsealed_note(LAUNCH, "Week 1", "week_1", NOON).key != again.key


def test_end_has_the_report_and_every_note_the_head() -> None:
    """A rollback that is complete ends a launch; what is no address is no link."""
    head = Head(position=7, digest="sha256:" + "a" * 64)
    back = a_seal(dag_id=ROLLBACK)
    told = phase_note_of(LAUNCH, "Rollback", back, [], head=head)
    assert told.report == f"{AIRFLOW}/launch/report/shop-1.2"
    assert note(a_seal(dag_id=ROLLBACK, complete=False), []).report == note(SEAL, RECORDS).report == ""
    shown = [text["text"] for text in texts_in(phase_note(told).posted())]
    assert f"📄 <{AIRFLOW}/launch/report/shop-1.2|Report of the launch>" in shown
    assert f"Record up to row 7: `{head.digest}`" in shown
    odd = LaunchNote(kind=LaunchNoteKind.COMPLETE, key="k", launch_id="l", rehearsal=False,
                     report="javascript:alert(1)")  # fmt: skip
    assert "Report of" not in str(launch_note(odd).posted())
    assert in_plain_words(told).lines == (f"report: {told.report}", f"record up to row 7: {head.digest}")


JINJA = "{{ 7*7 }} {{ conn_secret }} <!channel> <@U0ADA> <http://evil.example|ok>"


@pytest.mark.parametrize("what", ["phase", "launch"])
def test_others_words_do_nothing(what: str) -> None:
    """Templates stay as they are, mentions and links are dead, in evidence, reasons and texts alike."""
    bad = failed("bad", reason=JINJA).model_copy(update={"text": JINJA})
    seal = a_seal(bad, complete=False, problems=(JINJA,), bypasses=(JINJA,), counts={Outcome.REJECTED: 1})
    told = phase_note_of(LAUNCH, JINJA, seal, [bad], Next(what=JINJA))
    message = phase_note(told) if what == "phase" else launch_note(
        LaunchNote(kind=LaunchNoteKind.NO_GO, key="k", launch_id="l", rehearsal=False, what=JINJA,
                   by=(JINJA,), reason=JINJA, failing=told.failing, next=told.next)
    )  # fmt: skip
    shown = str(message.posted())
    assert "{{ 7" in shown
    assert "conn_secret }}" in shown
    assert "49" not in shown
    assert "<!channel>" not in shown
    assert "<@U0ADA>" not in shown
    # In plain text an address stays an address in angle brackets; only markup makes a link of it.
    marked = [text["text"] for text in texts_in(message.posted()) if text["type"] == "mrkdwn"]
    assert marked
    assert not [text for text in (message.text, *marked) if "<http://evil" in text]


def texts_in(part: Any) -> Iterator[dict[str, Any]]:
    """Every text object of a message."""
    if isinstance(part, dict):
        if part.get("type") in {"mrkdwn", "plain_text"}:
            yield part
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from texts_in(one)


def test_phase_of_any_size_fits() -> None:
    """Two hundred items that fail, were let pass and bypassed, all with the longest words, are accepted."""
    records = [failed(f"f{n}", reason="&" * 2000) for n in range(200)]
    records += [record(f"w{n}", Outcome.WAIVED, reason="<" * 2000) for n in range(200)]
    records = [one.model_copy(update={"text": "*" * 500}) for one in records]
    problems = tuple(f"problem {n} {'>' * 500}" for n in range(200))
    refs = tuple(f"week_1.security.{'b' * 200}{n}" for n in range(200))
    seal = a_seal(*records, complete=False, problems=problems, bypasses=refs,
                  counts=dict.fromkeys(Outcome, 200))  # fmt: skip
    message = phase_note(note(seal, records, following=Next(what="x" * 900, at=NOON)))
    assert "more" in str(message.posted())


# ---- keys -------------------------------------------------------------------------------------------


def test_one_seal_has_one_key() -> None:
    """However often and in whatever zone it is read; the next try or run has another."""
    read = Seal.model_validate_json(SEAL.model_dump_json())
    assert keys.phase_key(read) == keys.phase_key(SEAL) == note(SEAL, RECORDS).key
    others = (
        SEAL.model_copy(update={"try_number": 2}),
        SEAL.model_copy(update={"sealed_at": NOON + timedelta(minutes=1)}),
        SEAL.model_copy(update={"dag_id": "week_2"}),
        SEAL.model_copy(update={"launch_id": "shop-1.3"}),
    )
    assert len({keys.phase_key(one) for one in (SEAL, *others)}) == 5


def test_keys_of_a_launch_fit_and_differ() -> None:
    """The longest launch id leaves room; what may happen again has a key of its own each time."""
    longest = "r" * 250
    kinds = {keys.launch_key(longest, kind) for kind in LaunchNoteKind}
    assert len(kinds) == len(LaunchNoteKind)
    seals = [a_seal(launch_id=longest, dag_id=dag).model_copy(update={"try_number": 99}) for dag in WINDOWS]
    offered = keys.launch_key(longest, LaunchNoteKind.ROLLBACK_OFFERED, *map(keys.seal_mark, seals))
    assert max(len(keys.phase_key(seal)) for seal in seals) <= 500
    assert len(offered) <= 500
    due = [keys.due_mark(NOON + timedelta(hours=n)) for n in range(3)]
    assert len(set(due)) == 3


def test_loud_is_what_must_not_be_overlooked() -> None:
    """A failed phase, the decision, a hold, a regression, a missed window, a rollback show in the channel."""

    def told(kind: LaunchNoteKind) -> LaunchNote:
        return LaunchNote(kind=kind, key="k", launch_id="l", rehearsal=False)

    assert {kind for kind in LaunchNoteKind if keys.is_loud(told(kind))} == {
        LaunchNoteKind.GO, LaunchNoteKind.NO_GO, LaunchNoteKind.WINDOW_MISSED,
        LaunchNoteKind.ROLLBACK_OFFERED, LaunchNoteKind.HELD, LaunchNoteKind.RESUMED,
        LaunchNoteKind.NO_LONGER_TRUE, LaunchNoteKind.GO_TAKEN_BACK,
    }  # fmt: skip
    assert keys.is_loud(note(SEAL, RECORDS))
    assert not keys.is_loud(note(a_seal(record("green")), [record("green")]))
    assert {kind for kind in LaunchNoteKind if keys.is_alone(told(kind))} == {LaunchNoteKind.REFUSED}


# ---- addresses --------------------------------------------------------------------------------------


def test_addresses_are_those_of_airflows_pages() -> None:
    """An id may hold what an address may not; below a path, and with a slash at its end."""
    run_id = "manual__2030-05-06T09:00:00+00:00"
    quoted = "manual__2030-05-06T09%3A00%3A00%2B00%3A00"
    base = "https://example.org/airflow/"
    run = f"https://example.org/airflow/dags/week_1/runs/{quoted}"
    assert run_url(base, "week_1", run_id) == run
    assert section_url(base, "week_1", run_id, "security") == f"{run}/tasks/group/security"
    assert item_url(base, "week_1", run_id, "security.tls") == f"{run}/tasks/security.tls/required_actions"


def test_no_address_no_link() -> None:
    """Where nobody knows Airflow's address, notes have no links rather than broken ones."""
    assert run_url("", "d", "r") == section_url("", "d", "r", "s") == item_url("", "d", "r", "t") == ""
    bare = phase_note_of(LaunchFacts(launch_id="shop-1.2"), "Week 1", SEAL, RECORDS)
    assert "Open in Airflow" not in str(phase_note(bare).posted())


# ---- what comes next --------------------------------------------------------------------------------

AT = datetime(2030, 5, 6, 9, tzinfo=UTC)
PLANS = plan_dags(load_phases(parameter_models()))


def opens(dag_id: str) -> datetime | None:
    """When a window of the shipped checklist opens, for a launch at nine."""
    return opening_of(PLANS[dag_id], AT)


COMING: dict[str, tuple[str, datetime | None]] = {
    BEFORE[0]: (title(BEFORE[1]), None),
    BEFORE[2]: (title(SIDE_BY_SIDE[0]), None),
    SIDE_BY_SIDE[2]: (title(T_MINUS_2H), AT - timedelta(hours=2)),
    T_MINUS_2H: (title(GO_NO_GO), None),
    GO_NO_GO: (title(T_0), AT),
    T_0: (title(WINDOWS[2]), AT + timedelta(hours=1)),
    WINDOWS[3]: (title("week_4_post_launch"), AT + timedelta(days=1)),
    SIGN_OFF: ("the launch is complete", None),
    ROLLBACK: ("the launch is rolled back", None),
}


@pytest.mark.parametrize(("dag_id", "coming"), COMING.items())
def test_next_is_what_the_conductor_runs_then_and_when(
    dag_id: str, coming: tuple[str, datetime | None]
) -> None:
    """After a complete phase: the next one, with its moment where it waits for one."""
    told = following(dag_id, complete=True, opens_at=opens)
    assert told is not None
    assert coming[0] in told.what
    assert told.at == coming[1]


def test_every_phase_has_something_next() -> None:
    """Complete or not; a Dag that no conductor runs has nothing."""
    for dag_id in ALL_PHASES:
        for complete in (True, False):
            assert following(dag_id, complete=complete, opens_at=opens), dag_id
    assert following("own_dag", complete=True, opens_at=opens) is None
    assert first_step().what == title(BEFORE[0])


@pytest.mark.parametrize(
    ("dag_id", "over", "words"),
    [
        (BEFORE[0], False, "Repair it"),
        (GO_NO_GO, True, "The launch is over"),
        (GO_NO_GO, False, "Repair it"),
        (T_0, False, "rollback is offered"),
        (ROLLBACK, False, "finish the rollback"),
    ],
)
def test_next_after_a_failure_says_what_to_do(dag_id: str, over: bool, words: str) -> None:
    """Only a no go ends the launch; a bypass in go/no-go is repaired."""
    told = following(dag_id, complete=False, opens_at=opens, over=over)
    assert told is not None
    assert words in told.what


def test_windows_open_at_the_pace_of_their_environment_and_after_a_late_t_0() -> None:
    """The one rule that the waiting task and the notes share."""
    plus_1h = PLANS[WINDOWS[2]]
    late = AT + timedelta(minutes=30)
    assert opening_of(plus_1h, AT, late) == late + timedelta(hours=1)
    assert opening_of(plus_1h, AT, AT - timedelta(hours=1)) == AT + timedelta(hours=1)
    assert opening_of(plus_1h, AT, pace=0.5) == AT + timedelta(minutes=30)
    assert opening_of(PLANS[T_MINUS_2H], AT, late) == AT - timedelta(hours=2)
    assert opening_of(PLANS[SIGN_OFF], AT) is None


# ---- in plain words ---------------------------------------------------------------------------------


def test_phase_in_plain_words() -> None:
    """For the log and the ledger: most important first, nothing marked up, nothing cut."""
    told = in_plain_words(note(SEAL, RECORDS, following=Next(what="Repair it.")))
    assert told.headline == "Week 1: FAILED (1 passed, 1 waived, 1 rejected, 2 not reached)"
    assert told.lines[0] == "rejected: Item bad (Bo Sato, it is down, bad answers 503 (1 of 3 checks passed))"
    assert told.lines[2:4] == ("bypassed: Item around", PROBLEMS[3])
    assert told.lines[-1] == "next: Repair it."


def test_launch_in_plain_words_is_marked_in_a_rehearsal() -> None:
    """One place puts the mark."""
    told = in_plain_words(
        LaunchNote(kind=LaunchNoteKind.POSTPONED, key="k", launch_id="l", rehearsal=True, what="1.2.0",
                   by=("Ada",), reason="later", at=AT, was=AT - timedelta(days=1))
    )  # fmt: skip
    assert told.headline == "REHEARSAL · launch postponed: 1.2.0"
    assert told.lines == (
        "by Ada: later",
        f"at {AT.isoformat()} (was {(AT - timedelta(days=1)).isoformat()})",
    )
