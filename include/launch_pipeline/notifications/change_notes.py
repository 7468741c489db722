"""Build the notes about what changes while a launch runs, and about what is no longer true. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.notifications.keys import seal_mark
from launch_pipeline.notifications.launch_notes import note_of
from launch_pipeline.notifications.model import LaunchNoteKind, Next

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from launch_pipeline.ledger.facts import Proposed, Target
    from launch_pipeline.ledger.reopened import Reopened
    from launch_pipeline.ledger.schema import Seal
    from launch_pipeline.notifications.model import LaunchFacts, LaunchNote, PersonView

COMMIT = 12
"""How much of a commit's id is shown; git itself shows seven to twelve digits."""
SHOWN = 12
"""How many changes of an amendment a note names; the rest is counted."""


def proposed_note(
    launch: LaunchFacts,
    number: int,
    by: Sequence[str],
    said: Proposed,
    changed: Sequence[str],
    mentioned: Sequence[PersonView],
) -> LaunchNote:
    """Announce that an amendment waits for a second person, and mention those who may confirm it."""
    then = f"Confirm it with `launch amend {launch.launch_id} --confirm {said.digest}`."
    return note_of(
        launch,
        LaunchNoteKind.AMENDMENT_PROPOSED,
        number,
        by=tuple(by),
        reason=said.reason,
        details=_shown(changed),
        mentioned=tuple(mentioned),
        next=Next(what=then),
    )


def _shown(changed: Sequence[str]) -> tuple[str, ...]:
    more = len(changed) - SHOWN
    return (*changed[:SHOWN], *([f"and {more} more"] if more > 0 else []))


def amended_note(
    launch: LaunchFacts,
    number: int,
    by: Sequence[str],
    reason: str,
    changed: Sequence[str],
    confirmed_by: str = "",
) -> LaunchNote:
    """Announce an amendment; ``changed`` says what it changed, a line each."""
    second = [f"Confirmed by {confirmed_by}"] if confirmed_by else []
    details = (*second, *_shown(changed))
    return note_of(launch, LaunchNoteKind.AMENDED, number, by=tuple(by), reason=reason, details=details)


def retargeted_note(
    launch: LaunchFacts, number: int, by: Sequence[str], reason: str, before: Target, to: Target
) -> LaunchNote:
    """Announce that the release commit was moved."""
    return note_of(
        launch,
        LaunchNoteKind.RETARGETED,
        number,
        what=to.release,
        by=tuple(by),
        reason=reason,
        details=tuple(moved(before, to)),
    )


def moved(before: Target, to: Target) -> list[str]:
    """Return what of a target has moved, in words."""
    release = f"Release {before.release} → {to.release}"
    commit = f"Commit {before.release_sha[:COMMIT]} → {to.release_sha[:COMMIT]}"
    return [
        *([release] if before.release != to.release else []),
        *([commit] if before.release_sha != to.release_sha else []),
    ]


def held_note(
    launch: LaunchFacts, number: int, by: Sequence[str], reason: str, held_at: datetime
) -> LaunchNote:
    """Announce that a launch is on hold."""
    then = Next(what="No window opens until the launch is resumed.")
    return note_of(launch, LaunchNoteKind.HELD, number, by=tuple(by), reason=reason, at=held_at, next=then)


def resumed_note(launch: LaunchFacts, number: int, by: Sequence[str], reason: str) -> LaunchNote:
    """Announce that a hold was lifted."""
    return note_of(launch, LaunchNoteKind.RESUMED, number, by=tuple(by), reason=reason)


def no_longer_true_note(
    launch: LaunchFacts,
    number: int,
    item: Reopened,
    mentioned: Sequence[PersonView],
    at: datetime,
    url: str,
) -> LaunchNote:
    """Announce that an item is no longer true, and mention its owner; ``number`` tells its times apart."""
    return note_of(
        launch,
        LaunchNoteKind.NO_LONGER_TRUE,
        item.item_ref,
        number,
        what=item.text,
        reason="; ".join(item.why),
        at=at,
        details=(f"Owner: {item.owner.label}",),
        mentioned=tuple(mentioned),
        url=url or launch.page(item.dag_id),
    )


def go_taken_back_note(
    launch: LaunchFacts, seal: Seal | None, why: Sequence[str], mentioned: Sequence[PersonView], number: int
) -> LaunchNote:
    """Announce that Go no longer counts, and mention the people who decide again.

    ``seal`` is the seal of the Go; without one ``number`` tells the times apart.
    """
    return note_of(
        launch,
        LaunchNoteKind.GO_TAKEN_BACK,
        seal_mark(seal) if seal else number,
        reason="; ".join(dict.fromkeys(why)),
        mentioned=tuple(mentioned),
        next=Next(what="Repair or waive what is no longer true, then decide again."),
        url=launch.page(GO_NO_GO),
    )
