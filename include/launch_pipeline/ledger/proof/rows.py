"""Check the rows of a launch one after the other, by the rules in docs/record.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from launch_pipeline.ledger.facts import Derived, Fact, Started
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.proof.contents import read_content
from launch_pipeline.ledger.proof.fact_rules import fact_problem
from launch_pipeline.ledger.proof.past import Past
from launch_pipeline.ledger.proof.record_rules import Before, record_problem
from launch_pipeline.ledger.proof.seal_rules import seal_problem
from launch_pipeline.ledger.reopened import Reopened
from launch_pipeline.ledger.schema import EntryKind, Record, Round, Seal

if TYPE_CHECKING:
    from launch_pipeline.ledger.chain import Link
    from launch_pipeline.ledger.schema import Entry

OF_A_PHASE = frozenset(
    {
        EntryKind.DECISION,
        EntryKind.MACHINE_PASS,
        EntryKind.NOT_REACHED,
        EntryKind.ROUND,
        EntryKind.BYPASS,
        EntryKind.SEAL,
        EntryKind.REOPENED,
        EntryKind.VERIFIED_AGAIN,
    }
)
OF_THE_LAUNCH = frozenset(
    {
        EntryKind.LAUNCH_STARTED,
        EntryKind.LAUNCH_POSTPONED,
        EntryKind.AMENDMENT_PROPOSED,
        EntryKind.LAUNCH_AMENDED,
        EntryKind.LAUNCH_RETARGETED,
        EntryKind.LAUNCH_HELD,
        EntryKind.LAUNCH_RESUMED,
        EntryKind.LAUNCH_ABORTED,
        EntryKind.LAUNCH_ENDED,
    }
)


class Proof:
    """Takes the rows of one launch in order; each must follow from the rows before it."""

    def __init__(self) -> None:
        self.derived: Derived | None = None
        """The facts of the launch, once it has started."""
        self.past = Past()

    def take(self, link: Link) -> str | None:
        """Take the next row, and return what is wrong with it, or None."""
        try:
            said = read_content(link)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            return f"its content is inconsistent: {f'{place}: ' if place else ''}{first['msg']}"
        except (ValueError, RecursionError) as error:
            return f"its content is invalid: {error}"
        if self.derived is None:
            return self._start(said)
        return self._place(link, self.derived) or self._check(link, said, self.derived)

    def _start(self, said: Any) -> str | None:
        if not isinstance(said, Started):
            return "it was appended before the launch was started"
        self.derived = Derived(said)
        return None

    def _place(self, link: Link, launch: Derived) -> str | None:
        """Return why a row of this kind cannot follow now, or None."""
        if link.kind == EntryKind.LAUNCH_STARTED:
            return "the launch was already started"
        if launch.end is None or link.kind not in OF_A_PHASE | OF_THE_LAUNCH:
            return None
        rollback = launch.plan.rollback
        rolls_back = link.kind in OF_A_PHASE and bool(link.dag_id) and link.dag_id == rollback
        if rolls_back and launch.state is LaunchState.ABORTED and self.past.went:
            return None
        return f"it was appended after the launch had ended ({launch.state})"

    def _check(self, link: Link, said: Any, launch: Derived) -> str | None:
        problem = None
        if isinstance(said, Record):
            problem = record_problem(said, launch, self._before(said))
        elif isinstance(said, Seal):
            problem = seal_problem(said, launch, self.past)
        elif isinstance(said, Fact):
            problem = fact_problem(said, launch, self.past)
        elif isinstance(said, Reopened) and (said.dag_id, said.item_ref) not in launch.items:
            problem = f"the launch has no item {said.item_ref} in {said.dag_id}"
        if problem is None:
            self.add(link, said, launch)
        return problem

    def add(self, link: Link | Entry, said: Any, launch: Derived) -> None:
        """Add what a row says to what is known."""
        if isinstance(said, Record):
            self.past.add_record(said)
        elif isinstance(said, Seal):
            self.past.add_seal(said, launch.plan)
        elif isinstance(said, Fact):
            launch.take(said)
        elif isinstance(said, Reopened):
            self.past.add_reopened(said.dag_id, said.item_ref)
        elif isinstance(said, Round):
            self.past.rounds[link.dag_id, link.item_ref].append(said)
        elif link.kind == EntryKind.BYPASS:
            self.past.add_bypass(link.dag_id, link.item_ref, link.task_instance_id)

    def _before(self, record: Record) -> Before:
        place = (record.dag_id, record.item_ref)
        reopened = self.past.before_reopening(*place)
        return Before(self.past.records[place], self.past.rounds[place], reopened)
