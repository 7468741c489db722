"""Model the rows about what is verified again: items that were reopened, and what another look found."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.ledger.schema import Entry, EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Cause(StrEnum):
    """Why an item was reopened."""

    CHANGED = "changed"
    """What its record rests on has changed."""
    NO_LONGER_TRUE = "no_longer_true"
    """Its checks passed, and fail now."""
    GO_TAKEN_BACK = "go_taken_back"
    """A decision that was made on something that is no longer true."""


class Reopened(Frozen):
    """An item that is verified again."""

    dag_id: str
    item_ref: str
    text: str
    owner: Role
    cause: Cause
    why: tuple[str, ...]
    """The reasons, as sentences without a full stop."""
    task_instance_id: str
    """The task instance whose record no longer counts; empty if the item was still waiting."""

    def entry(self, launch_id: str, number: int) -> Entry:
        """Build the entry; ``number`` tells the times apart that one item is reopened."""
        return Entry(
            kind=EntryKind.REOPENED,
            launch_id=launch_id,
            dag_id=self.dag_id,
            item_ref=self.item_ref,
            task_instance_id=f"launch/{launch_id}",
            try_number=number,
            content=json.loads(self.model_dump_json()),
        )


class Seen(Frozen):
    """What another look at an item saw."""

    dag_id: str
    item_ref: str
    text: str
    owner: Role
    headline: str


class VerifiedAgain(Frozen):
    """Another look at every machine check of the sealed phases."""

    looked_at: AwareDatetime
    still_true: int
    """How many items are still true."""
    no_longer_true: tuple[Seen, ...] = ()
    not_looked_at: tuple[Seen, ...] = ()
    """Items that could not be looked at, each with the reason as its headline."""

    def entry(self, launch_id: str, dag_id: str, task_instance_id: str, number: int) -> Entry:
        """Build the entry of one look by a task."""
        return Entry(
            kind=EntryKind.VERIFIED_AGAIN,
            launch_id=launch_id,
            dag_id=dag_id,
            task_instance_id=task_instance_id,
            try_number=number,
            content=json.loads(self.model_dump_json()),
        )


def open_again(entries: Iterable[Entry]) -> tuple[Reopened, ...]:
    """Return the items that were reopened and whose Dag was not sealed complete since, each once."""
    found: dict[str, Reopened] = {}
    for entry in entries:
        if entry.kind is EntryKind.REOPENED:
            found[entry.item_ref] = Reopened.model_validate(entry.content)
        elif entry.kind is EntryKind.SEAL and entry.content.get("complete") is True:
            found = {ref: one for ref, one in found.items() if one.dag_id != entry.dag_id}
    return tuple(found.values())


def times_reopened(entries: Sequence[Entry], item_ref: str) -> int:
    """Return how often an item was reopened so far."""
    return sum(e.kind is EntryKind.REOPENED and e.item_ref == item_ref for e in entries)


def latest_look(entries: Sequence[Entry]) -> VerifiedAgain | None:
    """Return what the latest look again found, if there was one."""
    looks: list[Any] = [e.content for e in entries if e.kind is EntryKind.VERIFIED_AGAIN]
    return VerifiedAgain.model_validate(looks[-1]) if looks else None
