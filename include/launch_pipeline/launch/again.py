"""Say which items of a launch are verified again at the moment, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import EntryKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from launch_pipeline.ledger.schema import LedgerEntry


class Latest(NamedTuple):
    """The latest record of an item."""

    seq: int
    outcome: Outcome


@dataclass(frozen=True)
class Again:
    """An item that was reopened, and that no record has let pass since."""

    item: Reopened
    since: datetime
    number: int
    """Tells the times apart that the item was reopened."""
    outcome: Outcome | None = None
    """The record since, which does not let it pass; None while there is none."""

    @property
    def no_longer_true(self) -> bool:
        """Whether its checks had passed, and failed later."""
        return self.item.cause is Cause.NO_LONGER_TRUE

    @property
    def why(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.item.why)


def again_now(entries: Iterable[LedgerEntry], latest: Mapping[str, Latest]) -> tuple[Again, ...]:
    """Return the items of a launch that are verified again, in the order in which they were reopened.

    ``entries`` are the launch's rows in order; only those that reopen and seal are read. ``latest`` has the
    latest record of every reopened item, by its ref.
    """
    found: dict[str, tuple[LedgerEntry, Reopened]] = {}
    for entry in entries:
        if entry.kind is EntryKind.REOPENED:
            found.pop(entry.item_ref, None)
            found[entry.item_ref] = (entry, Reopened.model_validate(entry.content))
        elif entry.kind is EntryKind.SEAL and entry.content.get("complete") is True:
            found = {ref: one for ref, one in found.items() if one[1].dag_id != entry.dag_id}
    made = (_again(entry, item, latest.get(ref)) for ref, (entry, item) in found.items())
    return tuple(one for one in made if one.outcome is None or not one.outcome.lets_pass)


def _again(entry: LedgerEntry, item: Reopened, latest: Latest | None) -> Again:
    since = latest.outcome if latest and latest.seq > entry.seq else None
    return Again(item, entry.appended_at, entry.try_number, since)


def note_text(items: Sequence[Reopened]) -> str:
    """Return the note that Airflow's grid shows on the tasks that are cleared together.

    Reasons that all items share are said once; otherwise each item is named. It has at most 1000 characters,
    as Airflow's route takes them.
    """
    said = {one.item_ref.partition(".")[2]: _note(one) for one in items}
    texts = set(said.values())
    text = texts.pop() if len(texts) == 1 else "\n".join(f"{name}: {words}" for name, words in said.items())
    return text if len(text) <= NOTE else f"{text[: NOTE - 1]}…"


def _note(one: Reopened) -> str:
    why = "; ".join(one.why)
    return f"{_NOTES[one.cause]}: {why}" if why else _NOTES[one.cause]


NOTE = 1000
"""The longest note: ``ClearTaskInstancesBody.note`` of Airflow 3.3.2."""
_NOTES = {
    Cause.CHANGED: "Verified again",
    Cause.NO_LONGER_TRUE: "No longer true",
    Cause.GO_TAKEN_BACK: "Asked again, because Go was taken back",
}
