"""Make the keys by which each note is posted once, and its place among a launch's messages.

A worker and the bridge make the same key for the same event, from data that both can read. The first of
them to post the note takes its place in the message store; the other then leaves it alone.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, PhaseNote

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.ledger.schema import Seal

Note = PhaseNote | LaunchNote
"""What is announced once."""
ROOT = "root"
"""Place of the message that starts a launch's thread."""
_LOUD = {
    LaunchNoteKind.HELD,
    LaunchNoteKind.RESUMED,
    LaunchNoteKind.NO_LONGER_TRUE,
    LaunchNoteKind.GO_TAKEN_BACK,
    LaunchNoteKind.GO,
    LaunchNoteKind.NO_GO,
    LaunchNoteKind.WINDOW_MISSED,
    LaunchNoteKind.ROLLBACK_OFFERED,
}


def is_loud(note: Note) -> bool:
    """Return whether the channel shows a note as well as the thread (``reply_broadcast``)."""
    return not note.complete if isinstance(note, PhaseNote) else note.kind in _LOUD


def is_alone(note: Note) -> bool:
    """Return whether a note is posted outside a thread: a refused start is not a launch and has no thread."""
    return isinstance(note, LaunchNote) and note.kind is LaunchNoteKind.REFUSED


def place_of(key: str) -> str:
    """Return a note's place among a launch's messages."""
    return f"note/{key}"


def phase_key(seal: Seal) -> str:
    """Return the key of a sealed phase; a repaired phase is sealed, and announced, again."""
    return f"{seal.launch_id}/{seal.dag_id}/{seal_mark(seal)}"


def unsealed_key(launch_id: str, dag_id: str, started_at: datetime | None) -> str:
    """Return the key of a phase that ended without a seal; the start of its run tells its runs apart."""
    return f"{launch_id}/{dag_id}/unsealed/{_stamp(started_at)}"


def launch_key(launch_id: str, kind: LaunchNoteKind, *suffix: str | int) -> str:
    """Return the key of a launch's event.

    The suffix tells apart events that can happen again: for *postponed*, *amended*, *amendment proposed*,
    *retargeted*, *held* and *resumed* the ledger entry's ``try_number``; for *no longer true* the item's ref
    before it; for *go*, *go taken back*, *no go* and *rollback offered* the ``seal_mark`` of the seals behind
    it; for a window its Dag and its ``due_mark``. The other kinds have no suffix.
    """
    return "/".join((launch_id, kind.value, *map(str, suffix)))


def seal_mark(seal: Seal) -> str:
    """Return what tells one seal of a phase from the next: the gate's try and the time of sealing."""
    return f"{seal.try_number}/{_stamp(seal.sealed_at)}"


def due_mark(due: datetime) -> str:
    """Return what tells the openings of a window apart; a postponement gives it another time."""
    return _stamp(due)


def _stamp(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" if at else "never"
