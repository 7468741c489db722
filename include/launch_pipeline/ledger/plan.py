"""Model the plan in a launch's first row: its phases in order, their items, and the rules in force.

A verifier checks every later row against it, without today's checklists and policy.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role, Severity


class PlannedItem(Frozen):
    """The properties of an item that decide which outcomes it may have."""

    ref: str
    owner: Role
    severity: Severity
    mode: Mode
    gate: RequestKind
    rounds: Annotated[int, Field(ge=1)] = 1
    """How often the item is asked."""
    definition: str = Field(default="", exclude_if=lambda digest: not digest)
    """The digest of what its records rest on besides the launch's own facts (``launch/basis.py``); empty in
    plans of older packages."""


class Rules(Frozen):
    """The values of the policy that a record must respect; the defaults are strict."""

    self_approval: bool = False
    two_roles_one_person: bool = False
    waive_blocking_items: bool = False
    may_waive: dict[Role, tuple[Role, ...]] = Field(default_factory=dict)
    """The owner of an item to the roles that may waive it, besides the owner."""


class LaunchPlan(Frozen):
    """Everything that a launch runs. A launch with the empty plan cannot seal or complete anything."""

    steps: tuple[tuple[str, ...], ...] = ()
    """The Dags of each step, in order; those of one step run in parallel."""
    decision: str = ""
    """The Dag whose rejection ends the launch."""
    rollback: str = ""
    """The Dag outside the steps that rolls the launch back."""
    items: dict[str, tuple[PlannedItem, ...]] = Field(default_factory=dict)
    """The items of each Dag's checklist, by Dag id."""
    rules: Rules = Rules()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        named = [*self.phases, *([self.rollback] if self.rollback else [])]
        if len(set(named)) < len(named):
            message = "a Dag is named twice"
            raise ValueError(message)
        if set(named) != set(self.items) or not all(self.items.values()):
            message = "its Dags are not the Dags with items"
            raise ValueError(message)
        refs = [item.ref for items in self.items.values() for item in items]
        if len(set(refs)) < len(refs):
            message = "an item is named twice"
            raise ValueError(message)
        if self.decision and self.decision not in self.phases:
            message = "the decision is not one of its phases"
            raise ValueError(message)
        return self

    @property
    def phases(self) -> tuple[str, ...]:
        """Every Dag of the steps, in order."""
        return tuple(dag_id for step in self.steps for dag_id in step)

    def before(self, dag_id: str) -> tuple[str, ...]:
        """Return the Dags that must be sealed complete before this one can be."""
        found: list[str] = []
        for step in self.steps:
            if dag_id in step:
                return tuple(found)
            found += step
        return ()

    def item(self, dag_id: str, ref: str) -> PlannedItem | None:
        """Return an item of a Dag, or None."""
        return next((item for item in self.items.get(dag_id, ()) if item.ref == ref), None)
