"""Build the messages about a launch as a whole. Pure: workers and the bridge build the same note here.

The key of each note says which event it is about, so that a worker and the bridge post it once between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR, GO_NO_GO, ROLLBACK, T_0, title
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.keys import due_mark, launch_key, seal_mark
from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, Next
from launch_pipeline.notifications.next_steps import LAUNCH_OVER, MISSED_AFTER, first_step
from launch_pipeline.notifications.phase_notes import deciders, failing_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from launch_pipeline.ledger.chain import Head
    from launch_pipeline.ledger.schema import Record, Seal
    from launch_pipeline.notifications.model import LaunchFacts, PersonView, SetAside

_OPENS_LATE = "It opens now. If that is too late, run 'launch postpone' or 'launch abort'."
_RESUME_OR_MOVE = "Resume the launch, or move it with `launch postpone`."
_MOVE_OR_END = "Move the launch with `launch postpone`, or end it with `launch abort`."


def started_note(launch: LaunchFacts) -> LaunchNote:
    """Announce the start of a launch."""
    return note_of(
        launch, LaunchNoteKind.STARTED, by=_starter(launch), at=launch.launch_at, next=first_step()
    )


def refused_note(launch: LaunchFacts, reason: str) -> LaunchNote:
    """Announce that a start was refused, and why."""
    return note_of(launch, LaunchNoteKind.REFUSED, by=_starter(launch), reason=reason)


def postponed_note(
    launch: LaunchFacts,
    number: int,
    by: Sequence[str],
    reason: str,
    *,
    at: datetime | None,
    was: datetime | None,
) -> LaunchNote:
    """Announce a new launch time; ``number`` tells the postponements of a launch apart."""
    return note_of(launch, LaunchNoteKind.POSTPONED, number, by=tuple(by), reason=reason, at=at, was=was)


def aborted_note(launch: LaunchFacts, by: Sequence[str], reason: str, head: Head | None) -> LaunchNote:
    """Announce that a launch was aborted."""
    return _end(launch, LaunchNoteKind.ABORTED, head, by=tuple(by), reason=reason)


def complete_note(launch: LaunchFacts, head: Head | None, signed_by: Sequence[str] = ()) -> LaunchNote:
    """Announce that a launch is complete."""
    return _end(launch, LaunchNoteKind.COMPLETE, head, by=tuple(signed_by))


def go_note(
    launch: LaunchFacts,
    seal: Seal,
    records: Sequence[Record],
    waivers: Sequence[SetAside],
    opens_at: datetime | None,
) -> LaunchNote:
    """Announce a go: who decided, what is waived, and when T-0 opens."""
    return note_of(
        launch,
        LaunchNoteKind.GO,
        seal_mark(seal),
        by=deciders(seal, records, Outcome.APPROVED),
        at=launch.launch_at,
        waivers=tuple(waivers),
        next=Next(what=title(T_0), at=opens_at),
        url=launch.page(GO_NO_GO),
    )


def no_go_note(launch: LaunchFacts, seal: Seal, records: Sequence[Record], head: Head | None) -> LaunchNote:
    """Announce a no go: who rejected what, and why."""
    failing = failing_of(launch, seal, records)
    return _end(
        launch,
        LaunchNoteKind.NO_GO,
        head,
        seal_mark(seal),
        by=deciders(seal, records, Outcome.REJECTED),
        failing=tuple(one for one in failing if one.outcome is Outcome.REJECTED),
        next=Next(what=LAUNCH_OVER),
        url=launch.page(GO_NO_GO),
    )


def rollback_offered_note(
    launch: LaunchFacts,
    windows: Sequence[str],
    seals: Sequence[Seal],
    records: Sequence[Record],
    *,
    problems: Sequence[str],
    mentioned: Sequence[PersonView],
) -> LaunchNote:
    """Announce that a rollback is offered, and mention the people who decide on it.

    ``windows`` are the Dags that failed; of ``problems``, those that no seal has are shown.
    """
    return note_of(
        launch,
        LaunchNoteKind.ROLLBACK_OFFERED,
        *map(seal_mark, seals),
        what=", ".join(map(title, windows)),
        reason=" ".join(one for one in problems if not any(one in seal.problems for seal in seals)),
        failing=tuple(one for seal in seals for one in failing_of(launch, seal, records)),
        mentioned=tuple(mentioned),
        next=Next(what=f"The decision is the first item of {title(ROLLBACK)}."),
        url=launch.page(ROLLBACK),
    )


def window_note(launch: LaunchFacts, dag_id: str, due: datetime, now: datetime) -> LaunchNote:
    """Announce that a window opened now; more than ``MISSED_AFTER`` after its time it was missed."""
    late = now - due
    page = launch.page(dag_id)
    if late <= MISSED_AFTER:
        return _window(launch, LaunchNoteKind.WINDOW_OPENED, dag_id, due, url=page)
    reason, then = f"{_duration(late)} late", Next(what=_OPENS_LATE)
    return _window(launch, LaunchNoteKind.WINDOW_MISSED, dag_id, due, reason=reason, next=then, url=page)


def not_opened_note(
    launch: LaunchFacts,
    dag_id: str,
    due: datetime,
    complete: Collection[str],
    mentioned: Sequence[PersonView],
    *,
    held: bool = False,
) -> LaunchNote:
    """Announce a missed window that has not opened yet; ``complete`` are the Dags whose seals stand."""
    before = ALL_PHASES[: ALL_PHASES.index(dag_id)]
    left = [title(each) for each in before if each not in complete]
    return _window(
        launch,
        LaunchNoteKind.WINDOW_MISSED,
        dag_id,
        due,
        reason=" ".join(
            [
                *(["The launch is on hold."] if held else []),
                *([f"Not complete before it: {', '.join(left)}."] if left else []),
            ]
        ),
        mentioned=tuple(mentioned),
        next=Next(what=_RESUME_OR_MOVE if held else _MOVE_OR_END),
    )


def _window(
    launch: LaunchFacts, kind: LaunchNoteKind, dag_id: str, due: datetime, **fields: Any
) -> LaunchNote:
    return note_of(launch, kind, dag_id, due_mark(due), what=title(dag_id), at=due, **fields)


def _end(
    launch: LaunchFacts, kind: LaunchNoteKind, head: Head | None, *suffix: str, **fields: Any
) -> LaunchNote:
    """Add the report and the head of the hash chain, which every end of a launch shows."""
    return note_of(launch, kind, *suffix, report=launch.report, head=head, **fields)


def note_of(launch: LaunchFacts, kind: LaunchNoteKind, *suffix: str | int, **fields: Any) -> LaunchNote:
    """Build a note whose key has this suffix; release and page are the launch's unless they are given."""
    return LaunchNote(
        kind=kind,
        key=launch_key(launch.launch_id, kind, *suffix),
        launch_id=launch.launch_id,
        rehearsal=launch.rehearsal,
        **{"what": launch.release, "url": launch.page(CONDUCTOR), **fields},
    )


def _starter(launch: LaunchFacts) -> tuple[str, ...]:
    return (launch.started_by,) if launch.started_by else ()


def _duration(late: timedelta) -> str:
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
