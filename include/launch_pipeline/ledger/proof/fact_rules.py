"""Check a change or the end of a launch against what is in force and the rows before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.ledger.facts import Amended, Ended, Held, Postponed, Resumed, Retargeted
from launch_pipeline.ledger.launch import LaunchState

if TYPE_CHECKING:
    from launch_pipeline.ledger.facts import Derived, Fact
    from launch_pipeline.ledger.plan import LaunchPlan
    from launch_pipeline.ledger.proof.past import Past


def fact_problem(said: Fact, launch: Derived, past: Past) -> str | None:
    """Return the rule that a change or an end breaks, or None."""
    problem = None
    match said:
        case Postponed() if said.before != launch.launch_at:
            problem = f"it moves the launch from {said.before}, but the launch was at {launch.launch_at}"
        case Amended():
            problem = amendment_problem(said.plan, launch.plan)
        case Retargeted():
            problem = _retarget_problem(said, launch, past)
        case Held() if launch.held_at is not None:
            problem = "the launch was already on hold"
        case Resumed() if launch.held_at is None:
            problem = "the launch was not on hold"
        case Ended():
            problem = _end_problem(said, launch, past)
        case _:
            pass
    return problem


def amendment_problem(plan: LaunchPlan, before: LaunchPlan) -> str | None:
    """Return what the plan of an amendment changes besides items, or None."""
    for name in ("steps", "decision", "rollback", "rules"):
        if getattr(plan, name) != getattr(before, name):
            return f"its plan has another '{name}' than the launch began with"
    return None


def _retarget_problem(said: Retargeted, launch: Derived, past: Past) -> str | None:
    if said.before != launch.target:
        return f"it moves the launch from {said.before}, but the launch was at {launch.target}"
    first = first_after_decision(launch.plan)
    if first is not None and past.began(first):
        return f"it moves the launch to another commit after {first} had begun"
    return None


def first_after_decision(plan: LaunchPlan) -> str | None:
    """Return the first Dag of the step after the decision's: T-0."""
    if not plan.decision:
        return None
    own = next(number for number, step in enumerate(plan.steps) if plan.decision in step)
    return next((dag_id for step in plan.steps[own + 1 :] for dag_id in step), None)


def _end_problem(said: Ended, launch: Derived, past: Past) -> str | None:
    plan = launch.plan
    if said.state is LaunchState.COMPLETE:
        open_phases = [dag_id for dag_id in plan.phases if not past.stands(dag_id, launch)]
        if not plan.phases:
            return "it says 'complete', but the launch has no phases"
        return f"it says 'complete', but {open_phases[0]} is not" if open_phases else None
    if said.state is LaunchState.NO_GO:
        return None if past.rejected(plan.decision) else "it says 'no_go', but no seal lists a rejection"
    if past.stands(plan.rollback, launch):
        return None
    return "it says 'rolled_back', but there is no complete seal of the rollback before it"
