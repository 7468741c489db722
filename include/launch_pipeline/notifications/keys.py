"""Keys of what is told once, and where it is told: the same for the announcer in a worker and the bridge.

Whoever tells a note first keeps its key (``Messages.place``), and nobody else tells it again. Both make the
same key of the same event, from what both can read.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, PhaseNote

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.ledger.schema import Seal

Note = PhaseNote | LaunchNote
"""What is told once."""
ROOT = "root"
"""Place of the message that a launch's thread hangs from."""
_LOUD = {
    LaunchNoteKind.GO,
    LaunchNoteKind.NO_GO,
    LaunchNoteKind.WINDOW_MISSED,
    LaunchNoteKind.ROLLBACK_OFFERED,
}


def is_loud(note: Note) -> bool:
    """Whether a note is shown in the channel as well as in the thread (``reply_broadcast``)."""
    return not note.complete if isinstance(note, PhaseNote) else note.kind in _LOUD


def is_alone(note: Note) -> bool:
    """Whether a note stands in the channel itself: a start that was refused is no launch with a thread."""
    return isinstance(note, LaunchNote) and note.kind is LaunchNoteKind.REFUSED


def place_of(key: str) -> str:
    """Place of a note among a launch's messages (``Messages.place``)."""
    return f"note/{key}"


def phase_key(seal: Seal) -> str:
    """Key of how a phase ended: a repaired phase is sealed, and told, anew."""
    return f"{seal.launch_id}/{seal.dag_id}/{seal_mark(seal)}"


def unsealed_key(launch_id: str, dag_id: str, started_at: datetime | None) -> str:
    """Key of a phase that ended by hand, without a seal; its run's start tells repetitions apart."""
    return f"{launch_id}/{dag_id}/unsealed/{_stamp(started_at)}"


def launch_key(launch_id: str, kind: LaunchNoteKind, *suffix: str | int) -> str:
    """Key of what happened to a launch.

    The suffix tells apart what can happen again: of *postponed* the ledger entry's ``try_number``, of *go*,
    *no go* and *rollback offered* ``seal_mark`` of the seal that it follows from, of a window its Dag and
    when it was due (``due_mark``). The others have none.
    """
    return "/".join((launch_id, kind.value, *map(str, suffix)))


def seal_mark(seal: Seal) -> str:
    """Tell one seal of a phase from the next: the gate's try, and when it sealed."""
    return f"{seal.try_number}/{_stamp(seal.sealed_at)}"


def due_mark(due: datetime) -> str:
    """Tell apart the moments of a window: one that was postponed opens at another."""
    return _stamp(due)


def _stamp(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" if at else "never"
