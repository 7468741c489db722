"""The launch time of a rehearsal by hand: far away while people answer, near once it is waited for."""

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
"""How far away T-0 is while something before it is being answered."""
MARGIN = timedelta(minutes=1)
"""So long before T-0 it moves away again."""
SOON = timedelta(seconds=25)
"""Until a window that is ready opens: what waits for it looks at its time every ten seconds."""
OPENED = timedelta(seconds=15)
"""After its moment a window has opened."""
READY = "rehearsal by hand: everything before this window is complete"
NOT_READY = "rehearsal by hand: people need more time"
log = logging.getLogger(__name__)


class LaunchTime:
    """Moves T-0 of one launch with the people who play it; each move is in the record, as any other is."""

    def __init__(self, launch_at: datetime, move: Callable[[datetime, str], object]) -> None:
        """``move`` records the new time and why; raises LaunchError where it cannot yet."""
        self.launch_at = launch_at
        self._move = move
        self._opening: set[str] = set()

    def act(self, view: View, now: datetime | None = None) -> None:
        """Move T-0 where that is due; what cannot be recorded now is tried again with the next look."""
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
        """The new time, why, and the window that is to open; None where T-0 is right as it is."""
        window = next((dag_id for dag_id in (T_0, T_MINUS_2H) if view.state_of(dag_id) != "none"), "")
        if window and window not in self._opening:
            return now + SOON, READY, window
        late = self.launch_at - now < (-OPENED if window else MARGIN)
        return (now + ROOM, NOT_READY, window) if late and window != T_0 else None
