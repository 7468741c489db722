"""Define what cards show, as values: Airflow's state and the ledger's records at one moment.

``bridge/projection/views.py`` fills them in from Airflow, the ledger, the contacts and the checklist. Texts
may contain anything, ids may not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from launch_pipeline.approvals.rules import blocked_by_checks
from launch_pipeline.base import Frozen
from launch_pipeline.checklist.sequence import title
from launch_pipeline.checklist.vocabulary import Answer, Mode, RequestKind, Role, Severity
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import AirflowId, PersonView, SetAside

if TYPE_CHECKING:
    from launch_pipeline.notifications.model import LaunchFacts

InstanceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
EvidencePin = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{12})?$")]
"""Which evidence was shown: the start of its digest (``Evidence.pin``), empty for none."""


class ItemView(Frozen):
    """Describe the current state of an item."""

    ref: str
    text: str
    task_id: AirflowId
    dag_id: AirflowId
    task_instance_id: InstanceId
    try_number: Annotated[int, Field(ge=0, le=99_999)]
    state: str | None
    """State of the task instance in Airflow."""
    waits: bool = False
    """Whether a request is open (``awaiting_input``, or ``deferred`` with a request)."""
    outcome: Outcome | None = None
    """Outcome in the record of this task instance; None if there is no record yet."""
    verdict: Verdict | None = None
    """Verdict of the latest checks; None if there are none, or they have not run."""
    evidence: EvidencePin = ""
    """Start of the digest of the latest evidence; empty if there is none."""
    headline: str = ""
    """The evidence in one line."""
    results: tuple[CheckResult, ...] = ()
    owner: Role
    may_answer: tuple[PersonView, ...] = ()
    """The owner role's holders: primary first, then backups."""
    may_waive: tuple[PersonView, ...] = ()
    """People who may answer *Waive* and *Not applicable* by the policy."""
    since: AwareDatetime | None = None
    """When the request was opened."""
    mode: Mode
    gate: RequestKind = RequestKind.APPROVAL
    severity: Severity = Severity.BLOCKING
    options: tuple[Answer, ...] = ()
    question: str = ""
    repair: str = ""
    """What to do if the checks do not pass."""
    url: str = ""
    """Page of the item in Airflow."""
    refused: str = ""
    """Why the last answer did not count, if the item asks again because of it."""
    answered_by: str = ""
    """Name of the person whose answer was taken while the task has not ended yet."""
    decided_by: str = ""
    decided_at: AwareDatetime | None = None
    reason: str = ""
    again: str = ""
    """Why the item is verified again; empty if it is not."""
    no_longer_true: bool = False
    """Whether it is verified again because its checks passed once and fail now."""

    @property
    def checks_passed(self) -> bool | None:
        """Return whether the latest checks passed; None if there are none."""
        return None if self.verdict is None else self.verdict is Verdict.PASSED

    @property
    def asks(self) -> bool:
        """Return whether a request is open and has no answer yet."""
        return self.waits and self.outcome is None and not self.answered_by

    @property
    def approvable(self) -> bool:
        """Return whether one click may approve it now."""
        approves = Answer.APPROVE in self.options
        return self.asks and approves and not blocked_by_checks(Answer.APPROVE, self.checks_passed)

    def options_for(self, slack_id: str) -> tuple[Answer, ...]:
        """Return the answers to offer to a person; whether one counts is decided when it is given."""
        if not self.asks:
            return ()
        answers = any(person.slack_id == slack_id for person in self.may_answer)
        waives = any(person.slack_id == slack_id for person in self.may_waive)
        return tuple(
            option
            for option in self.options
            if (waives if option.sets_aside else answers)
            and not blocked_by_checks(option, self.checks_passed)
        )

    @property
    def others_waive(self) -> bool:
        """Return whether the item can be set aside, but not by the people who answer for it."""
        may = {person.slack_id or person.name for person in self.may_waive}
        owners = {person.slack_id or person.name for person in self.may_answer}
        return bool(may) and may.isdisjoint(owners) and any(one.sets_aside for one in self.options)


