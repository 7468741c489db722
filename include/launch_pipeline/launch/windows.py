"""Say what holds a window of the launch day back, and whether a rollback is due. Pure, from rows alone.

The rows that are needed are those of the kinds in ``ROWS``, in the order of the chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.sequence import AFTER_GO, T_0, WINDOWS, preceding, title
from launch_pipeline.ledger.reopened import Cause, open_again
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from launch_pipeline.ledger.reopened import Reopened
    from launch_pipeline.ledger.schema import Entry

ROWS = (EntryKind.SEAL, EntryKind.REOPENED, EntryKind.ANNOUNCEMENT, EntryKind.LAUNCH_HELD)
"""The kinds of rows that decide here."""
OPENED = frozenset({"window_opened", "window_missed"})
"""The kinds of notes that say that a window opened (``notifications/model.py``); the second one, late."""
_NAMED = 5
"""How many items a sentence names."""


def held_back(entries: Sequence[Entry], dag_id: str, *, held: bool) -> tuple[str, ...]:
    """Return what keeps a window closed beside its time, as sentences; empty for any other Dag.

    ``held`` says whether the launch is on hold. A window that has opened stays open: a hold, or an item that
    is no longer true, holds the next one.
    """
    if dag_id not in WINDOWS or opened_at_row(entries, dag_id) is not None:
        return ()
    on_hold = (_hold(entries),) if held else ()
    return (*on_hold, *(said for phase in preceding(dag_id) if (said := _not_standing(entries, phase))))


def opened_at_row(entries: Sequence[Entry], dag_id: str) -> int | None:
    """Return the place of the row that says that a window opened; None while it is closed."""
    return next(
        (place for place, e in enumerate(entries) if e.dag_id == dag_id and _note_kind(e) in OPENED), None
    )


def regressions(entries: Sequence[Entry]) -> tuple[Reopened, ...]:
    """Return the items that were found no longer true after T-0 had opened, and are not sealed again."""
    began = opened_at_row(entries, T_0)
    if began is None:
        return ()
    later = {
        e.item_ref
        for e in entries[began:]
        if e.kind is EntryKind.REOPENED and e.content.get("cause") == Cause.NO_LONGER_TRUE
    }
    return tuple(one for one in open_again(entries) if one.item_ref in later)


def launch_day_over(entries: Sequence[Entry]) -> bool:
    """Return whether every window is sealed complete, and nothing is found no longer true."""
    return all(_complete(entries, dag_id) for dag_id in AFTER_GO) and not regressions(entries)


def rollback_due(entries: Sequence[Entry], settled: Collection[str] = ()) -> bool:
    """Return whether a window after the Go is sealed incomplete, or an item is no longer true since T-0.

    ``settled`` are items for which a rollback was declined.
    """
    if any(one.item_ref not in settled for one in regressions(entries)):
        return True
    return any(_complete(entries, dag_id) is False for dag_id in AFTER_GO)


def _not_standing(entries: Sequence[Entry], dag_id: str) -> str:
    sealed = _complete(entries, dag_id)
    if sealed is None:
        return f"{title(dag_id)} is not sealed."
    if not sealed:
        return f"{title(dag_id)} is sealed, but not complete."
    refs = [one.item_ref for one in open_again(entries) if one.dag_id == dag_id]
    return f"{title(dag_id)} is verified again: {_named(refs)}." if refs else ""


def _complete(entries: Iterable[Entry], dag_id: str) -> bool | None:
    """Return whether the latest seal of a phase is complete; None if it has none."""
    seals = [e for e in entries if e.kind is EntryKind.SEAL and e.dag_id == dag_id]
    return seals[-1].content.get("complete") is True if seals else None


def _hold(entries: Iterable[Entry]) -> str:
    rows: list[Any] = [e.content for e in entries if e.kind is EntryKind.LAUNCH_HELD]
    if not rows:
        return "The launch is on hold."
    return f"The launch is on hold, by {rows[-1].get('by', '')}: {rows[-1].get('reason', '')}"


def _named(refs: Sequence[str]) -> str:
    more = len(refs) - _NAMED
    return ", ".join(refs[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _note_kind(entry: Entry) -> object:
    note = entry.content.get("note") if entry.kind is EntryKind.ANNOUNCEMENT else None
    return note.get("kind") if isinstance(note, dict) else None
