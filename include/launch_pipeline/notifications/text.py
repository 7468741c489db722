"""Render notes as plain text, for the task's log and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import PhaseNote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.notifications.model import LaunchNote, Next, SetAside


class PlainNote(NamedTuple):
    """Hold a note as a headline and its lines."""

    headline: str
    lines: tuple[str, ...]


def in_plain_words(note: Note) -> PlainNote:
    """Render a note as plain text, most important lines first; a rehearsal is marked."""
    headline = _phase_headline(note) if isinstance(note, PhaseNote) else _launch_headline(note)
    lines = _phase_lines(note) if isinstance(note, PhaseNote) else _launch_lines(note)
    return PlainNote(marked(note.rehearsal, headline), tuple(lines))


def _phase_headline(note: PhaseNote) -> str:
    counts = ", ".join(f"{note.counts[o]} {o.words()}" for o in Outcome if note.counts.get(o))
    ended = "complete" if note.complete else "FAILED"
    return f"{note.phase_title}: {ended}" + (f" ({counts})" if counts else "")


def _phase_lines(note: PhaseNote) -> Iterator[str]:
    yield from _listed(note.failing)
    yield from (f"bypassed: {text}" for text in note.bypasses)
    yield from note.problems
    yield from _listed(note.waivers)
    yield from _next(note.next)
    yield from _proof(note)


def _launch_headline(note: LaunchNote) -> str:
    word = note.kind.value.replace("_", " ")
    return f"launch {word}: {note.what}" if note.what else f"launch {word}"


def _launch_lines(note: LaunchNote) -> Iterator[str]:
    who = f"by {', '.join(note.by)}" if note.by else ""
    if summary := ": ".join(filter(None, (who, note.reason))):
        yield summary
    if note.at:
        was = f" (was {note.was.isoformat()})" if note.was else ""
        yield f"at {note.at.isoformat()}{was}"
    yield from note.details
    yield from (f"verified again: {one.text} ({one.why})" for one in note.again)
    yield from _listed(note.failing)
    yield from _listed(note.waivers)
    yield from _next(note.next)
    yield from _proof(note)


def _listed(set_aside: Iterable[SetAside]) -> Iterator[str]:
    for one in set_aside:
        red = one.outcome in {Outcome.REJECTED, Outcome.NOT_REACHED}
        headline = one.headline if red or not one.reason else ""
        why = ", ".join(filter(None, (one.by, one.reason, headline)))
        yield f"{one.outcome.words()}: {one.text}" + (f" ({why})" if why else "")


def _next(following: Next | None) -> Iterator[str]:
    if following:
        yield f"next: {following.what}" + (f" at {following.at.isoformat()}" if following.at else "")


def _proof(note: Note) -> Iterator[str]:
    if note.report:
        yield f"report: {note.report}"
    if note.head:
        yield f"record up to row {note.head.position}: {note.head.digest}"


REHEARSAL = "REHEARSAL"
"""Prefix of every text in which a rehearsal could be mistaken for a launch."""


def marked(rehearsal: bool, text: str) -> str:
    """Return the text, with the mark of a rehearsal before it if it is one."""
    return f"{REHEARSAL} · {text}" if rehearsal else text
