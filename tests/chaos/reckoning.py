"""What the ledger holds of launches, against what people gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.record.schema import EntryKind, Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from chaos.deciders import Accounts
    from launch_pipeline.record.ledger import Ledger
    from launch_pipeline.record.schema import KeptEntry

_BY_PEOPLE = frozenset({Outcome.APPROVED, Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.NOT_MET})


@dataclass(frozen=True)
class Reckoning:
    """One round's count; the last five must be 0."""

    decisions: int
    lost: int
    doubled: int
    invented: int
    opened: int
    """Gates that opened without a decision."""
    incomplete: int
    """Launches whose phase did not end sealed complete."""

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return not any((self.lost, self.doubled, self.invented, self.opened, self.incomplete))


def reckon(ledger: Ledger, runs: list[str], dag_id: str, accounts: Accounts) -> Reckoning:
    """Count over the launches of one round."""
    decided: dict[tuple[str, str], set[tuple[str, datetime]]] = {}
    opened = incomplete = 0
    for run in runs:
        entries = ledger.entries(run)
        for gate, decision in _decisions(run, entries):
            decided.setdefault(gate, set()).add(decision)
        seal = ledger.seal(run, dag_id)
        incomplete += not (seal and seal.complete)
        opened += _opened(entries, seal.records if seal else ())
    known = accounts.taken.keys() | accounts.unsure
    return Reckoning(
        decisions=sum(map(len, decided.values())),
        lost=sum(accounts.asked_again.values()) + len(accounts.taken.keys() - decided.keys()),
        doubled=sum(len(found) - 1 for found in decided.values()),
        invented=len(decided.keys() - known),
        opened=opened,
        incomplete=incomplete,
    )


def _decisions(run: str, entries: list[KeptEntry]) -> list[tuple[tuple[str, str], tuple[str, datetime]]]:
    """Gate with person and moment; an answer that was carried to the next try is one decision."""
    records = [entry.record for entry in entries if entry.kind is EntryKind.DECISION]
    return [((run, r.task_id), (r.decided_by.id, r.decided_at)) for r in records if r and r.decided_by]


def _opened(entries: list[KeptEntry], sealed: tuple[object, ...]) -> int:
    kept = {(e.item_ref, e.task_instance_id) for e in entries if e.kind is EntryKind.DECISION}
    return sum(
        (r.item_ref, r.task_instance_id) not in kept  # type: ignore[attr-defined]
        for r in sealed
        if r.outcome in _BY_PEOPLE  # type: ignore[attr-defined]
    )
