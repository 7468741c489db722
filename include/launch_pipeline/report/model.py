"""What a report says, as values; as JSON it has a published schema (``report.schema.json``)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, computed_field

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role, Severity
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.schema import Outcome, RecordedBy

DONE = frozenset({Outcome.PASSED, Outcome.APPROVED})
"""What ticks a box; whatever else lets a gate open leaves it empty."""


class Status(StrEnum):
    """Where the launch stands, or how it ended, as its rows prove it."""

    UNDER_WAY = "under way"
    COMPLETE = "complete"
    ABORTED = "aborted"
    NO_GO = "no go"
    ROLLED_BACK = "rolled back"
    BROKEN = "record broken"
    """The rows do not hold, so nothing is proved of it."""

    @property
    def over(self) -> bool:
        """Whether it has ended in any way."""
        return self not in {Status.UNDER_WAY, Status.BROKEN}


class CheckLine(Frozen):
    """One check in one line; the whole of it is in the ledger."""

    kind: str
    verdict: Verdict
    headline: str
    authority: str


class Attempt(Frozen):
    """One outcome of an item. A clear or a retry makes another; the latest counts."""

    outcome: Outcome
    headline: str
    """Of the evidence: of the first check that did not pass, else of the first."""
    checks: tuple[CheckLine, ...] = ()
    decided_by: str = ""
    """Name of who answered; empty where the machine decided."""
    person: str = ""
    """Id of the contacts."""
    role: Role | None = None
    recorded_by: RecordedBy
    decided_at: AwareDatetime
    reason: str = ""
    signature: str = ""
    rounds: tuple[str, ...] = ()
    """Of an item that was asked several times: who answered each round, and when."""
    try_number: int
    task_instance_id: str
    evidence_digest: str
    row: int
    """Its place in the launch's chain."""
    digest: str
    """Of that row's content."""


class Bypass(Frozen):
    """Somebody marked the task by hand: it looks done in Airflow, and no record explains it."""

    state: str
    seen_at: str
    row: int


class ItemLine(Frozen):
    """One line of the document, and what became of it."""

    ref: str
    text: str
    said: str = ""
    """The words as recorded, where the checklist has others today."""
    owner: Role | None = None
    """None where the checklist does not have the item any more."""
    mode: Mode | None = None
    gate: RequestKind = RequestKind.APPROVAL
    severity: Severity = Severity.BLOCKING
    in_document: bool = True
    latest: Attempt | None = None
    """None: not reached yet."""
    bypass: Bypass | None = None
    """A bypass that nothing has repaired since."""
    earlier: tuple[Attempt, ...] = ()

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own form
    @property
    def ticked(self) -> bool:
        """Whether the box is ticked: passed or approved, and nothing went around it."""
        return self.latest is not None and self.latest.outcome in DONE and self.bypass is None


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
    """What was launched, as asked for and as it stands."""

    launch_id: str
    environment: str
    rehearsal: bool
    release: str = ""
    release_sha: str = ""
    previous_release: str = ""
    launch_at: AwareDatetime | None = None
    planned_at: AwareDatetime | None = None
    """The launch time as first asked for."""
    started_by: str = ""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class Event(Frozen):
    """Something that happened to the launch as a whole."""

    at: AwareDatetime
    what: str
    by: str = ""
    reason: str = ""
    row: int


class Told(Frozen):
    """What was told to whom; without a place it could not be told then."""

    at: AwareDatetime
    headline: str
    place: str = ""
    row: int


class Note(Frozen):
    """What people wrote into the note of an Airflow run."""

    of: str
    """Title of the run's Dag."""
    text: str


class ContactPerson(Frozen):
    """Somebody of the contacts; how to reach him only where it was asked for."""

    name: str
    phone: str = ""
    email: str = ""


class ContactLine(Frozen):
    """One line of the document's contacts: who holds it, then the backups."""

    title: str
    people: tuple[ContactPerson, ...]


class ChecklistLine(Frozen):
    """The checklist of one Dag: as the launch began with it, and as it is where the report was made."""

    dag_id: str
    title: str
    began_with: str
    now: str

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own form
    @property
    def changed(self) -> bool:
        """Whether it is another one today."""
        return self.began_with != self.now


class Chain(Frozen):
    """The launch's rows in the ledger, proved while the report was made."""

    rows: int
    head: Head | None
    broken: str = ""
    """Why the record cannot be believed, at its first broken row; empty where it is whole."""


class Report(Frozen):
    """All that a report says."""

    schema_version: Literal[1] = 1
    title: str
    launch: LaunchLine
    status: Status
    counts: dict[str, int]
    """Of the document's items: how they stand (``passed``, ``not reached yet``, …), and how many do."""
    phases: tuple[PhaseLines, ...]
    go_no_go: SectionLines | None = None
    sign_off: SectionLines | None = None
    rollback: PhaseLines | None = None
    """None where nothing of it was recorded."""
    strays: tuple[ItemLine, ...] = ()
    """Recorded items that the checklist does not have any more."""
    loose: tuple[str, ...] = ()
    """Boxes of the document that no item of the checklist stands for."""
    seals: tuple[SealLine, ...] = ()
    """Of every Dag, decisions and signatures included, in the order of a launch."""
    events: tuple[Event, ...] = ()
    told: tuple[Told, ...] = ()
    nudges: int = 0
    notes: tuple[Note, ...] = ()
    notes_unread: str = ""
    """Why the notes are not in it."""
    contacts: tuple[ContactLine, ...] = ()
    rollback_contacts: tuple[ContactLine, ...] = ()
    contacts_unread: str = ""
    """Why the contacts are not in it."""
    checklists: tuple[ChecklistLine, ...] = ()
    checklists_unread: tuple[str, ...] = ()
    """What is wrong with checklists of today; their items are shown by the words of their records."""
    chain: Chain
    made_at: AwareDatetime

    @property
    def document_items(self) -> tuple[ItemLine, ...]:
        """Items of the checklist's own phases."""
        return tuple(item for phase in self.phases for item in phase.items)

    @property
    def everything(self) -> tuple[ItemLine, ...]:
        """Every item of the report, decisions, signatures, rollback and strays included."""
        more = [section for section in (self.go_no_go, self.sign_off) if section]
        sections = [*more, *(self.rollback.sections if self.rollback else ())]
        return (*self.document_items, *(i for s in sections for i in s.items), *self.strays)