class Regression(Frozen):
    """Describe an item that is no longer true."""

    text: str
    why: str
    role: str
    """The label of its owner's role."""
    people: tuple[PersonView, ...] = ()
    """The holders of that role, primary first."""
    since: AwareDatetime | None = None
    url: str = ""


class SeenView(Frozen):
    """Describe an item of another look that is not simply still true."""

    text: str
    headline: str
    role: str
    people: tuple[PersonView, ...] = ()
    healed: bool = False
    """Whether it was verified again since, and passed."""


class LookView(Frozen):
    """Describe another look at every machine check of the sealed phases."""

    looked_at: AwareDatetime
    still_true: Annotated[int, Field(ge=0)]
    no_longer_true: tuple[SeenView, ...] = ()
    not_looked_at: tuple[SeenView, ...] = ()


class ChangeView(Frozen):
    """Describe a change of what the launch runs by."""

    what: str
    """Such as ``Retargeted``."""
    details: tuple[str, ...] = ()
    by: str
    reason: str
    at: AwareDatetime


class HoldView(Frozen):
    """Describe the hold of a launch."""

    since: AwareDatetime
    by: str = ""
    reason: str = ""


class SectionView(Frozen):
    """Describe a section of a launch."""

    launch_id: AirflowId
    dag_id: AirflowId
    section_id: AirflowId
    rehearsal: bool
    phase_title: str
    section_title: str
    items: Annotated[tuple[ItemView, ...], Field(min_length=1)]
    url: str = ""
    """Page of the run in Airflow."""
    set_aside: tuple[SetAside, ...] = ()
    """Items that are waived, not met or red so far; for go/no-go and sign-off only."""
    regressions: tuple[Regression, ...] = ()
    """Items that are no longer true now; for go/no-go and sign-off only."""
    look: LookView | None = None
    """The latest look again; for go/no-go and sign-off only."""
    changes: tuple[ChangeView, ...] = ()
    """What was amended, retargeted or postponed since the start; for go/no-go and sign-off only."""

    @property
    def gate(self) -> RequestKind:
        """Return what the section's items ask for; decisions and signatures are never mixed with others."""
        return self.items[0].gate


class PhaseState(StrEnum):
    """Name the states of a phase as people read them."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    WAITING = "waits for people"
    COMPLETE = "complete"
    FAILED = "failed"


class PhaseLine(Frozen):
    """Describe a phase, for one line of the launch's root message."""

    title: str
    state: PhaseState
    done: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=0)] = 0
    again: Annotated[int, Field(ge=0)] = 0
    """How many of its items are verified again."""
    url: str = ""


class LaunchView(Frozen):
    """Describe a launch, for its root message."""

    launch_id: AirflowId
    release: str
    environment: str
    rehearsal: bool
    state: LaunchState = LaunchState.ACTIVE
    failed: bool = False
    """Whether an active launch has stopped with a failure."""
    launch_time: AwareDatetime | None = None
    triggered_by: str = ""
    phases: tuple[PhaseLine, ...] = ()
    url: str = ""
    release_sha: str = ""
    """The commit in force; empty if no conductor started the launch."""
    hold: HoldView | None = None
    regressions: tuple[Regression, ...] = ()
    look: LookView | None = None
    can_be_held: bool = False
    """Whether the ledger has the launch, and it has not ended."""

    @property
    def again(self) -> int:
        """Return how many items are verified again."""
        return sum(phase.again for phase in self.phases)

    @classmethod
    def of(cls, launch: LaunchFacts, first_dag: str, **fields: Any) -> LaunchView:
        """Describe a launch that began with this Dag; ``fields`` are state and phases, if they are known."""
        return cls(
            launch_id=launch.launch_id,
            release=launch.release or title(first_dag),
            environment=launch.environment,
            rehearsal=launch.rehearsal,
            launch_time=launch.launch_at,
            triggered_by=launch.started_by,
            url=launch.page(first_dag),
            **fields,
        )
