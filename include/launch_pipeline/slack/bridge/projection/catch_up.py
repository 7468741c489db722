"""What nobody else has told: the notes of a launch that the ledger and the board call for.

Workers tell most of it (``orchestration.telling`` and the announce task). Here is what they could not tell,
and what no worker knows of: a launch that was postponed or aborted, a phase that was ended by hand, a window
whose time passed before its turn. Whoever tells a note first keeps its key, so both may try. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.moments import opening_of
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR, GO_NO_GO, T_0, T_MINUS_2H, title
from launch_pipeline.ledger.launch import FROM_A_TERMINAL, LaunchState, Via
from launch_pipeline.ledger.schema import EntryKind, Outcome, Seal
from launch_pipeline.notifications.build import LaunchFacts, phase_note_of, unsealed_note
from launch_pipeline.notifications.kept import launch_notes_of
from launch_pipeline.notifications.keys import due_mark, launch_key, phase_key, seal_mark
from launch_pipeline.notifications.links import report_url, run_url
from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, Next, PersonView
from launch_pipeline.notifications.next_steps import beginning, following

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from launch_pipeline.ledger.schema import KeptEntry, Record
    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.notifications.model import PhaseNote
    from launch_pipeline.slack.bridge.projection.ledger_view import Memory
    from launch_pipeline.slack.bridge.projection.views import Deployment
    from launch_pipeline.slack.protocol import BoardLaunch, BoardRun

GRACE = timedelta(seconds=20)
"""How long a worker has to tell it himself; he needs two."""
WITHIN = timedelta(days=7)
"""How old what happened may be: longer than a weekend without Slack, and no flood on the first day."""
MISSED_AFTER = timedelta(minutes=5)
"""A window whose Dag has not begun so long after its moment was missed; as in ``orchestration.telling``."""
_ENDED = frozenset({"success", "failed"})
_MOVE = Next(what="Move the launch with `launch postpone`, or end it with `launch abort`.")


@dataclass(frozen=True)
class Teller:
    """One launch, at one moment."""

    launch: BoardLaunch
    memory: Memory
    deployment: Deployment
    now: datetime

    def untold(self, told: Collection[str]) -> dict[str, Note | Seal]:
        """Give what nobody has told yet, by key, in the order in which it happened.

        ``told`` are the keys that were told. Of a phase it gives the seal; ``phase_note`` makes the note.
        """
        found = (*self._kept(), *self._unsealed(), *self._missed())
        # Of one key the last counts: a worker's own note comes later in the ledger and knows more.
        return {key: what for key, what in found if key not in told}

    def phase_note(self, seal: Seal, records: Sequence[Record]) -> PhaseNote:
        """Make the note of a phase that ended, with the records of its Dag."""
        plan = self.deployment.plans.get(seal.dag_id)
        words = plan.title if plan else title(seal.dag_id)
        return phase_note_of(
            self._facts,
            words,
            seal,
            records,
            self._following(seal.dag_id, complete=seal.complete),
            head=self.memory.head,
        )

    @property
    def _facts(self) -> LaunchFacts:
        launch, url = self.launch, self.deployment.public_url
        return LaunchFacts(launch_id=launch.launch_id, rehearsal=launch.rehearsal, airflow_url=url)

    # ---- what the ledger keeps ---------------------------------------------------------------------

    def _kept(self) -> Iterator[tuple[str, Note | Seal]]:
        for entry in self.memory.told:
            age = self.now - entry.appended_at
            if age <= WITHIN and (entry.kind in _AT_ONCE or age >= GRACE):
                note = self._told_by(entry)
                if note is not None:
                    yield phase_key(note) if isinstance(note, Seal) else note.key, note

    def _told_by(self, entry: KeptEntry) -> Note | Seal | None:
        readers: dict[EntryKind, Callable[[KeptEntry], Note | Seal | None]] = {
            EntryKind.SEAL: lambda kept: Seal.model_validate(kept.content),
            # A worker's own note, whether or not Slack took it; of a phase the seal is enough.
            EntryKind.ANNOUNCEMENT: lambda kept: next(iter(launch_notes_of([kept])), None),
            EntryKind.LAUNCH_STARTED: self._started,
            EntryKind.LAUNCH_POSTPONED: self._postponed,
            EntryKind.LAUNCH_ABORTED: self._aborted,
            EntryKind.LAUNCH_ENDED: self._over,
        }
        return readers[entry.kind](entry) if entry.kind in readers else None

    def _started(self, entry: KeptEntry) -> LaunchNote:
        return self._launch_note(
            LaunchNoteKind.STARTED,
            what=self.launch.release,
            by=self._named(entry.content.get("started_by")),
            at=_moment(entry.content.get("launch_at")),
            next=beginning(),
        )

    def _postponed(self, entry: KeptEntry) -> LaunchNote:
        return self._launch_note(
            LaunchNoteKind.POSTPONED,
            entry.try_number,
            what=self.launch.release,
            by=self._said_by(entry),
            reason=str(entry.content.get("reason") or ""),
            at=_moment(entry.content.get("to")),
            was=_moment(entry.content.get("from")),
        )

    def _aborted(self, entry: KeptEntry) -> LaunchNote:
        return self._launch_note(
            LaunchNoteKind.ABORTED,
            what=self.launch.release,
            by=self._said_by(entry),
            reason=str(entry.content.get("reason") or ""),
            **self._end(),
        )

    def _over(self, entry: KeptEntry) -> LaunchNote | None:
        """How the launch ended; that it was rolled back is told by the rollback's own seal."""
        if entry.content.get("state") == LaunchState.COMPLETE:
            return self._launch_note(LaunchNoteKind.COMPLETE, what=self.launch.release, **self._end())
        seal = self.memory.seals.get(GO_NO_GO)
        if entry.content.get("state") != LaunchState.NO_GO or seal is None:
            return None
        said = [r for r in self.memory.aside if r.dag_id == GO_NO_GO and r.outcome is Outcome.REJECTED]
        return self._launch_note(
            LaunchNoteKind.NO_GO,
            seal_mark(seal),
            what=self.launch.release,
            by=tuple(dict.fromkeys(r.decided_by.name for r in said if r.decided_by)),
            reason=" · ".join(r.reason for r in said),
            url=run_url(self.deployment.public_url, GO_NO_GO, self.launch.launch_id),
            **self._end(),
        )

    # ---- what nobody kept --------------------------------------------------------------------------

    def _unsealed(self) -> Iterator[tuple[str, Note]]:
        for run in self.launch.runs:
            plan = self.deployment.plans.get(run.dag_id)
            if plan is not None and self._ended_by_hand(run):
                then = self._following(run.dag_id, complete=False)
                note = unsealed_note(self._facts, plan.title, run.dag_id, run.started_at, then)
                yield note.key, note

    def _ended_by_hand(self, run: BoardRun) -> bool:
        if run.state not in _ENDED or run.ended_at is None or self.memory.seal_of(run):
            return False
        return GRACE <= self.now - run.ended_at <= WITHIN

    def _missed(self) -> Iterator[tuple[str, Note]]:
        launch = self.memory.launch
        if launch is None or launch.over:
            return
        # Hours of a rehearsal are as short as its environment says, which nobody says here; T-0 has none.
        for dag_id in (T_0,) if launch.rehearsal else (T_MINUS_2H, T_0):
            plan = self.deployment.plans.get(dag_id)
            due = opening_of(plan, launch.launch_at) if plan else None
            begun = any(run.dag_id == dag_id for run in self.launch.runs)
            if due is not None and not begun and self.now - due > MISSED_AFTER:
                note = self._missed_note(dag_id, due)
                yield note.key, note

    def _missed_note(self, dag_id: str, due: datetime) -> LaunchNote:
        before = ALL_PHASES[: ALL_PHASES.index(dag_id)]
        complete = {seal.dag_id for seal in self.memory.seals.values() if seal.complete}
        left = [title(one) for one in before if one not in complete]
        return self._launch_note(
            LaunchNoteKind.WINDOW_MISSED,
            dag_id,
            due_mark(due),
            what=title(dag_id),
            reason=f"Not complete before it: {', '.join(left)}." if left else "",
            at=due,
            mentioned=self._starter(),
            next=_MOVE,
        )

    # ---- words -------------------------------------------------------------------------------------

    def _launch_note(self, kind: LaunchNoteKind, *suffix: str | int, **fields: Any) -> LaunchNote:
        launch_id = self.launch.launch_id
        return LaunchNote(
            kind=kind,
            key=launch_key(launch_id, kind, *suffix),
            launch_id=launch_id,
            rehearsal=self.launch.rehearsal,
            **{"url": run_url(self.deployment.public_url, CONDUCTOR, launch_id), **fields},
        )

    def _end(self) -> dict[str, Any]:
        """What is told of every end: where its report is, and how far its chain goes."""
        return {
            "report": report_url(self.deployment.public_url, self.launch.launch_id),
            "head": self.memory.head,
        }

    def _said_by(self, entry: KeptEntry) -> tuple[str, ...]:
        by = self._named(entry.content.get("by"))
        terminal = entry.content.get("via") == Via.TERMINAL
        return tuple(f"{name}, {FROM_A_TERMINAL}" for name in by) if terminal else by

    def _named(self, user: object) -> tuple[str, ...]:
        return (self.deployment.name_of(str(user)),) if user else ()

    def _starter(self) -> tuple[PersonView, ...]:
        starter = self.memory.launch.started_by if self.memory.launch else None
        person = self.deployment.contacts.by_airflow_user(starter or "")
        return (PersonView(name=person.name, slack_id=person.slack_id),) if person and person.active else ()

    def _following(self, dag_id: str, *, complete: bool) -> Next | None:
        if self.memory.launch is None:
            return None
        return following(dag_id, complete=complete, opens_at=self._opens_at, over=self.memory.over)

    def _opens_at(self, dag_id: str) -> datetime | None:
        launch, plan = self.memory.launch, self.deployment.plans.get(dag_id)
        if launch is None or plan is None or launch.rehearsal:
            return None
        ended = self.memory.seals.get(T_0)
        return opening_of(plan, launch.launch_at, ended.sealed_at if ended else None)


_AT_ONCE = frozenset({EntryKind.ANNOUNCEMENT, EntryKind.LAUNCH_POSTPONED, EntryKind.LAUNCH_ABORTED})
"""What nobody else tells, or could tell."""


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None
