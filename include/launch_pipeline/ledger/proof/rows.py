"""The rules that the rows of a launch keep, one row after the other (docs/record.md says them in words)."""

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
    """Takes the rows of one launch in their order; each must follow from those before it."""

    def __init__(self) -> None:
        self.derived: Derived | None = None
        """What the rows say of the launch, once it has started."""
        self.past = Past()

    def take(self, link: Link) -> str | None:
        """Take the next row. Say what is wrong with it, None where it holds."""
        try:
            said = read_content(link)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            return f"its content does not hold together: {f'{place}: ' if place else ''}{first['msg']}"
        except (ValueError, RecursionError) as error:
            return f"its content cannot be believed: {error}"
        if self.derived is None:
            return self._start(said)
        return self._place(link, self.derived) or self._judge(link, said, self.derived)

    def _start(self, said: Any) -> str | None:
        if not isinstance(said, Started):
            return "it was kept before the launch was started"
        self.derived = Derived(said)
        return None

    def _place(self, link: Link, launch: Derived) -> str | None:
        """Whether such a row can be kept now."""
        if link.kind == EntryKind.LAUNCH_STARTED:
            return "the launch was started before"
        if launch.end is None or link.kind not in OF_A_PHASE | OF_THE_LAUNCH:
            return None
        plan = launch.started.plan
        rolls_back = link.kind in OF_A_PHASE and bool(link.dag_id) and link.dag_id == plan.rollback
        if rolls_back and launch.state is LaunchState.ABORTED and self.past.went:
            return None
        return f"it was kept after the launch had ended ({launch.state})"

    def _judge(self, link: Link, said: Any, launch: Derived) -> str | None:
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
            self.past.bypass(link.dag_id, link.item_ref, link.task_instance_id)
        return None

    def _record(self, record: Record, started: Started) -> str | None:
        place = (record.dag_id, record.item_ref)
        before = Before(self.past.records[place], self.past.rounds[place])
        problem = record_problem(record, started, before)
        if problem is None:
            self.past.keep(record)
        return problem

    def _seal(self, seal: Seal, started: Started) -> str | None:
        problem = seal_problem(seal, started, self.past)
        if problem is None:
            self.past.seal(seal, started.plan)
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
                return "it says 'complete', and the launch began without any phase"
            return f"it says 'complete', and {open_phases[0]} is not" if open_phases else None
        if said.state is LaunchState.NO_GO:
            return None if past.rejected(plan.decision) else "it says 'no_go', and no seal holds a rejection"
        if past.stands(plan.rollback):
            return None
        return "it says 'rolled_back', and no complete seal of the rollback is before it"


def _move(said: Postponed, launch: Derived) -> str | None:
    if said.before != launch.launch_at:
        return f"it moves the launch from {said.before}, and it was to be at {launch.launch_at}"
    launch.launch_at = said.to
    return None
