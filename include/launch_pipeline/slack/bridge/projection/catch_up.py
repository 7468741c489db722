"""Find the notes of a launch that the ledger and the board call for and that Slack does not show yet.

Workers post most notes (``airflow/notifiers``). This module finds the ones that they could not post, and
those that no worker knows of: a launch that was changed, held or aborted, an item that is no longer true, a
phase that ended without a seal, a window that was missed. Both sides make the same key for the same event, so
both may try. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from launch_pipeline.checklist.moments import zoned_time
from launch_pipeline.checklist.sequence import GO_NO_GO, T_0, T_MINUS_2H, title
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.schema import EntryKind, Seal
from launch_pipeline.notifications.announcements import launch_notes_of
from launch_pipeline.notifications.keys import phase_key
from launch_pipeline.notifications.launch_notes import (
    aborted_note,
    complete_note,
    no_go_note,
    not_opened_note,
    postponed_note,
    started_note,
)
from launch_pipeline.notifications.model import PersonView
from launch_pipeline.notifications.next_steps import MISSED_AFTER, following, window_opening
from launch_pipeline.notifications.phase_notes import phase_note_of, unsealed_note
from launch_pipeline.slack.bridge.projection.change_notes import ChangeNotes
from launch_pipeline.slack.bridge.projection.changing import said_by
from launch_pipeline.slack.bridge.projection.ledger_view import CHANGES
from launch_pipeline.slack.bridge.projection.views import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from launch_pipeline.ledger.schema import LedgerEntry, Record
    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.notifications.model import LaunchFacts, LaunchNote, Next, PhaseNote
    from launch_pipeline.slack.bridge.projection.deployment import Deployment
    from launch_pipeline.slack.bridge.projection.ledger_view import LedgerView
    from launch_pipeline.slack.protocol import BoardLaunch, BoardRun

GRACE = timedelta(seconds=20)
"""Grace period before the bridge posts on a worker's behalf. Workers normally post within 2 s."""
WITHIN = timedelta(days=7)
"""Oldest event that is still posted: covers a weekend without Slack, without flooding a new channel."""
_ENDED = frozenset({"success", "failed"})
_AT_ONCE = frozenset(
    {
        EntryKind.ANNOUNCEMENT,
        *CHANGES,
        EntryKind.AMENDMENT_PROPOSED,
        EntryKind.LAUNCH_HELD,
        EntryKind.LAUNCH_RESUMED,
        EntryKind.REOPENED,
        EntryKind.LAUNCH_ABORTED,
    }
)
"""Entries without a grace period: no worker posts them, or a worker has tried already."""


