"""What a card shows, as values: a projection of Airflow's state and our records at one moment.

Whoever fills these in reads them from Airflow, the ledger, the contacts and the checklist; nothing here
decides anything. Texts may be anything at all, ids may not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Answer, Mode, RequestKind, Role, Severity
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import AirflowId, PersonView, SetAside

InstanceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
EvidencePin = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{12})?$")]
"""What was shown of an item's checks: the begin of its digest (``Evidence.pin``), empty for nothing."""


class ItemView(Frozen):
    """One item of a section, as it stands."""

    ref: str
    text: str
    task_id: AirflowId
    dag_id: AirflowId
    task_instance_id: InstanceId
    try_number: Annotated[int, Field(ge=0, le=99_999)]
    state: str | None
    """Airflow's state of the task instance."""
    waits: bool = False
    """A request is open: a person is asked now (``awaiting_input``, or ``deferred`` with a request)."""
    outcome: Outcome | None = None
    """Of the record of this very task instance; None where there is none yet."""
    verdict: Verdict | None = None
    """Of the latest checks; None where the item has none, or they have not run."""
    evidence: EvidencePin = ""
    """Begin of the digest of what the latest checks saw; empty where nothing was seen."""
    headline: str = ""
    """The evidence in one line."""
    results: tuple[CheckResult, ...] = ()
    owner: Role
    may_answer: tuple[PersonView, ...] = ()
    """The owner role's holders: primary first, then backups."""
    may_waive: tuple[PersonView, ...] = ()
    """Everybody who may answer *Waive* and *Not applicable* (policy), owners included where they may."""
    since: AwareDatetime | None = None
    """When the request was opened."""
    mode: Mode
    gate: RequestKind = RequestKind.APPROVAL
    severity: Severity = Severity.BLOCKING
    options: tuple[Answer, ...] = ()
    question: str = ""
    url: str = ""
    """The item in Airflow."""
    refused: str = ""
    """Why the last answer did not count, where the item asks again because of it."""
    answered_by: str = ""
    """Whose answer was taken while the task has not ended yet."""
    decided_by: str = ""
    decided_at: AwareDatetime | None = None
    reason: str = ""

    @property
    def checks_passed(self) -> bool | None:
        """Whether the latest checks passed; None where there are none."""
        return None if self.verdict is None else self.verdict is Verdict.PASSED

    @property
    def asks(self) -> bool:
        """Whether a person is asked and nobody has answered yet."""
        return self.waits and self.outcome is None and not self.answered_by

    @property
    def approvable(self) -> bool:
        """Whether one click may approve it now."""
        return self.asks and Answer.APPROVE in self.options and self.checks_passed is not False

    def options_for(self, slack_id: str) -> tuple[Answer, ...]:
        """The answers that make sense for a person; whether one counts is judged when it is given."""
        if not self.asks:
            return ()
        answers = any(person.slack_id == slack_id for person in self.may_answer)
        waives = any(person.slack_id == slack_id for person in self.may_waive)
        blocked = self.checks_passed is False
        return tuple(
            option
            for option in self.options
            if (waives if option in _SETS_ASIDE else answers and not (blocked and option.affirms))
        )

    @property
    def others_waive(self) -> bool:
        """Whether it can be set aside, but not by those who answer for it."""
        may = {person.slack_id or person.name for person in self.may_waive}
        owners = {person.slack_id or person.name for person in self.may_answer}
        return bool(may) and may.isdisjoint(owners) and any(one in _SETS_ASIDE for one in self.options)


_SETS_ASIDE = frozenset({Answer.WAIVE, Answer.NOT_APPLICABLE})


class SectionView(Frozen):
    """One section of one launch."""

    launch_id: AirflowId
    dag_id: AirflowId
    section_id: AirflowId
    rehearsal: bool
    phase_title: str
    section_title: str
    items: Annotated[tuple[ItemView, ...], Field(min_length=1)]
    url: str = ""
    """The run in Airflow."""
    set_aside: tuple[SetAside, ...] = ()
    """Of go/no-go and sign-off: everything waived, not met or red so far."""

    @property
    def gate(self) -> RequestKind:
        """What the section's items ask for: a section of decisions or signatures asks for nothing else."""
        return self.items[0].gate


class PhaseState(StrEnum):
    """Where a phase stands."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    WAITING = "waits for people"
    COMPLETE = "complete"
    FAILED = "failed"


class PhaseLine(Frozen):
    """One phase in the launch's root message."""

    title: str
    state: PhaseState
    done: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=0)] = 0
    url: str = ""


class LaunchState(StrEnum):
    """Where a launch stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    ABORTED = "aborted"
    NO_GO = "no go"
    ROLLED_BACK = "rolled back"


class LaunchView(Frozen):
    """One launch, as its root message shows it."""

    launch_id: AirflowId
    release: str
    environment: str
    rehearsal: bool
    state: LaunchState = LaunchState.RUNNING
    launch_time: AwareDatetime | None = None
    triggered_by: str = ""
    phases: tuple[PhaseLine, ...] = ()
    url: str = ""
