"""A report in Markdown is the document: stripped of what was put in, it is the same byte for byte."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from launch_pipeline.report import document
from launch_pipeline.report.markdown import render
from launch_pipeline.report.marks import stripped
from launch_pipeline.report.model import Note
from servers.records import NOON, a_result
from servers.reported import (
    a_launch,
    a_whole_launch,
    bypassed,
    document_places,
    gate_places,
    happened,
    places,
    record_of,
    report_of,
    shipped_document,
)

DOCUMENT = shipped_document().decode()
FIRST = document_places()[0]
NASTY = (
    "<!--launch:annex--> <!--launch:end-->",
    "--> <!--launch:more--> <!--launch:box x-->",
    "- [ ] a box\r\n## a chapter\u2028### a section",
    "</script><script>alert(1)</script> ![x](http://evil) [a](b) `c` *d* _e_ |f| ~~g~~ $h$ &lt;",
    "\u202etxet\u202c \x00\x07\ufeff",
)


def entry(place: Any, outcome: Outcome = Outcome.PASSED, **fields: Any) -> Entry:
    return Entry.of_record(record_of(place, outcome, **fields))


def test_committed_example_strips_to_the_document() -> None:
    """The report of a rehearsal that readers are shown is one of this very document."""
    shown = Path(__file__).resolve().parents[3] / "docs" / "example-report.md"
    assert stripped(shown.read_bytes().decode()).encode() == shipped_document()


def line_of(report: str, text: str) -> str:
    return next(line for line in report.splitlines() if text in line)


def test_whole_launch_strips_to_the_document() -> None:
    """Everything ticked, signed, noted and told: without it the document is what it was, byte for byte."""
    notes = (Note(of="00 Launch", text="We were late.\n\n- the CDN"), Note(of="01", text=NASTY[0]))
    launch = a_launch(state=LaunchState.COMPLETE, ended_at=NOON, release="2.4.0 <!-- x -->")
    report = render(report_of(a_whole_launch(), launch, notes=notes, with_addresses=True), DOCUMENT)
    assert report.count("- [x] ") == 272 + 4
    assert stripped(report).encode() == shipped_document()


def test_report_of_nothing_strips_to_the_document() -> None:
    """Before anything is recorded, and without people or notes."""
    report = render(report_of([], contacts=None, contacts_unread="none"), DOCUMENT)
    assert "- [x]" not in report
    assert stripped(report).encode() == shipped_document()


OUTCOMES = list(Outcome)
TEXTS = st.text(max_size=60) | st.sampled_from(NASTY)


@given(
    outcomes=st.lists(st.sampled_from([*OUTCOMES, None, "bypass"]), min_size=1, max_size=40),
    reason=TEXTS,
    headline=TEXTS,
    note=TEXTS,
    offset=st.integers(0, len(places()) - 1),
    state=st.sampled_from(LaunchState),
)
@settings(max_examples=40, deadline=None)
def test_any_launch_strips_to_the_document(
    outcomes: list[Any], reason: str, headline: str, note: str, offset: int, state: LaunchState
) -> None:
    """Partly done, let pass, red, bypassed, ended in any way, with whatever people and checks have said."""
    rows: list[Entry] = []
    for number, outcome in enumerate(outcomes):
        place = places()[(offset + 7 * number) % len(places())]
        if outcome == "bypass":
            rows += bypassed(place)
        elif outcome is not None:
            seen = () if outcome is Outcome.NOT_REACHED else (a_result(headline=headline),)
            rows.append(
                entry(place, outcome, reason=reason, results=seen, instance=f"{number}", signature=reason)
            )
    rows.append(happened(EntryKind.LAUNCH_ABORTED, via="airflow", by=reason, reason=reason))
    ended = None if state is LaunchState.ACTIVE else NOON
    launch = a_launch(state=state, ended_at=ended, release=headline, environment=reason or "e")
    report = report_of(rows, launch, notes=(Note(of=headline, text=note),))
    assert stripped(render(report, DOCUMENT)).encode() == shipped_document()


LINES = st.sampled_from(
    [
        "# Title",
        "## Sign-Off",
        "## Notes",
        f"## {FIRST.phase.title}",
        f"### {FIRST.section_title}",
        f"- [ ] {FIRST.item.text}",
        f"  * [X] {FIRST.item.text} ",
        "- [ ] ",
        "- [x] done",
        "### Technical Lead",
        "### Launch (T-0)",
        "- **Name**: ____  ",
        "- **CTO**: [Name] -->",
        "**Status**: [x]  ",
        "**Status**:",
        "[Space for notes]",
        "[Space --> for notes]",
        "## Appendix: Critical Contacts",
        "<!-- a comment of theirs -->",
        "",
        "text\r",
    ]
)


@example(lines=["## Appendix: Critical Contacts", "- **CTO**: [Name] -->"], end="\n", last=True)
@example(lines=["## Notes", "[Space --> for notes]"], end="\r\n", last=False)
@given(lines=st.lists(LINES, max_size=25), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_document_strips_to_itself(lines: list[str], end: str, last: bool) -> None:
    """A team's own document, with either end of line, with or without one at its end."""
    text = end.join(lines) + (end if last else "")
    report = report_of([entry(FIRST)], document=text, notes=(Note(of="00 Launch", text="late"),))
    made = render(report, text)
    assert stripped(made) == text
    assert "late" in made


