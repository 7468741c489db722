"""Summarise a rehearsal: outcomes of every phase, counted from the ledger's seals alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.schema import EntryKind, Outcome, Record, Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_pipeline.checklist.plan import DagPlan
    from launch_pipeline.ledger.ledger import Ledger
    from launch_rehearsal.actors.scenario import Scenario

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


class Summary(Frozen):
    """The result of a rehearsal."""

    launch_id: str
    lines: tuple[PhaseLine, ...]
    waivers: tuple[Waiver, ...]
    verified: int
    """Items of the document whose own checks all passed, approved ones included."""
    unexplained: tuple[Unexplained, ...] = ()
    """Empty in a rehearsal by hand, which has no scenario."""

    @property
    def total(self) -> int:
        """Count the outcomes of the document's items."""
        return sum(line.total for line in self.lines if line.in_document)

    @property
    def complete(self) -> bool:
        """Return whether every item of the document has an outcome and every needed seal is complete."""
        needed = [line for line in self.lines if line.in_document or line.dag_id in {"go_no_go", "sign_off"}]
        return self.total == ITEMS and all(line.complete for line in needed)

    @property
    def as_planned(self) -> bool:
        """Return whether it is complete and every item that was not verified has a reason."""
        return self.complete and not self.unexplained

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
    entries = [e for k in (EntryKind.DECISION, EntryKind.MACHINE_PASS) for e in ledger.entries(launch_id, k)]
    records = {(r.item_ref, r.task_instance_id): r for e in entries if (r := e.record)}
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
