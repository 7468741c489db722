"""Write the annex of a Markdown report: events, exceptions, notifications and the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.report.text import attempt_words, code, escaped, item_words, table
from launch_pipeline.report.words import (
    lasted,
    looked,
    moment,
    outcome_word,
    set_aside,
    status_text,
    unsettled,
    with_history,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.report.model import Event, ItemLine, Look, Report, Seen


def annex(report: Report, *, notes: str = "") -> str:
    """Return the annex without empty parts; ``notes`` are those the document has no place for."""
    parts = [
        "---\n\n## Annex: the record\n",
        *_proof(report),
        *_titled("Notes", notes),
        *_titled("Changed while it ran", _changes(report)),
        *_titled("Looked at again before go", _looks(report)),
        *_titled("No longer true for a while", _regressions(report)),
        *_titled("What happened", _events(report)),
        *_titled("Waived, not applicable or not met", _items(set_aside(report), report)),
        *_titled("Rejected, not reached or bypassed", _items(unsettled(report), report)),
        *_rollback(report),
        *_titled("Not in the document", _items(_elsewhere(report), report)),
        *_titled("Boxes without a checklist item", "".join(f"- {escaped(text)}\n" for text in report.loose)),
        *_titled("Decided more than once", _earlier(report)),
        *_titled("Phase seals", _seals(report)),
        *_titled("Notifications", _told(report)),
        *_titled("Checklists", _checklists(report)),
        *_titled("Evidence", _evidence(report)),
    ]
    return "\n".join(parts)


def _titled(title: str, body: str) -> Iterator[str]:
    if body:
        yield f"### {title}\n\n{body}"


def _proof(report: Report) -> Iterator[str]:
    chain = report.chain
    if chain.broken:
        yield f"**The record is broken**: {escaped(chain.broken)}\n"
    elif chain.head:
        yield (
            f"{chain.rows} rows in the ledger, verified from first to last when this report was made."
            f" The head is row {chain.head.position}, `{chain.head.digest}`. Verify it again with\n\n"
            f"    launch ledger verify {one_line(report.launch.launch_id)} --head {chain.head.digest}\n"
        )
    for unread in (report.notes_unread, report.contacts_unread, *report.checklists_unread):
        if unread:
            yield f"Not in this report: {escaped(unread)}\n"


def _events(report: Report) -> str:
    return _event_table(report.events, details=False)


def _changes(report: Report) -> str:
    return _event_table(report.changes, details=True)


def _event_table(events: Iterable[Event], *, details: bool) -> str:
    rows = [
        (
            moment(event.at),
            "<br>".join(map(escaped, (event.what, *(event.details if details else ())))),
            escaped(event.by),
            escaped(event.reason),
            str(event.row),
        )
        for event in events
    ]
    return table(("When", "What", "By", "Reason", "Row"), rows) if rows else ""


def _looks(report: Report) -> str:
    return "".join(f"{_look(look)}\n" for look in report.looks)


def _look(look: Look) -> str:
    lines = [
        f"{moment(look.looked_at)}: {looked(look)} (row {look.row})",
        *(f"- no longer true: {_seen(one)}" for one in look.no_longer_true),
        *(f"- could not be looked at: {_seen(one)}" for one in look.not_looked_at),
    ]
    return "\n".join(lines) + "\n"


def _seen(one: Seen) -> str:
    return f"{escaped(one.text)} ({code(one.ref)}, {escaped(one.owner.label)}) — {escaped(one.headline)}"


def _regressions(report: Report) -> str:
    rows = [
        (
            moment(one.since),
            f"{escaped(one.text)} ({code(one.ref)})",
            escaped(one.owner.label),
            escaped("; ".join(one.why)),
            lasted(one),
            str(one.row),
        )
        for one in report.regressions
    ]
    return table(("Since", "What", "Owner", "Seen", "For", "Row"), rows) if rows else ""


def _items(items: Iterable[ItemLine], report: Report) -> str:
    return "".join(
        f"- {escaped(item.text)} ({code(item.ref)}) — {item_words(item, report.status)}\n" for item in items
    )


def _elsewhere(report: Report) -> list[ItemLine]:
    return [*(item for item in report.document_items if not item.in_document), *report.strays]


def _rollback(report: Report) -> Iterator[str]:
    if report.rollback:
        yield from _titled(escaped(report.rollback.title), _items(report.rollback.items, report))


def _earlier(report: Report) -> str:
    rows = [
        (
            code(item.ref),
            str(attempt.row),
            str(attempt.try_number),
            f"{outcome_word(item, attempt)}{attempt_words(attempt)}",
            escaped(attempt.headline),
        )
        for item in with_history(report)
        for attempt in (*item.earlier, *([item.latest] if item.latest else []))
    ]
    return table(("Item", "Row", "Try", "Outcome", "Evidence"), rows) if rows else ""


def _seals(report: Report) -> str:
    rows = [
        (
            escaped(seal.title),
            "complete" if seal.complete else "not complete",
            moment(seal.sealed_at),
            escaped(" ".join(seal.problems)),
            str(seal.row),
        )
        for seal in report.seals
    ]
    return table(("Phase", "Sealed", "When", "Problems", "Row"), rows) if rows else ""


def _told(report: Report) -> str:
    rows = [
        (moment(told.at), escaped(told.headline), escaped(told.place) or "not delivered")
        for told in report.told
    ]
    return table(("When", "What", "Where"), rows) if rows else ""


def _checklists(report: Report) -> str:
    rows = [
        (
            escaped(line.title),
            code(line.began_with),
            "amended" if line.changed else "unchanged",
        )
        for line in report.checklists
    ]
    return table(("Dag", "Digest at the start", "At the end"), rows) if rows else ""


def _evidence(report: Report) -> str:
    rows = [
        (
            code(item.ref),
            status_text(item, report.status),
            str(item.latest.row),
            code(item.latest.evidence_digest.removeprefix("sha256:")),
        )
        for item in report.everything
        if item.latest
    ]
    return table(("Item", "Outcome", "Row", "SHA-256 of the evidence"), rows) if rows else ""