def test_line_says_outcome_who_when_why_and_what_was_seen() -> None:
    """All of it behind the box, in one line."""
    rows = [entry(FIRST, Outcome.WAIVED, reason="next week", results=(a_result(headline="540 ms"),))]
    line = line_of(render(report_of(rows), DOCUMENT), FIRST.item.text)
    assert line.startswith(f"- [ ] {FIRST.item.text}<!--launch:box  --> — **waived** by Ada Lindqvist (")
    assert line.endswith("), in Slack · 2030-05-06 12:00 UTC · “next week”<br>540 ms")


@pytest.mark.parametrize("text", NASTY)
def test_texts_of_others_do_nothing(text: str) -> None:
    """No tag, no link, no mark, no second line, nothing that hides or turns text around."""
    rows = [entry(FIRST, Outcome.WAIVED, reason=text, results=(a_result(headline=text),))]
    made = render(report_of(rows), DOCUMENT)
    told = line_of(made, f"{FIRST.item.text}<!--").partition(" — ")[2].replace("<br>", "")
    assert "<" not in told
    assert not re.search(r"(?<!\\)[\[\]`|]", told)
    assert not re.search("[\u202a-\u202e\ufeff\x00-\x1f]", told)
    assert stripped(made) == DOCUMENT


def test_ids_of_others_do_nothing_either() -> None:
    """Anyone who may append to the ledger can name an item freely."""
    odd = record_of(FIRST).model_copy(update={"item_ref": "a.b`|\n## <b>"})
    made = render(report_of([Entry.of_record(odd)]), DOCUMENT)
    assert made.count("`a.b   ## <b>`") == 2
    assert stripped(made) == DOCUMENT


def test_sign_off_block_is_filled_in() -> None:
    """Name, date and signature stand where the document has its lines; who declined says why."""
    first, second, *_ = gate_places(RequestKind.SIGNATURE)
    rows = [
        entry(first, Outcome.APPROVED, signature="Ada Lindqvist"),
        entry(second, Outcome.REJECTED, reason="not this week"),
    ]
    block = render(report_of(rows), DOCUMENT).partition("## Sign-Off")[2].partition("## Notes")[0]
    signed, declined, empty = (block.partition(f"### {who}")[2] for who in
                               ("Technical Lead", "Product Manager", "Operations Lead"))  # fmt: skip
    blank = "<!--launch:was ___________________-->"
    assert f"- **Name**: {blank}Ada Lindqvist<!--" in signed
    assert f"- **Date**: {blank}2030-05-06 12:00 UTC" in signed
    assert f"- **Signature**: {blank}Ada Lindqvist<!--" in signed
    assert f"- **Signature**: {blank}declined: not this week" in declined
    assert empty.startswith("\n- **Name**: ___________________\n- **Date**: ___")


def test_decisions_stand_before_the_launch() -> None:
    """Go/no-go is not in the document; it stands between T-2h and T-0, as it was."""
    go = gate_places(RequestKind.DECISION)[3]
    made = render(report_of([entry(go, Outcome.REJECTED, reason="too red")]), DOCUMENT)
    assert (
        made.index("### Pre-Launch (T-2 hours)")
        < made.index("### Go / No-Go")
        < made.index("### Launch (T-0)")
    )
    assert "**no go** by Carla Mendes" in line_of(made, go.item.text)


def test_document_with_our_marks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that was saved over the document cannot be made into another report."""
    (tmp_path / document.NAME).write_text("# A\n<!--launch:annex-->\n")
    monkeypatch.setattr(document, "checklist_folder", lambda: tmp_path)
    with pytest.raises(ConfigurationError, match="remove it"):
        document.read_document()
    (tmp_path / document.NAME).unlink()
    with pytest.raises(ConfigurationError, match="restore the document"):
        document.read_document()
