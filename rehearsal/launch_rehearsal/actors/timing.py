"""Move T-0 in a rehearsal by hand: away while people answer, near once they are done."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import T_0, T_MINUS_2H
from launch_pipeline.errors import LaunchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_rehearsal.actors.watch import View

ROOM = timedelta(minutes=30)
"""How far away T-0 is while items before it are open."""
MARGIN = timedelta(minutes=1)
"""T-0 moves away again when less than this is left."""
SOON = timedelta(seconds=25)
"""Time until a window that is ready opens; its sensor polls every ten seconds."""
OPENED = timedelta(seconds=15)
"""Time after its moment by which a window has opened."""
READY = "rehearsal by hand: everything before this window is complete"
NOT_READY = "rehearsal by hand: people need more time"
log = logging.getLogger(__name__)


class LaunchTime:
    """Move T-0 of one launch to suit its people; each move is recorded like any other."""

    def __init__(self, launch_at: datetime, move: Callable[[datetime, str], object]) -> None:
        """Prepare; ``move`` records a new time with its reason, or raises LaunchError if it cannot yet."""
        self.launch_at = launch_at
        self._move = move
        self._opening: set[str] = set()

    def act(self, view: View, now: datetime | None = None) -> None:
        """Move T-0 if that is due; a move that cannot be recorded yet is tried again later."""
        wanted = self._wanted(view, now or datetime.now(UTC))
        if wanted is None:
            return
        new_time, reason, window = wanted
        try:
            self._move(new_time, reason)
        except LaunchError as error:
            log.info("The launch time could not be moved yet: %s", error)
            return
        self.launch_at = new_time
        self._opening.add(window)

    def _wanted(self, view: View, now: datetime) -> tuple[datetime, str, str] | None:
        """Return the new time, the reason and the window to open; None if T-0 may stay."""
        window = next((dag_id for dag_id in (T_0, T_MINUS_2H) if view.state_of(dag_id) != "none"), "")
        if window and window not in self._opening:
            return now + SOON, READY, window
        if window == T_MINUS_2H and view.state_of(T_MINUS_2H) == "running":
            # Its items would wait for the new moment: an answer counts only in an open window.
            return None
        late = self.launch_at - now < (-OPENED if window else MARGIN)
        return (now + ROOM, NOT_READY, window) if late and window != T_0 else None
