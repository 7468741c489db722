"""Check the rows of a launch one after the other, by the rules in docs/record.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from launch_pipeline.ledger.facts import Aborted, Derived, Ended, Postponed, Started
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.proof.contents import read_content
from launch_pipeline.ledger.proof.past import Past
from launch_pipeline.ledger.proof.record_rules import Before, record_problem
from launch_pipeline.ledger.proof.seal_rules import seal_problem
from launch_pipeline.ledger.schema import EntryKind, Record, Round, Seal

if TYPE_CHECKING:
    from launch_pipeline.ledger.chain import Link

OF_A_PHASE = frozenset(
    {
        EntryKind.DECISION,
        EntryKind.MACHINE_PASS,
        EntryKind.NOT_REACHED,
        EntryKind.ROUND,
        EntryKind.BYPASS,
        EntryKind.SEAL,
    }
)
OF_THE_LAUNCH = frozenset(
    {
        EntryKind.LAUNCH_STARTED,
        EntryKind.LAUNCH_POSTPONED,
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
        plan = launch.started.plan
        rolls_back = link.kind in OF_A_PHASE and bool(link.dag_id) and link.dag_id == plan.rollback
        if rolls_back and launch.state is LaunchState.ABORTED and self.past.went:
            return None
        return f"it was appended after the launch had ended ({launch.state})"

    def _check(self, link: Link, said: Any, launch: Derived) -> str | None:
        if isinstance(said, Record):
            return self._record(said, launch.started)
        if isinstance(said, Seal):
            return self._seal(said, launch.started)
        if isinstance(said, Round):
            self.past.rounds[link.dag_id, link.item_ref].append(said)
        if isinstance(said, Postponed):
            return _move(said, launch)
        if isinstance(said, Ended | Aborted):
            return self._end(said, launch)
        if link.kind == EntryKind.BYPASS:
            self.past.add_bypass(link.dag_id, link.item_ref, link.task_instance_id)
        return None

    def _record(self, record: Record, started: Started) -> str | None:
        place = (record.dag_id, record.item_ref)
        before = Before(self.past.records[place], self.past.rounds[place])
        problem = record_problem(record, started, before)
        if problem is None:
            self.past.add_record(record)
        return problem

    def _seal(self, seal: Seal, started: Started) -> str | None:
        problem = seal_problem(seal, started, self.past)
        if problem is None:
            self.past.add_seal(seal, started.plan)
        return problem

    def _end(self, said: Ended | Aborted, launch: Derived) -> str | None:
        problem = self._end_problem(said, launch.started) if isinstance(said, Ended) else None
        if problem is None:
            launch.end = said
        return problem

    def _end_problem(self, said: Ended, started: Started) -> str | None:
        plan, past = started.plan, self.past
        if said.state is LaunchState.COMPLETE:
            open_phases = [dag_id for dag_id in plan.phases if not past.stands(dag_id)]
            if not plan.phases:
                return "it says 'complete', but the launch has no phases"
            return f"it says 'complete', but {open_phases[0]} is not" if open_phases else None
        if said.state is LaunchState.NO_GO:
            return None if past.rejected(plan.decision) else "it says 'no_go', but no seal lists a rejection"
        if past.stands(plan.rollback):
            return None
        return "it says 'rolled_back', but there is no complete seal of the rollback before it"


def _move(said: Postponed, launch: Derived) -> str | None:
    if said.before != launch.launch_at:
        return f"it moves the launch from {said.before}, but the launch was at {launch.launch_at}"
    launch.launch_at = said.to
    return None
