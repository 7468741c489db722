"""Check the seals that a step of the launch rests on.

A seal counts if it is whole, was made by the gate's present task instance, and is of today's checklist.
Airflow's states do not count: any task can be marked green by hand, and a clear begins a gate anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.airflow.hooks.ledger import latest_seal, launches, ledger
from launch_pipeline.airflow.hooks.task_api import task_instance
from launch_pipeline.checklist.sequence import preceding, title
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.schema import OUTCOMES

if TYPE_CHECKING:
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import Outcome, Seal

GATE = "phase_gate"
_ENDED = frozenset({"success", "failed"})


def present_seal(launch_id: str, dag_id: str) -> Seal | None:
    """Return the seal that the present task instance of a phase's gate made, or None.

    Raises LedgerUnavailable, OperationError.
    """
    seal, sealed_by = latest_seal(launch_id, dag_id)
    gate = task_instance(dag_id, launch_id, GATE)
    if seal is None or gate is None or gate.id != sealed_by or gate.state not in _ENDED:
        return None
    return seal


def launch_before(launch_id: str, dag_id: str) -> Launch:
    """Return a running launch whose phases before a step are all sealed complete.

    Raises LaunchRefused with every reason why they are not, LedgerUnavailable, OperationError.
    """
    launch = launches().find(launch_id)
    if launch is None:
        message = f"There is no launch {launch_id!r}: clear 'admit' with downstream, or start another launch."
        raise LaunchRefused(message)
    if launch.over:
        raise LaunchRefused(f"The launch {launch_id!r} is over ({launch.state}); it does not go on.")
    if problems := unsealed_before(launch, dag_id):
        raise LaunchRefused("\n".join((f"{title(dag_id)} may not begin:", *problems)))
    return launch


def unsealed_before(launch: Launch, dag_id: str) -> tuple[str, ...]:
    """Return a sentence for each earlier phase that keeps a step from beginning."""
    phases = preceding(dag_id)
    outcomes = _latest_outcomes(launch.launch_id) if phases else {}
    found = ((before, _problem(launch, before, outcomes)) for before in phases)
    return tuple(f"{title(before)} {problem}" for before, problem in found if problem)


def _latest_outcomes(launch_id: str) -> dict[str, Outcome]:
    """Return the latest outcome of each item in the ledger, by its reference."""
    kept = [entry for entry in ledger().entries(launch_id) if entry.kind in OUTCOMES]
    return {entry.item_ref: entry.record.outcome for entry in kept if entry.record}


def _problem(launch: Launch, dag_id: str, outcomes: dict[str, Outcome]) -> str | None:
    seal = present_seal(launch.launch_id, dag_id)
    if seal is None:
        return "has no seal of its present gate. Clear its phase_gate with downstream."
    if not seal.complete:
        return "is sealed, but not complete. Repair it: clear what failed with downstream."
    dag = deployed_dags().get(dag_id)
    began = launch.checklist_digests.get(dag_id)
    if dag is None or began is None or {seal.checklist_digest, dag.digest} != {began}:
        return "was sealed with another checklist than it has now. Restore the file, or start a new launch."
    sealed = [record.item_ref for record in seal.records]
    if sorted(sealed) != sorted(spec.ref for spec in dag.specs.values()):
        return "was sealed without some of its items. Clear its phase_gate with downstream."
    if reopened := [ref for ref in sealed if ref in outcomes and not outcomes[ref].lets_pass]:
        return f"was decided otherwise since it was sealed ({', '.join(reopened)}). Clear its phase_gate."
    return None
