"""Keep amendments that wait for a second person, as rows of the launch's chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.errors import LaunchRefused
from launch_pipeline.ledger.database import connected
from launch_pipeline.ledger.facts import Proposed
from launch_pipeline.ledger.launches import (
    active_or_refuse,
    count_rows,
    get_launch,
    launch_entry,
    reason_or_refuse,
)
from launch_pipeline.ledger.ledger import append_within, lock_launch
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from launch_pipeline.ledger.changes import By
    from launch_pipeline.ledger.facts import Changed
    from launch_pipeline.ledger.schema import Entry


def propose(dsn: str, launch_id: str, digest: str, changes: Sequence[Changed], by: By) -> None:
    """Append that a person asks for an amendment; it changes nothing.

    Raises LaunchRefused for a missing reason, an unknown launch and an ended one, and where nothing changes;
    LedgerUnavailable.
    """
    reason_or_refuse(by.reason, "amend")
    if not changes:
        raise LaunchRefused(f"Nothing differs from what the launch {launch_id!r} runs by.")
    with connected(dsn) as connection:
        # The same order of locks as every append: the chain first.
        lock_launch(connection, launch_id)
        active_or_refuse(get_launch(connection, launch_id, " FOR UPDATE"), "be amended")
        number = count_rows(connection, launch_id, EntryKind.AMENDMENT_PROPOSED) + 1
        said = Proposed(**by.said(), digest=digest, changes=tuple(changes))
        append_within(connection, launch_entry(launch_id, EntryKind.AMENDMENT_PROPOSED, said, number))


def open_proposal(entries: Iterable[Entry], digest: str) -> Proposed | None:
    """Return the first request for exactly this amendment since the launch was last amended, or None."""
    found: Proposed | None = None
    for entry in entries:
        if entry.kind is EntryKind.LAUNCH_AMENDED:
            found = None
        elif entry.kind is EntryKind.AMENDMENT_PROPOSED and found is None:
            said = Proposed.model_validate(entry.content)
            found = said if said.digest == digest else None
    return found
