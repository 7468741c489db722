"""Write notes to the ledger, and read them back: the bridge posts those that Slack did not take at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from launch_pipeline.base import Frozen
from launch_pipeline.ledger.schema import Entry, EntryKind
from launch_pipeline.notifications.model import LaunchNote
from launch_pipeline.notifications.text import in_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.notifications.keys import Note

_NOTE = "note"
"""Key of the whole note in an announcement's content."""


class Announcement(Frozen):
    """Record a note in the ledger: its words, and where it was posted."""

    key: str
    """The note's key; a repetition carries the same one."""
    launch_id: str
    headline: str
    lines: tuple[str, ...] = ()
    channel: str = ""
    """Slack channel of the message; empty if Slack was unreachable or is not connected."""
    ts: str = ""
    """Slack's id of the message."""
    note: LaunchNote | None = None
    """A launch's note, so that the bridge can post it later. Phases do not need it: they have their seal."""

    @classmethod
    def of(cls, note: Note, channel: str = "", ts: str = "") -> Announcement:
        """Make the announcement of a note that was posted there, or not posted yet."""
        headline, lines = in_plain_words(note)
        return cls(
            key=note.key,
            launch_id=note.launch_id,
            headline=headline,
            lines=lines,
            channel=channel,
            ts=ts,
            note=note if isinstance(note, LaunchNote) else None,
        )

    def entry(self, dag_id: str, task_instance_id: str, try_number: int) -> Entry:
        """Make the ledger's entry, written by one try of a task."""
        return Entry(
            kind=EntryKind.ANNOUNCEMENT,
            launch_id=self.launch_id,
            dag_id=dag_id,
            task_instance_id=task_instance_id,
            try_number=try_number,
            content=self.model_dump(mode="json"),
        )


def launch_notes_of(entries: Iterable[Entry]) -> tuple[LaunchNote, ...]:
    """Return the launch notes among a launch's ledger entries, each once.

    Whether Slack shows a note is in the message store (``keys.place_of``). Phases are announced from their
    seals, postponements and aborts from their own entries.
    """
    found: dict[str, LaunchNote] = {}
    for entry in entries:
        if entry.kind is EntryKind.ANNOUNCEMENT and (note := _note(entry)):
            found.setdefault(note.key, note)
    return tuple(found.values())


def _note(entry: Entry) -> LaunchNote | None:
    content = entry.content.get(_NOTE)
    try:
        return LaunchNote.model_validate(content) if content else None
    except ValidationError:
        # Written by another version: it was posted then, or is never posted.
        return None
