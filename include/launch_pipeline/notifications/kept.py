"""What workers kept of the notes they told, or could not tell: the bridge places each, so none is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.notifications.model import LaunchNote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.ledger.schema import Entry

NOTE = "note"
"""Where an announcement's entry keeps its note, beside the words that were told."""


def launch_notes_of(entries: Iterable[Entry]) -> tuple[LaunchNote, ...]:
    """Give what happened to a launch as a whole, each note once, from its announcements in the ledger.

    Whether a note was told in Slack, its place says (``note_keys.place_of``); phases have their seal, and
    postponements and aborts entries of their own.
    """
    found: dict[str, LaunchNote] = {}
    for entry in entries:
        if entry.kind is EntryKind.ANNOUNCEMENT and (note := _note(entry)):
            found.setdefault(note.key, note)
    return tuple(found.values())


def _note(entry: Entry) -> LaunchNote | None:
    content = entry.content.get(NOTE)
    try:
        return LaunchNote.model_validate(content) if content else None
    except ValidationError:
        # Of another version; it was told, or is told no more.
        return None
