"""Define the content of a report; as JSON it has a published schema (``report.schema.json``)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, computed_field

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role, Severity
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.reopened import Cause
from launch_pipeline.ledger.schema import Outcome, RecordedBy

DONE = frozenset({Outcome.PASSED, Outcome.APPROVED})
"""The outcomes that tick a box; others may open a gate but leave the box empty."""


class Status(StrEnum):
    """The state of the launch, or how it ended, as its rows prove it."""

    UNDER_WAY = "under way"
    COMPLETE = "complete"
    ABORTED = "aborted"
    NO_GO = "no go"
    ROLLED_BACK = "rolled back"
    BROKEN = "record broken"
    """The rows could not be verified, so they prove nothing."""

    @property
    def over(self) -> bool:
        """Whether the launch has ended in any way."""
        return self not in {Status.UNDER_WAY, Status.BROKEN}


class CheckLine(Frozen):
    """One check on one line; its full result is in the ledger."""

    kind: str
    verdict: Verdict
    headline: str
    authority: str


class Attempt(Frozen):
    """One outcome of an item. A clear or a retry adds another; the latest counts."""

    outcome: Outcome
    headline: str
    """The one line of its evidence; of several checks with how many passed."""
    checks: tuple[CheckLine, ...] = ()
    decided_by: str = ""
    """The name of the person who answered; empty if the machine decided."""
    person: str = ""
    """The person's id in the contacts."""
    role: Role | None = None
    recorded_by: RecordedBy
    decided_at: AwareDatetime
    reason: str = ""
    signature: str = ""
    rounds: tuple[str, ...] = ()
    """Who answered each round of a repeated item, and when."""
    try_number: int
    task_instance_id: str
    evidence_digest: str
    again: tuple[str, ...] = ()
    """Why the item was verified again and has this outcome; empty for the first outcome, and for a retry."""
    verified_at: AwareDatetime | None = None
    """When a person's earlier decision was confirmed, because nothing that they were asked had changed."""
    row: int
    """The position of its row in the launch's chain."""
    digest: str
    """The digest of that row's content."""


class Reopening(Frozen):
    """An item that is verified again: its latest outcome no longer counts."""

    cause: Cause
    why: tuple[str, ...]
    at: AwareDatetime
    row: int


class Bypass(Frozen):
    """A task that was marked by hand: it looks done in Airflow, but no record explains it."""

    state: str
    seen_at: str
    row: int


class ItemLine(Frozen):
    """One line of the document and its outcome."""

    ref: str
    text: str
    said: str = ""
    """The words as recorded, if today's checklist has others."""
    owner: Role | None = None
    """None if the checklist no longer has the item."""
    mode: Mode | None = None
    gate: RequestKind = RequestKind.APPROVAL
    severity: Severity = Severity.BLOCKING
    in_document: bool = True
    latest: Attempt | None = None
    """None if the item was not reached yet."""
    bypass: Bypass | None = None
    """A bypass that has not been repaired."""
    reopened: Reopening | None = None
    """Why the latest outcome no longer counts; None if it does."""
    earlier: tuple[Attempt, ...] = ()

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own form
    @property
    def ticked(self) -> bool:
        """Whether the box is ticked: passed or approved, and neither bypassed nor reopened since."""
        counts = self.bypass is None and self.reopened is None
        return counts and self.latest is not None and self.latest.outcome in DONE


class SectionLines(Frozen):
    """A heading with its items."""

    id: str
    title: str
    dag_id: str
    items: tuple[ItemLine, ...]


class SealLine(Frozen):
    """The latest seal of a Dag."""

    dag_id: str
    title: str
    complete: bool
    sealed_at: AwareDatetime
    try_number: int
    problems: tuple[str, ...]
    row: int
    digest: str


class PhaseLines(Frozen):
    """A chapter with its sections."""

    id: str
    title: str
    sections: tuple[SectionLines, ...]
    seals: tuple[SealLine, ...] = ()

    @property
    def items(self) -> tuple[ItemLine, ...]:
        """All items in order."""
        return tuple(item for section in self.sections for item in section.items)


