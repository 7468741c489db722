"""Summarise a rehearsal: outcomes of every phase, counted from the ledger's seals alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.basis import VARIABLE, stale_because
from launch_pipeline.ledger.reopened import Cause, Reopened, latest_look, open_again
from launch_pipeline.ledger.schema import EntryKind, Outcome, Record, Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.checklist.plan import DagPlan
    from launch_pipeline.ledger.ledger import Ledger
    from launch_pipeline.ledger.schema import LedgerEntry
    from launch_rehearsal.actors.scenario import Scenario

COMMIT_CHANGED, TIME_MOVED = (
    stale_because({name: "then"}, {name: "now"})[0]
    for name in (f"{VARIABLE}release_sha", f"{VARIABLE}launch_at")
)
"""How the ledger says why an item was verified again."""
ITEMS = 272
"""Items of the document; go/no-go, signatures and the rollback are not among them."""


class PhaseLine(Frozen):
    """Hold the outcomes of one Dag."""

    dag_id: str
    title: str
    counts: dict[Outcome, int]
    complete: bool
    """Whether its latest seal is complete; false where there is none."""
    in_document: bool
    """Whether its items are among the document's."""
    problems: tuple[str, ...] = ()
    """Why it is not complete, in the gate's words."""

    @property
    def total(self) -> int:
        """Count all outcomes."""
        return sum(self.counts.values())


class Waiver(Frozen):
    """A waived item."""

    ref: str
    text: str
    by: str
    reason: str


class Unexplained(Frozen):
    """An item whose checks did not all pass, without a reason for it in the scenario."""

    ref: str
    text: str
    outcome: Outcome
    saw: str
    """The headline of the first check that did not pass."""


class Again(Frozen):
    """Items that were verified again for one reason."""

    why: str
    items: int


class Summary(Frozen):
    """The result of a rehearsal."""

    launch_id: str
    lines: tuple[PhaseLine, ...]
    waivers: tuple[Waiver, ...]
    verified: int
    """Items of the document whose own checks all passed, approved ones included."""
    unexplained: tuple[Unexplained, ...] = ()
    """Empty in a rehearsal by hand, which has no scenario."""
    again: tuple[Again, ...] = ()
    """Items that were verified again, by the reason, in the order of the reasons' first items."""
    open_again: tuple[str, ...] = ()
    """Items that were to be verified again and whose phase was not sealed complete since."""
    untold: tuple[str, ...] = ()
    """What the scenario says and the ledger does not, as sentences."""

    @property
    def total(self) -> int:
        """Count the outcomes of the document's items."""
        return sum(line.total for line in self.lines if line.in_document)

    @property
    def complete(self) -> bool:
        """Return whether every item of the document has an outcome and every needed seal is complete."""
        needed = [line for line in self.lines if line.in_document or line.dag_id in {"go_no_go", "sign_off"}]
        sealed = all(line.complete for line in needed)
        return self.total == ITEMS and sealed and not self.open_again

    @property
    def as_planned(self) -> bool:
        """Return whether it is complete, went as the scenario says, and lacks no reason for any item."""
        return self.complete and not self.unexplained and not self.untold

    def counted(self, outcome: Outcome) -> int:
        """Count an outcome over the document's items."""
        return sum(line.counts.get(outcome, 0) for line in self.lines if line.in_document)


