"""Read the policy file: the team's rules on who may answer and waive, and how long things take."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from launch_pipeline.approvals.contacts import SIGNING_ROLES
from launch_pipeline.approvals.files import fault, load_model
from launch_pipeline.base import Frozen
from launch_pipeline.checklist.duration import Duration, format_duration
from launch_pipeline.checklist.vocabulary import Role, Severity

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "include/checklists/policy.yaml"
ALWAYS_WAIVE = (Role.TECHNICAL_LEAD, Role.CTO)
"""Roles that may waive for owners ``who_may_waive`` leaves out, except their own blocking items."""
_LEAST = {
    "recheck": timedelta(seconds=1),
    "fresh_for": timedelta(seconds=1),
    # Airflow 3.3 fails a task that is answered in its first half second of waiting, and none after a second.
    "settle": timedelta(seconds=1),
    "remind_after": timedelta(seconds=1),
    "remind_every": timedelta(seconds=1),
    "escalate_after": timedelta(seconds=1),
    "watch_every": timedelta(seconds=1),
}
Roles = Annotated[tuple[Role, ...], Field(min_length=1)]


class Policy(Frozen):
    """The policy file; every rule has a default, and the defaults are strict."""

    schema_version: Literal[1] = 1
    who_may_waive: dict[Role, Roles] = Field(default_factory=dict)
    """The owner of an item to the roles that may answer *Waive* and *Not applicable* for it."""
    owner_waives_blocking: bool = False
    """Whether an owner may answer *Waive* and *Not applicable* for their own blocking items."""
    waive_blocking_items: bool = True
    """Whether a blocking item may be waived at all; *Not applicable* stays possible."""
    self_approval: bool = False
    """Whether the person who triggered the launch may answer go/no-go and sign."""
    self_approval_of_items: bool = False
    """Whether the person who triggered the launch may approve or waive items that others could."""
    two_roles_one_person: bool = False
    """Whether one person may decide and sign for several roles of one launch."""
    who_may_amend: Roles = (Role.TECHNICAL_LEAD, Role.CTO)
    """The roles that may amend a launch, and move it to another commit."""
    amend_needs_second: bool = False
    """Whether another person of ``who_may_amend`` must confirm an amendment."""
    who_may_hold: Roles = SIGNING_ROLES
    """The roles that may hold and resume a launch, besides the accounts that may start one; the four that
    decide go/no-go."""
    slack_by_email: bool = False
    """Whether Slack users without a Slack id in the contacts are found by e-mail."""
    min_reason_length: Annotated[int, Field(ge=1, le=500)] = 10
    """The shortest reason, in visible characters; blanks and the like do not count."""
    recheck: Duration = timedelta(seconds=60)
    """The interval between two runs of a failing check while its request is open."""
    fresh_for: Duration = timedelta(hours=1)
    """The maximum age of evidence when a person approves it."""
    settle: Duration = timedelta(seconds=3)
    """The minimum time a task waits before an answer is passed to Airflow."""
    remind_after: Duration = timedelta(minutes=30)
    """The time from the request to the first reminder."""
    remind_every: Duration = timedelta(hours=2)
    """The interval between two reminders."""
    escalate_after: Duration = timedelta(hours=4)
    """The time from the request until the role's backups are asked as well."""
    watch_every: Duration = timedelta(seconds=5)
    """The interval between two looks at what must stay true from go until four hours after the launch."""

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
        """Return the roles that may waive an item of this owner, starting with the owner if allowed."""
        if named := self.who_may_waive.get(owner):
            return named
        roles = tuple(dict.fromkeys((owner, *ALWAYS_WAIVE)))
        return roles if self.owner_may_waive(owner, severity) else roles[1:]

    def owner_may_waive(self, owner: Role, severity: Severity) -> bool:
        """Whether an item's owner may waive it; otherwise another person must."""
        if named := self.who_may_waive.get(owner):
            return owner in named
        return self.owner_waives_blocking or severity is Severity.ADVISORY


def load_policy(path: Path) -> Policy:
    """Read the policy file. Raises ConfigurationError with file, place, value and fix."""
    return load_model(path, Policy, EXAMPLE)
