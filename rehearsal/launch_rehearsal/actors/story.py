"""Collect the events of a rehearsal for the screen, from several threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Happening(StrEnum):
    """Kinds of events."""

    STARTED = "started"
    ANSWER = "answer"
    WAIVER = "waived"
    REJECTION = "rejected"
    RECHECK = "re-check"
    REFUSAL = "refused"
    HEAL = "healed"
    REPAIR = "repaired"
    PHASE = "phase"
    WAITS = "waits"
    MOVED = "moved"
    BROKE = "broke"
    FOUND = "found"


@dataclass(frozen=True)
class Event:
    """One event."""

    at: float
    """Seconds since the story began."""
    happening: Happening
    line: str


class Story:
    """Keep events in order. Safe to use from several threads."""

    def __init__(self, listen: Callable[[Event], None] | None = None, keep: int = 400) -> None:
        self._began = time.monotonic()
        self._events: deque[Event] = deque(maxlen=keep)
        self._lock = threading.Lock()
        self._listen = listen

    @property
    def elapsed(self) -> float:
        """Return the seconds since the story began."""
        return time.monotonic() - self._began

    def tell(self, happening: Happening, line: str) -> None:
        """Add an event."""
        with self._lock:
            event = Event(self.elapsed, happening, line)
            self._events.append(event)
            if self._listen:
                self._listen(event)

    def latest(self, number: int) -> list[Event]:
        """Return the newest events, the oldest of them first."""
        with self._lock:
            return list(self._events)[-number:]

    def count(self, happening: Happening) -> int:
        """Count the stored events of a kind."""
        with self._lock:
            return sum(event.happening is happening for event in self._events)