class LaunchLine(Frozen):
    """The launch, as requested and as it is now."""

    launch_id: str
    environment: str
    rehearsal: bool
    release: str = ""
    release_sha: str = ""
    previous_release: str = ""
    launch_at: AwareDatetime | None = None
    planned_at: AwareDatetime | None = None
    """The launch time as first requested."""
    started_by: str = ""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class Event(Frozen):
    """An event of the launch as a whole."""

    at: AwareDatetime
    what: str
    by: str = ""
    reason: str = ""
    details: tuple[str, ...] = ()
    """What has changed, a line each."""
    row: int


class Regression(Frozen):
    """An item that was no longer true for a while."""

    ref: str
    text: str
    owner: Role
    why: tuple[str, ...]
    since: AwareDatetime
    until: AwareDatetime | None = None
    """When its next record let it pass; None if there is none."""
    row: int


class Seen(Frozen):
    """An item that another look did not find still true."""

    ref: str
    text: str
    owner: Role
    headline: str


class Look(Frozen):
    """Another look at every machine check of the sealed phases, before go."""

    looked_at: AwareDatetime
    still_true: int
    no_longer_true: tuple[Seen, ...] = ()
    not_looked_at: tuple[Seen, ...] = ()
    row: int


class Told(Frozen):
    """A notification; without a place it was not delivered."""

    at: AwareDatetime
    headline: str
    place: str = ""
    row: int


class Note(Frozen):
    """A note that people wrote on an Airflow run."""

    of: str
    """The title of the run's Dag."""
    text: str


class ContactPerson(Frozen):
    """A person of the contacts, with phone and e-mail only on request."""

    name: str
    phone: str = ""
    email: str = ""


class ContactLine(Frozen):
    """One line of the document's contacts: the holder, then the backups."""

    title: str
    people: tuple[ContactPerson, ...]


class ChecklistLine(Frozen):
    """The checklist of one Dag, as the launch began with it and as it was in force at the end."""

    dag_id: str
    title: str
    began_with: str
    now: str
    """The digest in force when the report was made."""

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own form
    @property
    def changed(self) -> bool:
        """Whether the checklist was amended."""
        return self.began_with != self.now


class Chain(Frozen):
    """The launch's rows in the ledger, verified when the report was made."""

    rows: int
    head: Head | None
    broken: str = ""
    """The problem of the first broken row; empty if the record is intact."""


class Report(Frozen):
    """The content of a report."""

    schema_version: Literal[1] = 1
    title: str
    launch: LaunchLine
    status: Status
    counts: dict[str, int]
    """The number of the document's items by status (``passed``, ``not reached yet``, …)."""
    phases: tuple[PhaseLines, ...]
    go_no_go: SectionLines | None = None
    sign_off: SectionLines | None = None
    rollback: PhaseLines | None = None
    """None if nothing of the rollback was recorded."""
    strays: tuple[ItemLine, ...] = ()
    """Recorded items that the checklist no longer has."""
    loose: tuple[str, ...] = ()
    """Boxes of the document without a checklist item."""
    seals: tuple[SealLine, ...] = ()
    """The seals of every Dag, decisions and signatures included, in the order of a launch."""
    events: tuple[Event, ...] = ()
    changes: tuple[Event, ...] = ()
    """The events after which the launch ran by something else: amended, retargeted, postponed, held."""
    looks: tuple[Look, ...] = ()
    regressions: tuple[Regression, ...] = ()
    told: tuple[Told, ...] = ()
    nudges: int = 0
    notes: tuple[Note, ...] = ()
    notes_unread: str = ""
    """The reason why the report has no notes."""
    contacts: tuple[ContactLine, ...] = ()
    rollback_contacts: tuple[ContactLine, ...] = ()
    contacts_unread: str = ""
    """The reason why the report has no contacts."""
    checklists: tuple[ChecklistLine, ...] = ()
    checklists_unread: tuple[str, ...] = ()
    """Problems of unreadable checklists, whose items are shown with the words of their records."""
    chain: Chain
    made_at: AwareDatetime

    @property
    def document_items(self) -> tuple[ItemLine, ...]:
        """The items of the checklist's own phases."""
        return tuple(item for phase in self.phases for item in phase.items)

    @property
    def everything(self) -> tuple[ItemLine, ...]:
        """Every item of the report, including decisions, signatures, rollback and strays."""
        more = [section for section in (self.go_no_go, self.sign_off) if section]
        sections = [*more, *(self.rollback.sections if self.rollback else ())]
        return (*self.document_items, *(i for s in sections for i in s.items), *self.strays)
