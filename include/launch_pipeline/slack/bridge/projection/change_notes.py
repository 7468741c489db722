"""Make the notes about what changes while a launch runs, from its entries. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.launch.basis import OF_THE_LAUNCH, VARIABLE, stale_because
from launch_pipeline.ledger.facts import Amended, Held, Proposed, Retargeted
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import EntryKind, Seal
from launch_pipeline.notifications.change_notes import (
    amended_note,
    go_taken_back_note,
    held_note,
    no_longer_true_note,
    proposed_note,
    resumed_note,
    retargeted_note,
)
from launch_pipeline.notifications.links import item_url
from launch_pipeline.notifications.model import AgainItem, LaunchNote, LaunchNoteKind, PersonView
from launch_pipeline.slack.bridge.projection.changing import changed_lines, said_by
from launch_pipeline.slack.bridge.projection.ledger_view import CHANGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.launch.standing import Stale
    from launch_pipeline.ledger.schema import LedgerEntry
    from launch_pipeline.notifications.model import LaunchFacts
    from launch_pipeline.slack.bridge.projection.deployment import Deployment
    from launch_pipeline.slack.bridge.projection.ledger_view import LedgerView

CALLS_FOR = frozenset({LaunchNoteKind.POSTPONED, LaunchNoteKind.AMENDED, LaunchNoteKind.RETARGETED})
"""Notes that list the items that are verified again."""
_OF_KIND = {
    EntryKind.LAUNCH_POSTPONED: LaunchNoteKind.POSTPONED,
    EntryKind.LAUNCH_AMENDED: LaunchNoteKind.AMENDED,
    EntryKind.LAUNCH_RETARGETED: LaunchNoteKind.RETARGETED,
}
_MOVES = {
    LaunchNoteKind.POSTPONED: ("launch_at", "launch_date"),
    LaunchNoteKind.RETARGETED: ("release", "release_sha", "previous_release"),
}


class ChangeNotes:
    """Make the notes of one launch."""

    def __init__(self, launch: LaunchFacts, ledger: LedgerView, deployment: Deployment) -> None:
        self._launch = launch
        self._ledger = ledger
        self._deployment = deployment

    def proposed(self, entry: LedgerEntry) -> LaunchNote:
        """Announce an amendment that waits for a second person."""
        said = Proposed.model_validate(entry.content)
        changed = changed_lines(said.changes, self._ledger.plans)
        others = [
            PersonView.of(person)
            for role in self._deployment.policy.who_may_amend
            for person in self._deployment.contacts.holders(role)
            if person.airflow_user != said.by
        ]
        people = [*dict.fromkeys(others)]
        return proposed_note(self._launch, entry.try_number, self._by(entry), said, changed, people)

    def amended(self, entry: LedgerEntry) -> LaunchNote:
        """Announce an amendment."""
        said = Amended.model_validate(entry.content)
        changed = changed_lines(said.changes, self._ledger.plans)
        second = self._deployment.name_of(said.confirmed_by) if said.confirmed_by else ""
        return amended_note(self._launch, entry.try_number, self._by(entry), said.reason, changed, second)

    def retargeted(self, entry: LedgerEntry) -> LaunchNote:
        """Announce that the release commit was moved."""
        said = Retargeted.model_validate(entry.content)
        by = self._by(entry)
        return retargeted_note(self._launch, entry.try_number, by, said.reason, said.before, said.to)

    def held(self, entry: LedgerEntry) -> LaunchNote:
        """Announce a hold."""
        said = Held.model_validate(entry.content)
        return held_note(self._launch, entry.try_number, self._by(entry), said.reason, said.held_at)

    def resumed(self, entry: LedgerEntry) -> LaunchNote:
        """Announce that a hold was lifted."""
        reason = str(entry.content.get("reason") or "")
        return resumed_note(self._launch, entry.try_number, self._by(entry), reason)

    def reopened(self, entry: LedgerEntry) -> LaunchNote | None:
        """Announce a regression, or a Go that was taken back; what has changed is in the change's note."""
        item = Reopened.model_validate(entry.content)
        if item.cause is Cause.NO_LONGER_TRUE:
            return self._no_longer_true(entry, item)
        return self._go_taken_back(entry) if item.cause is Cause.GO_TAKEN_BACK else None

    def _no_longer_true(self, entry: LedgerEntry, item: Reopened) -> LaunchNote:
        task_id = item.item_ref.partition(".")[2]
        url = item_url(self._deployment.public_url, item.dag_id, self._launch.launch_id, task_id)
        owner = self._deployment.may_answer(item.owner)[:1]
        return no_longer_true_note(self._launch, entry.try_number, item, owner, entry.appended_at, url)

    def _go_taken_back(self, entry: LedgerEntry) -> LaunchNote:
        """Announce all decisions that were reopened together in one note."""
        before = [one for one in self._ledger.events if one.seq < entry.seq]
        sealed = [one for one in before if one.kind is EntryKind.SEAL and one.dag_id == GO_NO_GO]
        last = sealed[-1].seq if sealed else 0
        later = [
            one.seq
            for one in self._ledger.events
            if one.kind is EntryKind.SEAL and one.dag_id == GO_NO_GO and one.seq > entry.seq
        ]
        items = [
            item
            for one in self._ledger.events
            if one.kind is EntryKind.REOPENED and last < one.seq < min(later, default=one.seq + 1)
            if (item := Reopened.model_validate(one.content)).cause is Cause.GO_TAKEN_BACK
        ]
        people: list[PersonView] = []
        for item in items:
            people += self._deployment.may_answer(item.owner)[:1]
        why = [reason for item in items for reason in item.why]
        seal = Seal.model_validate(sealed[-1].content) if sealed else None
        return go_taken_back_note(self._launch, seal, why, [*dict.fromkeys(people)], entry.try_number)

    def _by(self, entry: LedgerEntry) -> tuple[str, ...]:
        name = said_by(entry, self._deployment)
        return (name,) if name else ()


