"""Check the seals that a step of the launch rests on.

A seal counts if it is whole, was made by the gate's present task instance, and rests on what is in force: no
item was reopened, added or removed since, and no record is stale.
Airflow's states do not count: any task can be marked green by hand, and a clear begins a gate anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.in_force import dag_of, dags_of_launch, settings_of
from launch_pipeline.airflow.hooks.ledger import latest_seal, launches, ledger
from launch_pipeline.airflow.hooks.task_api import Instance, task_instance
from launch_pipeline.approvals.deployed import known_contacts
from launch_pipeline.checklist.sequence import preceding, title
from launch_pipeline.errors import LaunchRefused, PhaseReopened
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.standing import InForce, PhaseStanding, reopened_since_seal, standing
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import LedgerEntry, Seal

GATE = "phase_gate"
_ENDED = frozenset({"success", "failed"})
_UNDER_WAY = frozenset(
    {None, "scheduled", "queued", "running", "deferred", "restarting", "up_for_retry", "up_for_reschedule"}
)
"""States of a gate that ends by itself; any other was set by hand."""
_NAMED = 5
"""How many items a sentence names."""


def present_seal(launch_id: str, dag_id: str) -> Seal | None:
    """Return the seal that the present task instance of a phase's gate made, or None.

    Raises LedgerUnavailable, OperationError.
    """
    # The gate first: one that has ended then has its seal in what is read after it.
    gate = task_instance(dag_id, launch_id, GATE)
    seal, sealed_by = latest_seal(launch_id, dag_id)
    if seal is None or gate is None or gate.id != sealed_by or gate.state not in _ENDED:
        return None
    return seal


def begins_again(launch_id: str, dag_id: str) -> bool:
    """Return whether a phase whose run has ended is verified again, and its gate has not ended yet.

    Raises LedgerUnavailable, OperationError.
    """
    gate = task_instance(dag_id, launch_id, GATE)
    if gate is None or gate.state not in _UNDER_WAY:
        return False
    # Its own seal may be there already: a gate seals before it ends.
    before = [entry for entry in ledger().entries(launch_id) if entry.task_instance_id != gate.id]
    return reopened_since_seal(before, dag_id)


def launch_before(launch_id: str, dag_id: str) -> Launch:
    """Return a running launch whose phases before a step all stand.

    Raises PhaseReopened while they are verified again, LaunchRefused with every reason why they do not stand
    otherwise, LedgerUnavailable, OperationError.
    """
    launch = launches().find(launch_id)
    if launch is None:
        message = f"There is no launch {launch_id!r}: clear 'admit' with downstream, or start another launch."
        raise LaunchRefused(message)
    if launch.over:
        raise LaunchRefused(f"The launch {launch_id!r} is over ({launch.state}); it does not go on.")
    refuse_unsealed_before(launch, dag_id)
    return launch


def refuse_unsealed_before(launch: Launch, dag_id: str) -> None:
    """Raise unless each phase before a step stands; raises as ``launch_before`` does."""
    problems = _problems_before(launch, dag_id)
    if problems:
        error = PhaseReopened if all(one.passing for one in problems) else LaunchRefused
        said = (f"{title(one.dag_id)} {one.problem}" for one in problems)
        raise error("\n".join((f"{title(dag_id)} may not begin:", *said)))


@dataclass(frozen=True)
class _Problem:
    """Why a phase does not stand."""

    dag_id: str
    problem: str
    passing: bool = False
    """Whether it passes by itself: the phase is verified again."""


def _problems_before(launch: Launch, dag_id: str) -> list[_Problem]:
    phases = preceding(dag_id)
    if not phases:
        return []
    # The gates first: one that has ended then has its seal among the rows that are read after it.
    gates = {each: task_instance(each, launch.launch_id, GATE) for each in phases}
    entries, now = ledger().entries(launch.launch_id), in_force(LaunchContext.of_launch(launch), *phases)
    return [problem for each in phases if (problem := _problem(entries, now, each, gates[each]))]


def in_force(launch: LaunchContext, *dag_ids: str) -> InForce:
    """Return everything that a launch runs by now, in a worker; of its Dags only those named, if any.

    Raises LaunchRefused, LedgerUnavailable, and ConfigurationError for a broken environment of a launch of an
    older package.
    """
    dags = {dag_id: dag_of(launch, dag_id) for dag_id in dag_ids} if dag_ids else dags_of_launch(launch)
    return InForce(launch, dags, settings_of(launch), known_contacts())


def _problem(entries: list[LedgerEntry], now: InForce, dag_id: str, gate: Instance | None) -> _Problem | None:
    found = standing(entries, now, dag_id)
    if found.seal is not None and gate is not None and gate.state in _UNDER_WAY:
        said = f"is verified again: {_said(found)}." if found.changed else "runs again."
        return _Problem(dag_id, said, passing=True)
    if found.seal is None or gate is None or not _made_by(entries, dag_id, gate):
        return _Problem(dag_id, "has no seal of its present gate. Clear its phase_gate with downstream.")
    if not found.seal.complete and not reopened_since_seal(entries, dag_id):
        return _Problem(dag_id, "is sealed, but not complete. Repair it: clear what failed with downstream.")
    if found.changed:
        return _Problem(dag_id, f"is verified again: {_said(found)}.", passing=True)
    if found.otherwise:
        refs = ", ".join(found.otherwise)
        return _Problem(dag_id, f"was decided otherwise since it was sealed ({refs}). Clear its phase_gate.")
    return None


def _made_by(entries: list[LedgerEntry], dag_id: str, gate: Instance) -> bool:
    """Return whether the latest seal is of the gate's present task instance."""
    seals = [e.task_instance_id for e in entries if e.kind is EntryKind.SEAL and e.dag_id == dag_id]
    return bool(seals) and seals[-1] == gate.id and gate.state in _ENDED


def _said(found: PhaseStanding) -> str:
    refs = dict.fromkeys(
        (*(one.item_ref for one in found.reopened), *(one.spec.ref for one in found.stale), *found.added)
    )
    names = list(refs) or list(found.removed)
    shown, more = ", ".join(names[:_NAMED]), len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
