"""Render the report as Markdown: the document's own lines, each followed by its outcome.

Everything inserted begins with a mark that no text of a record can contain, so ``marks.stripped`` removes it
again and leaves the document, byte for byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.report.annex import annex
from launch_pipeline.report.contacts import in_words, named
from launch_pipeline.report.document import Kind, Line, boxes, lines_of
from launch_pipeline.report.marks import ANNEX, BEGIN, END, MORE, box_mark, line_mark, was
from launch_pipeline.report.text import escaped, item_words
from launch_pipeline.report.words import end_of, moment, outcome_word, status_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.report.model import ItemLine, Report

_SIGN_OFF = "sign-off"
_NOTES = "notes"


def render(report: Report, document: str) -> str:
    """Insert the report into the document that it was built with."""
    lines = lines_of(document)
    found = boxes(lines, report.phases)
    body = _alarm(report)
    body += "".join(_line(report, line, found.get(number)) for number, line in enumerate(lines))
    notes = "" if any(map(_is_for_notes, lines)) else _notes(report)
    return f"{body}\n{ANNEX}\n{annex(report, notes=notes)}"


def _alarm(report: Report) -> str:
    """Say first that the record is broken, if it is."""
    if not report.chain.broken:
        return ""
    return f"{BEGIN}\n**The record is broken, and proves nothing**: {escaped(report.chain.broken)}\n\n{END}\n"


def _line(report: Report, line: Line, item: ItemLine | None) -> str:
    before = _before(report, line)
    if line.kind is Kind.BOX:
        return f"{before}{_box(report, line, item)}{line.end}"
    if line.kind is Kind.FIELD:
        return f"{before}{_valued(line, _field(report, line))}{line.end}{_after_field(report, line)}"
    if line.kind is Kind.ENTRY:
        return f"{before}{_valued(line, _entry(report, line))}{line.end}"
    return f"{before}{_other(report, line)}{line.end}"


def _box(report: Report, line: Line, item: ItemLine | None) -> str:
    if item is None:
        return f"{line.text}{box_mark(line.parts['box'])} — not in the checklist"
    tick = "x" if item.ticked else " "
    told = item_words(item, report.status)
    return f"{line.parts['before']}[{tick}] {line.parts['label']}{box_mark(line.parts['box'])} — {told}"


def _valued(line: Line, value: str) -> str:
    """Replace the document's value, which stays in a comment."""
    parts = line.parts
    # A comment cannot contain its own end.
    if not value or value == parts["value"] or "-->" in parts["value"]:
        return line.text
    return f"{parts['before']}{was(parts['value'])}{value}{MORE}{parts['after']}"


def _field(report: Report, line: Line) -> str:
    launch = report.launch
    values = {
        "launch date": moment(launch.launch_at),
        "release version": launch.release,
        "status": status_word(report.status),
    }
    value = values.get(line.label.casefold(), "")
    return escaped(value) if value != line.parts["value"] else ""


def _after_field(report: Report, line: Line) -> str:
    """Add the facts that the document has no field for, after its last one."""
    if line.label.casefold() != "status" or line.section or line.chapter:
        return ""
    return f"{BEGIN}\n\n{_facts(report)}\n{END}\n" if line.end else ""


def _facts(report: Report) -> str:
    launch = report.launch
    facts = {
        "Launch": launch.launch_id + (" · REHEARSAL" if launch.rehearsal else ""),
        "Environment": launch.environment,
        "Commit": launch.release_sha,
        "Started": " by ".join(filter(None, (moment(launch.started_at), launch.started_by))),
        "Ended": ", ".join(filter(None, (moment(launch.ended_at), end_of(report)))),
        "Items": ", ".join(f"{count} {word}" for word, count in report.counts.items()),
        "Report made": moment(report.made_at),
    }
    return "".join(f"**{name}**: {escaped(value)}  \n" for name, value in facts.items() if value)


def _entry(report: Report, line: Line) -> str:
    chapter = line.chapter.casefold()
    if chapter == _SIGN_OFF:
        return _signature(report, line)
    if "contacts" not in chapter:
        return ""
    lines = report.rollback_contacts if "rollback" in chapter else report.contacts
    contact = named(lines, line.label)
    return escaped(in_words(contact)) if contact else ""


def _signature(report: Report, line: Line) -> str:
    items = report.sign_off.items if report.sign_off else ()
    item = next((i for i in items if i.text.casefold() == line.section.casefold()), None)
    signed = item.latest if item else None
    if item is None or item.bypass or signed is None or signed.outcome is Outcome.NOT_REACHED:
        return ""
    declined = ": ".join(filter(None, (outcome_word(item, signed), signed.reason)))
    values = {
        "name": signed.decided_by,
        "date": moment(signed.decided_at),
        "signature": signed.signature if signed.outcome is Outcome.APPROVED else declined,
    }
    return escaped(values.get(line.label.casefold(), ""))


def _other(report: Report, line: Line) -> str:
    if not report.notes or not _is_for_notes(line):
        return line.text
    return _notes(report) + line_mark(line.text)


def _is_for_notes(line: Line) -> bool:
    place = line.text.startswith("[") and line.text.endswith("]") and "-->" not in line.text
    return place and line.chapter.casefold() == _NOTES


def _notes(report: Report) -> str:
    return "<br>".join(f"**{escaped(note.of)}**: {_joined_lines(note.text)}" for note in report.notes)


def _joined_lines(text: str) -> str:
    return "<br>".join(escaped(part) for part in re.split(r"\r?\n", text.strip()))


def _before(report: Report, line: Line) -> str:
    """Insert the go/no-go decision before the launch itself."""
    decisions = report.go_no_go
    if decisions is None or line.kind is not Kind.SECTION or line.label != _t_0(report):
        return ""
    told = "\n".join(_decisions(report))
    return f"{BEGIN}\n### {escaped(decisions.title)}\n{told}\n\n{END}\n"


def _t_0(report: Report) -> str:
    """Return the title of the section that go/no-go comes before."""
    for phase in report.phases:
        for section in phase.sections:
            if section.dag_id == "launch_day_t_0":
                return section.title
    return ""


def _decisions(report: Report) -> Iterator[str]:
    for item in report.go_no_go.items if report.go_no_go else ():
        tick = "x" if item.ticked else " "
        yield f"- [{tick}] {escaped(item.text)} — {item_words(item, report.status)}"
