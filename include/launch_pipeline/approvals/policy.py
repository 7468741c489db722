"""The team's rules about answers, as data: who may waive, who may answer, how long things take."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from launch_pipeline.approvals.files import fault, load_model
from launch_pipeline.base import Frozen
from launch_pipeline.checklist.duration import Duration, format_duration
from launch_pipeline.checklist.vocabulary import Role, Severity

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "include/checklists/policy.yaml"
ALWAYS_WAIVE = (Role.TECHNICAL_LEAD, Role.CTO)
"""Who may waive any item whose owner ``who_may_waive`` does not name; but not their own blocking ones."""
_LEAST = {
    "recheck": timedelta(seconds=1),
    "fresh_for": timedelta(seconds=1),
    # An answer within half a second of parking fails the task in Airflow 3.3; after one second never.
    "settle": timedelta(seconds=1),
    "remind_after": timedelta(seconds=1),
    "remind_every": timedelta(seconds=1),
    "escalate_after": timedelta(seconds=1),
}


class Policy(Frozen):
    """The policy file; every rule has a default, and the defaults are the strict side."""

    schema_version: Literal[1] = 1
    who_may_waive: dict[Role, Annotated[tuple[Role, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Owner of an item -> roles that may answer *Waive* and *Not applicable* for it."""
    owner_waives_blocking: bool = False
    """Whether an owner may answer *Waive* and *Not applicable* for their own blocking items."""
    waive_blocking_items: bool = True
    """Whether a blocking item may be waived at all. *Not applicable* stays possible."""
    self_approval: bool = False
    """Whether the person who triggered the launch may answer go/no-go and sign."""
    self_approval_of_items: bool = False
    """Whether the person who triggered the launch may let ordinary items pass that somebody else could."""
    two_roles_one_person: bool = False
    """Whether one person may decide and sign for several roles of one launch."""
    slack_by_email: bool = False
    """Whether Slack users without a Slack id in the contacts are found by e-mail."""
    min_reason_length: Annotated[int, Field(ge=1, le=500)] = 10
    """Characters of a reason that can be seen; blanks and the like are not counted."""
    recheck: Duration = timedelta(seconds=60)
    """Between two looks at a failing check while a person is asked."""
    fresh_for: Duration = timedelta(hours=1)
    """How old evidence may be when somebody approves it."""
    settle: Duration = timedelta(seconds=3)
    """How long a task must have been waiting before an answer is passed to Airflow."""
    remind_after: Duration = timedelta(minutes=30)
    """From the request to the first reminder."""
    remind_every: Duration = timedelta(hours=2)
    """Between two reminders."""
    escalate_after: Duration = timedelta(hours=4)
    """From the request until the role's backups are asked as well."""

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        for field, least in _LEAST.items():
            value: timedelta = getattr(self, field)
            if value < least:
                problem = f"{format_duration(value)} is too short."
                raise fault(field, problem, f"write {format_duration(least)} or more.")
        if self.escalate_after < self.remind_after:
            problem = f"{format_duration(self.escalate_after)} is before the first reminder."
            fix = f"write {format_duration(self.remind_after)} ('remind_after') or more."
            raise fault("escalate_after", problem, fix)
        return self

    def waiver_roles(self, owner: Role, severity: Severity) -> tuple[Role, ...]:
        """Give the roles that may waive an item of this owner, the owner first where they may."""
        if named := self.who_may_waive.get(owner):
            return named
        roles = tuple(dict.fromkeys((owner, *ALWAYS_WAIVE)))
        return roles if self.owner_may_waive(owner, severity) else roles[1:]

    def owner_may_waive(self, owner: Role, severity: Severity) -> bool:
        """Whether those who answer for an item may waive it; else another person must."""
        if named := self.who_may_waive.get(owner):
            return owner in named
        return self.owner_waives_blocking or severity is Severity.ADVISORY


def load_policy(path: Path) -> Policy:
    """Read the policy file. Raises ConfigurationError naming file, place, value and fix."""
    return load_model(path, Policy, EXAMPLE)
