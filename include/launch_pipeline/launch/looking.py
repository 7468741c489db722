"""Say which items are looked at once more while a launch runs, and what another look found. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from launch_pipeline.checklist.vocabulary import TrueUntil
from launch_pipeline.checks.engine.again import look_every
from launch_pipeline.checks.verdict import Verdict, headline_of
from launch_pipeline.launch.item_flow import runs_in_triggerer
from launch_pipeline.launch.standing import latest_records, stale
from launch_pipeline.ledger.reopened import Cause, Reopened, Seen, VerifiedAgain
from launch_pipeline.ledger.schema import OUTCOMES, EntryKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from launch_pipeline.checks.verdict import CheckResult
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.launch.standing import InForce
    from launch_pipeline.ledger.schema import LedgerEntry, Record

PROGRAM = "command"
"""The kind that runs a program; it is never repeated by itself."""
_HEADLINE = 300


@dataclass(frozen=True)
class LookedAt:
    """An item to look at once more."""

    dag_id: str
    spec: ItemSpec


class Truth(StrEnum):
    """What another look says of an item whose checks have passed."""

    STILL_TRUE = "still_true"
    NO_LONGER_TRUE = "no_longer_true"
    UNKNOWN = "unknown"
    """It could not be looked at; never counted as true."""


@dataclass(frozen=True)
class Look:
    """Another look at one item."""

    item: LookedAt
    truth: Truth
    headline: str
    """What the checks say, or why the item could not be looked at."""
    results: tuple[CheckResult, ...] = ()

    @classmethod
    def of(cls, item: LookedAt, results: Sequence[CheckResult]) -> Self:
        """Judge the results of every check of an item."""
        verdict = Verdict.of([result.verdict for result in results])
        said = headline_of(results) or "no checks"
        return cls(item, _TRUTHS[verdict], said, tuple(results))

    @classmethod
    def unknown(cls, item: LookedAt, why: str) -> Self:
        """Say why an item could not be looked at."""
        return cls(item, Truth.UNKNOWN, why)

    @property
    def seen(self) -> Seen:
        """The look as a row of the ledger lists it."""
        spec = self.item.spec
        return Seen(
            dag_id=self.item.dag_id,
            item_ref=spec.ref,
            text=spec.item.text,
            owner=spec.item.owner,
            headline=self.headline[:_HEADLINE],
        )


_TRUTHS = {
    Verdict.PASSED: Truth.STILL_TRUE,
    Verdict.FAILED: Truth.NO_LONGER_TRUE,
    Verdict.INCONCLUSIVE: Truth.UNKNOWN,
}


def to_look_at(
    entries: Sequence[LedgerEntry], now: InForce, dag_ids: Iterable[str], *, launched: bool = False
) -> tuple[LookedAt, ...]:
    """Return the items of some phases whose checks have passed and must still hold.

    Their latest record is a machine's pass, or an approval of checks that passed. It rests on what is in
    force, and the item has not been reopened since. What is true until the launch time only is left out once
    the launch has begun (``launched``), what is true when it is sealed only is left out always.
    """
    dag_ids = [dag_id for dag_id in dag_ids if dag_id in now.dags]
    records, reopened = latest_records(entries), _reopened(entries)
    left_out = {*reopened, *(one.spec.ref for one in stale(entries, now, *dag_ids))} if dag_ids else set()
    return tuple(
        LookedAt(dag_id, spec)
        for dag_id in dag_ids
        for spec in now.dags[dag_id].specs.values()
        if spec.ref not in left_out and _holds(spec, launched=launched) and _has_passed(records.get(spec.ref))
    )


def not_repeated(item: LookedAt) -> str:
    """Return why the checks of an item are not run again by themselves; empty if they are."""
    what = item.spec.item
    if what.side_effects:
        return f"not looked at again: it {' and '.join(what.side_effects)}"
    if any(check.kind == PROGRAM for check in what.checks):
        return "not looked at again: it runs a program"
    return ""


def needs_worker(item: LookedAt) -> bool:
    """Return whether one of an item's checks must not run in the triggerer."""
    return not runs_in_triggerer(item.spec.item)


def due(
    item: LookedAt, last_look: datetime | None, now: datetime, every: timedelta, pace: float = 1.0
) -> bool:
    """Return whether an item is looked at now; ``every`` is the policy's interval.

    A check may ask for more time between two looks (``look_every``), since its service limits requests;
    ``pace`` is the environment's time scale for it.
    """
    least = max(map(look_every, item.spec.item.checks), default=timedelta()) * pace
    return last_look is None or now - last_look >= max(every, least)


def verified_again(looks: Sequence[Look], looked_at: datetime) -> VerifiedAgain:
    """Return the looks as one row of the ledger."""
    by_truth: Mapping[Truth, tuple[Seen, ...]] = {
        truth: tuple(look.seen for look in looks if look.truth is truth) for truth in Truth
    }
    return VerifiedAgain(
        looked_at=looked_at,
        still_true=len(by_truth[Truth.STILL_TRUE]),
        no_longer_true=by_truth[Truth.NO_LONGER_TRUE],
        not_looked_at=by_truth[Truth.UNKNOWN],
    )


def together(one: VerifiedAgain, other: VerifiedAgain) -> VerifiedAgain:
    """Return two looks at different items as one, which ended when the later one did."""
    return VerifiedAgain(
        looked_at=max(one.looked_at, other.looked_at),
        still_true=one.still_true + other.still_true,
        no_longer_true=(*one.no_longer_true, *other.no_longer_true),
        not_looked_at=(*one.not_looked_at, *other.not_looked_at),
    )


def no_longer_true(found: Iterable[Seen], entries: Sequence[LedgerEntry]) -> tuple[Reopened, ...]:
    """Return what has to be reopened after the latest look; an item that has a record since is left out."""
    records, decided = latest_records(entries), _decided_since_look(entries)
    return tuple(
        Reopened(
            dag_id=one.dag_id,
            item_ref=one.item_ref,
            text=one.text,
            owner=one.owner,
            cause=Cause.NO_LONGER_TRUE,
            why=(one.headline,),
            task_instance_id=records[one.item_ref].task_instance_id,
        )
        for one in found
        if one.item_ref in records and one.item_ref not in decided
    )


def _holds(spec: ItemSpec, *, launched: bool) -> bool:
    item = spec.item
    over = item.true_until is TrueUntil.SEALED or (launched and item.true_until is TrueUntil.LAUNCH_TIME)
    return item.mode.has_checks and not over


def _has_passed(record: Record | None) -> bool:
    if record is None or record.outcome not in {Outcome.PASSED, Outcome.APPROVED}:
        return False
    return Verdict.of([result.verdict for result in record.results]) is Verdict.PASSED


def _decided_since_look(entries: Iterable[LedgerEntry]) -> set[str]:
    found = set[str]()
    for entry in entries:
        if entry.kind is EntryKind.VERIFIED_AGAIN:
            found.clear()
        elif entry.kind in OUTCOMES:
            found.add(entry.item_ref)
    return found


def _reopened(entries: Iterable[LedgerEntry]) -> set[str]:
    """Return the items that were reopened and have no record since."""
    latest = {
        entry.item_ref: entry.kind for entry in entries if entry.kind in {*OUTCOMES, EntryKind.REOPENED}
    }
    return {ref for ref, last in latest.items() if last is EntryKind.REOPENED}
