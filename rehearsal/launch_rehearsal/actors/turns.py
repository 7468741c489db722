"""Play what changes while a launch runs: T-0 moves once, and what was true breaks before the Go."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from launch_pipeline.ledger.reopened import Cause, latest_look, open_again
from launch_pipeline.ledger.schema import EntryKind
from launch_rehearsal.actors.story import Happening

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.ledger.ledger import Ledger
    from launch_rehearsal.actors.product_client import ProductClient
    from launch_rehearsal.actors.scenario import Postponement, Regression
    from launch_rehearsal.actors.story import Story
    from launch_rehearsal.actors.watch import View

NOT_BEGUN = "none"
_NO_LONGER_TRUE = Cause.NO_LONGER_TRUE.value


class Postponing:
    """Move T-0 once, when what rests on it is sealed."""

    def __init__(self, turn: Postponement | None, move: Callable[[datetime, str], object]) -> None:
        self._turn, self._move = turn, move

    def act(self, view: View) -> None:
        """Move T-0 if that is due. Raises what ``move`` raises."""
        turn = self._turn
        if turn is None or view.state_of(turn.after) != "success":
            return
        to = datetime.now(UTC) + timedelta(seconds=turn.seconds)
        self._move(to.replace(microsecond=0), turn.reason)
        self._turn = None


class Regressing:
    """Break a part before the Go, and repair it once another look has found it.

    Call ``act`` from one thread; the other methods from any.
    """

    def __init__(
        self, turn: Regression | None, control: ProductClient, book: Ledger, run_id: str, story: Story
    ) -> None:
        self._turn, self._control, self._book, self._run_id = turn, control, book, run_id
        self._story = story
        self._broken = False
        self._found_at: float | None = None
        self.repaired_at: float | None = None
        """When the part was repaired; None before."""
        self._settled = turn is None

    @property
    def doubt(self) -> bool:
        """Return whether the Go waits: for the look before it, and for the repair of what that found."""
        return not self._settled

    @property
    def under_repair(self) -> bool:
        """Return whether the part was found broken and comes back soon."""
        return self._found_at is not None and self.repaired_at is None

    def act(self, view: View) -> None:
        """Do what is due. Raises OperationError, and LedgerError where the ledger cannot be read."""
        turn = self._turn
        if turn is None or self._settled:
            return
        if not self._broken:
            self._break(turn, view)
        elif self._found_at is None:
            self._find(turn)
        elif self.repaired_at is None:
            self._repair(turn)
        else:
            self._settled = self._sealed_again(turn)

    def _break(self, turn: Regression, view: View) -> None:
        if view.state_of(turn.after) != NOT_BEGUN:
            self._control.break_part(turn.part)
            self._broken = True
            self._story.tell(Happening.BROKE, f"{turn.part} broke after its items were sealed")

    def _find(self, turn: Regression) -> None:
        look = latest_look(self._book.entries(self._run_id, EntryKind.VERIFIED_AGAIN))
        if look is None:
            return
        self._found_at = time.monotonic()
        for one in look.no_longer_true:
            says = f"{one.text}: no longer true ({one.headline}); {one.owner.label} is called"
            self._story.tell(Happening.FOUND, says)
        if turn.ref not in [one.item_ref for one in look.no_longer_true]:
            # The summary says that it was not found.
            self._mend(turn)
            self._settled = True

    def _repair(self, turn: Regression) -> None:
        if time.monotonic() - (self._found_at or 0.0) >= turn.seconds:
            self._mend(turn)

    def _mend(self, turn: Regression) -> None:
        self._control.repair(turn.part)
        self.repaired_at = time.monotonic()
        self._story.tell(Happening.HEAL, f"{turn.part} is back; its items recover by themselves")

    def _sealed_again(self, turn: Regression) -> bool:
        kinds = (EntryKind.REOPENED, EntryKind.SEAL)
        rows = [entry for each in kinds for entry in self._book.entries(self._run_id, each)]
        rows.sort(key=lambda entry: entry.seq)
        reopened = any(e.item_ref == turn.ref and e.content.get("cause") == _NO_LONGER_TRUE for e in rows)
        return reopened and turn.ref not in [one.item_ref for one in open_again(rows)]