def with_items(note: LaunchNote, ledger: LedgerView, stale: Sequence[Stale]) -> LaunchNote:
    """Return the note of a change with the items that are verified again because of it.

    Those that still are stale, and those that were reopened since, whether or not they have a new record.
    """
    found = {one.spec.ref: AgainItem(text=one.spec.item.text, why=_joined(one.why)) for one in stale}
    for entry in _reopened_after(note, ledger):
        item = Reopened.model_validate(entry.content)
        found.setdefault(item.item_ref, AgainItem(text=item.text, why=_joined(item.why)))
    wanted = _reasons(note.kind)
    return note.model_copy(
        update={"again": tuple(one for one in found.values() if _because(one, note.kind, wanted))}
    )


def _reopened_after(note: LaunchNote, ledger: LedgerView) -> list[LedgerEntry]:
    changes = [one for one in ledger.events if one.kind in CHANGES]
    mine = [
        one.seq
        for one in changes
        if _OF_KIND[one.kind] is note.kind and note.key.endswith(f"/{one.try_number}")
    ]
    return [
        one
        for one in ledger.events
        if one.kind is EntryKind.REOPENED
        and mine
        and one.seq > mine[-1]
        and one.content.get("cause") == Cause.CHANGED
    ]


def _reasons(kind: LaunchNoteKind) -> set[str]:
    """Return the words for what a change moves; those of an amendment are all others."""
    names = _MOVES.get(kind) or tuple(OF_THE_LAUNCH)
    return {why for name in names for why in stale_because({}, {f"{VARIABLE}{name}": "moved"})}


def _because(one: AgainItem, kind: LaunchNoteKind, wanted: set[str]) -> bool:
    given = set(one.why.split(_BETWEEN))
    return bool(given - wanted if kind is LaunchNoteKind.AMENDED else given & wanted)


_BETWEEN = "; "


def _joined(why: Sequence[str]) -> str:
    return _BETWEEN.join(why)