def summarise(
    ledger: Ledger, launch_id: str, plans: dict[str, DagPlan], scenario: Scenario | None = None
) -> Summary:
    """Read the seals and records of a launch, and compare them with the ``scenario`` where there is one.

    Raises LedgerError where the ledger cannot be read.
    """
    seals = {dag_id: ledger.seal(launch_id, dag_id) for dag_id in plans}
    entries = ledger.entries(launch_id)
    counted = {EntryKind.DECISION, EntryKind.MACHINE_PASS}
    records = {(r.item_ref, r.task_instance_id): r for e in entries if e.kind in counted and (r := e.record)}
    lines = tuple(_line(plan, seals[dag_id]) for dag_id, plan in plans.items())
    document = {line.dag_id for line in lines if line.in_document}
    counting = [
        record
        for dag_id, seal in seals.items()
        if seal and dag_id in document
        for sealed in seal.records
        if (record := records.get((sealed.item_ref, sealed.task_instance_id)))
    ]
    return Summary(
        launch_id=launch_id,
        lines=lines,
        waivers=tuple(_waivers(counting)),
        verified=sum(map(verified, counting)),
        unexplained=tuple(_unexplained(counting, scenario)) if scenario else (),
        again=_again(entries),
        open_again=tuple(one.item_ref for one in open_again(entries) if one.dag_id in seals),
        untold=tuple(_untold(entries, scenario)) if scenario else (),
    )


def _line(plan: DagPlan, seal: Seal | None) -> PhaseLine:
    return PhaseLine(
        dag_id=plan.dag_id,
        title=plan.title,
        counts=dict(seal.counts) if seal else {},
        complete=bool(seal and seal.complete),
        in_document=plan.phase.kind == "checklist",
        problems=seal.problems if seal else (),
    )


def verified(record: Record) -> bool:
    """Return whether an item's own checks all passed and it was not rejected all the same."""
    verdicts = [result.verdict for result in record.results]
    return record.outcome.lets_pass and Verdict.of(verdicts) is Verdict.PASSED


def _unexplained(records: Iterable[Record], scenario: Scenario) -> Iterator[Unexplained]:
    """Find the items with a check that did not pass and for which the scenario has no reason."""
    for record in records:
        troubles = [result for result in record.results if result.verdict is not Verdict.PASSED]
        if troubles and scenario.excuse(record.item_ref, troubles) is None:
            saw = troubles[0].headline
            yield Unexplained(ref=record.item_ref, text=record.text, outcome=record.outcome, saw=saw)


_SAID = {
    Cause.NO_LONGER_TRUE: "no longer true",
    Cause.GO_TAKEN_BACK: "the Go was taken back",
}


def _again(entries: Iterable[LedgerEntry]) -> tuple[Again, ...]:
    refs: dict[str, set[str]] = {}
    for one in _reopened(entries):
        refs.setdefault(_SAID.get(one.cause) or " and ".join(one.why), set()).add(one.item_ref)
    return tuple(Again(why=why, items=len(items)) for why, items in refs.items())


def _reopened(entries: Iterable[LedgerEntry]) -> Iterator[Reopened]:
    return (Reopened.model_validate(e.content) for e in entries if e.kind is EntryKind.REOPENED)


def _untold(entries: list[LedgerEntry], scenario: Scenario) -> Iterator[str]:
    """Find the turns of the scenario that did not take place, or were not noticed."""
    kinds, reopened = {entry.kind for entry in entries}, list(_reopened(entries))
    changed = {why for one in reopened if one.cause is Cause.CHANGED for why in one.why}
    if scenario.rejection and not (EntryKind.LAUNCH_RETARGETED in kinds and COMMIT_CHANGED in changed):
        yield "The release commit was not repaired, or nothing was verified again for it."
    if scenario.postponement and not (EntryKind.LAUNCH_POSTPONED in kinds and TIME_MOVED in changed):
        yield "T-0 was not moved, or nothing was verified again for it."
    turn, look = scenario.regression, latest_look(entries)
    if turn and turn.ref not in [one.item_ref for one in (look.no_longer_true if look else ())]:
        yield f"{turn.ref} was broken before the Go, and the look before the Go did not find it."


def _waivers(records: Iterable[Record]) -> list[Waiver]:
    return [
        Waiver(
            ref=record.item_ref,
            text=record.text,
            by=record.decided_by.name if record.decided_by else "",
            reason=record.reason,
        )
        for record in records
        if record.outcome is Outcome.WAIVED
    ]
