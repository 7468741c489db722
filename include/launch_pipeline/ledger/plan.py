"""What a launch has to run, as its first row keeps it: phases in order, their items, and the rules in force.

A verifier derives from it what every later row has to be, without the checklists and the policy of today.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role, Severity


class PlannedItem(Frozen):
    """What of an item decides which outcomes it may have."""

    ref: str
    owner: Role
    severity: Severity
    mode: Mode
    gate: RequestKind
    rounds: Annotated[int, Field(ge=1)] = 1
    """How often it is asked."""


class Rules(Frozen):
    """The values of the policy that a record can be held to; the defaults are the strict side."""

    self_approval: bool = False
    two_roles_one_person: bool = False
    waive_blocking_items: bool = False
    may_waive: dict[Role, tuple[Role, ...]] = Field(default_factory=dict)
    """Owner of an item -> roles that may set it aside, beside the owner."""


class LaunchPlan(Frozen):
    """Everything that a launch has to run. The empty plan seals and completes nothing."""

    steps: tuple[tuple[str, ...], ...] = ()
    """Dags one step after the other; those of one step run beside each other."""
    decision: str = ""
    """The Dag whose rejection ends the launch."""
    rollback: str = ""
    """The Dag outside the steps, which takes back what was launched."""
    items: dict[str, tuple[PlannedItem, ...]] = Field(default_factory=dict)
    """Dag id -> items of its checklist."""
    rules: Rules = Rules()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        named = [*self.phases, *([self.rollback] if self.rollback else [])]
        if len(set(named)) < len(named):
            message = "a Dag is named twice"
            raise ValueError(message)
        if set(named) != set(self.items) or not all(self.items.values()):
            message = "its Dags and the Dags that have items are not the same"
            raise ValueError(message)
        refs = [item.ref for items in self.items.values() for item in items]
        if len(set(refs)) < len(refs):
            message = "an item is named twice"
            raise ValueError(message)
        if self.decision and self.decision not in self.phases:
            message = "the decision is none of its phases"
            raise ValueError(message)
        return self

    @property
    def phases(self) -> tuple[str, ...]:
        """Every Dag of its steps, in order."""
        return tuple(dag_id for step in self.steps for dag_id in step)

    def before(self, dag_id: str) -> tuple[str, ...]:
        """Give the Dags that must be sealed complete before this one can be."""
        found: list[str] = []
        for step in self.steps:
            if dag_id in step:
                return tuple(found)
            found += step
        return ()

    def item(self, dag_id: str, ref: str) -> PlannedItem | None:
        """Give an item of a Dag."""
        return next((item for item in self.items.get(dag_id, ()) if item.ref == ref), None)
