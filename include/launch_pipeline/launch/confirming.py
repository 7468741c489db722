"""Decide whether a person's decision is carried over to an item that is verified again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.checks.canonical import digest
from launch_pipeline.launch.basis import asked_alike
from launch_pipeline.launch.evidence import shown
from launch_pipeline.ledger.schema import OUTCOMES, EntryKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.verdict import CheckResult
    from launch_pipeline.launch.evidence import Evidence
    from launch_pipeline.ledger.schema import Entry, LedgerEntry, Record

_SET_ASIDE = frozenset({Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.NOT_MET})


def decision_before(entries: Sequence[LedgerEntry], item_ref: str) -> Record | None:
    """Return the latest decision about an item, if the pipeline reopened the item after it.

    An item that a person cleared is asked anew.
    """
    mine = [e for e in entries if e.item_ref == item_ref and e.kind in {*OUTCOMES, EntryKind.REOPENED}]
    while mine and mine[-1].kind is EntryKind.NOT_REACHED:
        mine.pop()
    reopened = [mine.pop() for _ in _trailing(mine)]
    if not reopened or not mine or mine[-1].kind is not EntryKind.DECISION:
        return None
    return mine[-1].record


def carries_over(earlier: Record, evidence: Evidence | None, item: Item) -> bool:
    """Return whether an earlier decision counts on new evidence without asking again.

    The question, the rules and the person are as they were. An approval also needs checks that ask the same
    as before, and pass; what was set aside needs checks that show the same as before.
    """
    if item.gate is not RequestKind.APPROVAL or item.repeat or item.evidence_only or evidence is None:
        return False
    if not (earlier.rests_on and asked_alike(earlier.rests_on, evidence.rests_on, item)):
        return False
    if earlier.outcome is Outcome.APPROVED:
        return evidence.passed and _asked(earlier.results) == _asked(evidence.results)
    return earlier.outcome in _SET_ASIDE and digest(shown(earlier.results)) == evidence.digest


def _asked(results: Iterable[CheckResult]) -> str:
    """Return the digest of what checks asked, whatever they were told."""
    return digest([result.model_dump(mode="json", include={"kind", "params"}) for result in results])


def _trailing(entries: Sequence[Entry]) -> range:
    count = 0
    while count < len(entries) and entries[-1 - count].kind is EntryKind.REOPENED:
        count += 1
    return range(count)