@dataclass(frozen=True)
class CatchUp:
    """Look at one launch at one moment."""

    launch: BoardLaunch
    ledger: LedgerView
    deployment: Deployment
    now: datetime

    def missing(self, posted: Collection[str]) -> dict[str, Note | Seal]:
        """Return the notes that were not posted yet, by key, in the order of their events.

        ``posted`` holds the keys of those that were. A phase is returned as its seal; ``phase_note`` makes
        the note.
        """
        found = (*self._recorded(), *self._unsealed(), *self._missed())
        # The last note of a key wins: a worker's own note comes later in the ledger and knows more.
        return {key: what for key, what in found if key not in posted}

    def phase_note(self, seal: Seal, records: Sequence[Record]) -> PhaseNote:
        """Make the note of a sealed phase, with the records of its Dag."""
        plan = self.deployment.plans.get(seal.dag_id)
        words = plan.title if plan else title(seal.dag_id)
        then = self._following(seal.dag_id, complete=seal.complete)
        return phase_note_of(self._facts, words, seal, records, then, head=self.ledger.head)

    @property
    def _facts(self) -> LaunchFacts:
        return facts_of(self.launch, self.deployment, self.ledger)

    @property
    def _changes(self) -> ChangeNotes:
        return ChangeNotes(self._facts, self.ledger, self.deployment)

    # ---- events of the ledger ----------------------------------------------------------------------

    def _recorded(self) -> Iterator[tuple[str, Note | Seal]]:
        for entry in self.ledger.events:
            age = self.now - entry.appended_at
            if age <= WITHIN and (entry.kind in _AT_ONCE or age >= GRACE):
                note = self._note_of(entry)
                if note is not None:
                    yield phase_key(note) if isinstance(note, Seal) else note.key, note

    def _note_of(self, entry: LedgerEntry) -> Note | Seal | None:
        readers: dict[EntryKind, Callable[[LedgerEntry], Note | Seal | None]] = {
            EntryKind.SEAL: lambda sealed: Seal.model_validate(sealed.content),
            # A worker's own note of the launch; a phase's announcement holds none, its seal is enough.
            EntryKind.ANNOUNCEMENT: lambda written: next(iter(launch_notes_of([written])), None),
            EntryKind.LAUNCH_STARTED: self._started,
            EntryKind.LAUNCH_POSTPONED: self._postponed,
            EntryKind.AMENDMENT_PROPOSED: self._changes.proposed,
            EntryKind.LAUNCH_AMENDED: self._changes.amended,
            EntryKind.LAUNCH_RETARGETED: self._changes.retargeted,
            EntryKind.LAUNCH_HELD: self._changes.held,
            EntryKind.LAUNCH_RESUMED: self._changes.resumed,
            EntryKind.REOPENED: self._changes.reopened,
            EntryKind.LAUNCH_ABORTED: self._aborted,
            EntryKind.LAUNCH_ENDED: self._ended,
        }
        return readers[entry.kind](entry) if entry.kind in readers else None

    def _started(self, entry: LedgerEntry) -> LaunchNote:
        # The entry knows the first launch time, even if the launch was postponed since.
        by = self.deployment.name_of(str(entry.content.get("started_by") or ""))
        given = {"started_by": by, "launch_at": zoned_time(entry.content.get("launch_at"))}
        return started_note(self._facts.model_copy(update=given))

    def _postponed(self, entry: LedgerEntry) -> LaunchNote:
        content = entry.content
        return postponed_note(
            self._facts,
            entry.try_number,
            self._by(entry),
            str(content.get("reason") or ""),
            at=zoned_time(content.get("to")),
            was=zoned_time(content.get("from")),
        )

    def _aborted(self, entry: LedgerEntry) -> LaunchNote:
        reason = str(entry.content.get("reason") or "")
        return aborted_note(self._facts, self._by(entry), reason, self.ledger.head)

    def _ended(self, entry: LedgerEntry) -> LaunchNote | None:
        """Announce a complete launch or a no go. A rollback is announced by its own seal."""
        state, seal = entry.content.get("state"), self.ledger.seals.get(GO_NO_GO)
        if state == LaunchState.COMPLETE:
            return complete_note(self._facts, self.ledger.head)
        if state == LaunchState.NO_GO and seal is not None:
            return no_go_note(self._facts, seal, self.ledger.set_aside, self.ledger.head)
        return None

    # ---- events without an entry -------------------------------------------------------------------

    def _unsealed(self) -> Iterator[tuple[str, Note]]:
        for run in self.launch.runs:
            plan = self.deployment.plans.get(run.dag_id)
            if plan is not None and self._ended_unsealed(run):
                then = self._following(run.dag_id, complete=False)
                note = unsealed_note(self._facts, plan.title, run.dag_id, run.started_at, then)
                yield note.key, note

    def _ended_unsealed(self, run: BoardRun) -> bool:
        if run.state not in _ENDED or run.ended_at is None or self.ledger.seal_of(run):
            return False
        return GRACE <= self.now - run.ended_at <= WITHIN

    def _missed(self) -> Iterator[tuple[str, Note]]:
        launch = self.ledger.launch
        if launch is None or launch.over:
            return
        again = {one.item.dag_id for one in self.ledger.again.values()}
        complete = {seal.dag_id for seal in self.ledger.seals.values() if seal.complete} - again
        held = self.ledger.hold is not None
        # A rehearsal's environment shortens its hours, and the bridge does not know by how much.
        for dag_id in (T_0,) if launch.rehearsal else (T_MINUS_2H, T_0):
            due = window_opening(self.deployment.plans.get(dag_id), launch.launch_at, None)
            begun = any(run.dag_id == dag_id for run in self.launch.runs)
            if due is not None and not begun and self.now - due > MISSED_AFTER:
                note = not_opened_note(self._facts, dag_id, due, complete, self._starter(), held=held)
                yield note.key, note

    # ---- people and times --------------------------------------------------------------------------

    def _by(self, entry: LedgerEntry) -> tuple[str, ...]:
        name = said_by(entry, self.deployment)
        return (name,) if name else ()

    def _starter(self) -> tuple[PersonView, ...]:
        starter = self.ledger.launch.started_by if self.ledger.launch else ""
        person = self.deployment.contacts.by_airflow_user(starter)
        return (PersonView.of(person),) if person and person.active else ()

    def _following(self, dag_id: str, *, complete: bool) -> Next | None:
        if self.ledger.launch is None:
            return None
        return following(dag_id, complete=complete, opens_at=self._opens_at, over=self.ledger.over)

    def _opens_at(self, dag_id: str) -> datetime | None:
        launch = self.ledger.launch
        if launch is None or launch.rehearsal:
            return None
        plan = self.deployment.plans.get(dag_id)
        return window_opening(plan, launch.launch_at, self.ledger.seals.get(T_0))
