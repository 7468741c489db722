"""What is kept: the record of an item, the seal of a phase, and the entries of the ledger."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue, field_validator, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.canonical import digest, plain
from launch_pipeline.checks.verdict import CheckResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.approvals.contacts import Person

_WITHIN = 2
"""Levels of a record that are around a result: what would be nested too deeply is left out at once."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Outcome(StrEnum):
    """Of an item (design, section 1); ``open`` marks a request that waits and is no outcome."""

    PASSED = "passed"
    APPROVED = "approved"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"
    NOT_MET = "not_met"
    REJECTED = "rejected"
    NOT_REACHED = "not_reached"
    OPEN = "open"

    @property
    def counts(self) -> bool:
        """Whether this is an outcome at all."""
        return self is not Outcome.OPEN

    @property
    def lets_pass(self) -> bool:
        """Whether a gate may open on it."""
        return self not in {Outcome.REJECTED, Outcome.NOT_REACHED, Outcome.OPEN}


_BY_A_PERSON = frozenset({Outcome.APPROVED, Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.REJECTED})


class RecordedBy(StrEnum):
    """The way an answer came in; ``machine`` where nobody answered."""

    SLACK = "slack"
    AIRFLOW_UI = "airflow_ui"
    API = "api"
    MACHINE = "machine"


class EntryKind(StrEnum):
    """Kinds of ledger entries."""

    DECISION = "decision"
    MACHINE_PASS = "machine_pass"  # noqa: S105 - no password
    NOT_REACHED = "not_reached"
    BYPASS = "bypass"
    SEAL = "seal"
    ANNOUNCEMENT = "announcement"
    NUDGE = "nudge"
    ROUND = "round"
    """One round of an item that is asked several times; the last one is in its record as well."""
    REFUSAL = "refusal"
    """An answer that did not count. It proves nothing and is only chained."""
    LAUNCH_STARTED = "launch_started"
    LAUNCH_POSTPONED = "launch_postponed"
    LAUNCH_ABORTED = "launch_aborted"
    LAUNCH_ENDED = "launch_ended"


OUTCOMES = (EntryKind.DECISION, EntryKind.MACHINE_PASS, EntryKind.NOT_REACHED)
"""Kinds of entries that hold the record of an item's outcome."""


class DecidedBy(Frozen):
    """Who answered, as known at that moment: contacts change, records do not."""

    id: str
    name: str
    slack_id: str | None = None
    airflow_user: str | None = None

    @classmethod
    def of(cls, person: Person) -> DecidedBy:
        """Take what a record keeps of a person."""
        return cls(id=person.id, name=person.name, slack_id=person.slack_id, airflow_user=person.airflow_user)


class Acknowledgement(Frozen):
    """One round of an item that is asked several times, such as a daily review."""

    number: Annotated[int, Field(ge=1)]
    decided_by: DecidedBy | None
    decided_at: AwareDatetime
    evidence_digest: Digest

    @classmethod
    def of(cls, record: Record, number: int) -> Acknowledgement:
        """Take what is kept of a round from the decision that it was."""
        return cls(
            number=number,
            decided_by=record.decided_by,
            decided_at=record.decided_at,
            evidence_digest=record.evidence_digest,
        )


class Round(Acknowledgement):
    """A round as its own row of the ledger."""

    life: int
    """Tells the rounds of one life of the task from those before somebody cleared it."""

    @property
    def acknowledgement(self) -> Acknowledgement:
        """The round as the item's record lists it."""
        return Acknowledgement.model_validate(self.model_dump(exclude={"life"}))


class Record(Frozen):
    """What is kept of an item's outcome.

    It counts only for the task instance it names. Refused by construction: a pass without passed checks or
    with a person, an answer without a person, and a digest that is not that of the results.
    """

    schema_version: Literal[1] = 1
    launch_id: str
    environment: str
    rehearsal: bool
    item_ref: str
    """``phase.section.item``, as the checklist's plan writes it."""
    text: str
    """The document's words."""
    dag_id: str
    task_id: str
    outcome: Outcome
    results: tuple[CheckResult, ...] = ()
    evidence_digest: Digest
    """``evidence_digest(results)``: what the person saw, or the machine passed on."""
    decided_by: DecidedBy | None = None
    recorded_by: RecordedBy
    role: Role | None = None
    """The role that was answered for."""
    reason: str = ""
    signature: str = ""
    decided_at: AwareDatetime
    task_instance_id: str
    try_number: Annotated[int, Field(ge=0)]
    checklist_digest: str
    rounds: tuple[Acknowledgement, ...] = ()
    """Of an item that is asked several times: every round, the last one included."""
    carried_from: str | None = Field(default=None, exclude_if=lambda first: first is None)
    """Task instance whose record holds this very decision already: its worker was lost before it could end.

    One decision in two rows; left out of all others.
    """

    @field_validator("results")
    @classmethod
    def _plain_results(cls, results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
        # NaN, times and bytes become the words of the canonical form: the digest survives any way by JSON.
        return tuple(CheckResult.model_validate(plain(result, _WITHIN)) for result in results)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.outcome is Outcome.PASSED and (self.decided_by or self.recorded_by != RecordedBy.MACHINE):
            message = "'passed' is the machine's word; a person's yes is 'approved'"
            raise ValueError(message)
        verdict = Verdict.of([result.verdict for result in self.results])
        if self.outcome is Outcome.PASSED and verdict is not Verdict.PASSED:
            message = f"the checks say '{verdict}', so the outcome cannot be 'passed'"
            raise ValueError(message)
        if self.outcome in _BY_A_PERSON and self.decided_by is None:
            message = f"the outcome '{self.outcome}' needs 'decided_by'"
            raise ValueError(message)
        if self.evidence_digest != evidence_digest(self.results):
            message = "'evidence_digest' is not the digest of 'results'"
            raise ValueError(message)
        return self

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of the record's text in the ledger, as a seal lists it."""
        return digest(_plain(self))


class SealedRecord(Frozen):
    """One line of a seal: which record of an item counted."""

    item_ref: str
    outcome: Outcome
    task_instance_id: str
    digest: str

    @classmethod
    def of(cls, record: Record) -> SealedRecord:
        """Take what a seal keeps of a record."""
        return cls(
            item_ref=record.item_ref,
            outcome=record.outcome,
            task_instance_id=record.task_instance_id,
            digest=record.digest,
        )


class Seal(Frozen):
    """The record of a finished phase; the launch goes on only where it is complete."""

    schema_version: Literal[1] = 1
    launch_id: str
    dag_id: str
    phase_id: str
    complete: bool
    counts: dict[Outcome, int]
    records: tuple[SealedRecord, ...]
    bypasses: tuple[str, ...] = ()
    """Items that are green without a record of this very task instance."""
    problems: tuple[str, ...] = ()
    """Sentences: why the phase is not complete."""
    checklist_digest: str
    sealed_at: AwareDatetime
    """The same on every attempt of one try (e.g. its start), or the ledger refuses the second."""
    try_number: Annotated[int, Field(ge=0)]


class Entry(Frozen):
    """What is appended to the ledger.

    ``(task_instance_id, try_number, kind, item_ref)`` is its key: appended once, however often it is sent.
    """

    kind: EntryKind
    launch_id: str
    dag_id: str = ""
    item_ref: str = ""
    task_instance_id: str
    """What happened outside a task is named ``launch/<launch id>``."""
    try_number: Annotated[int, Field(ge=0)] = 0
    content: dict[str, JsonValue]

    @classmethod
    def of_record(cls, record: Record) -> Entry:
        """Make the entry of a record; an open request has none (ValueError)."""
        if not record.outcome.counts:
            message = f"{record.item_ref} is still open; only outcomes are kept"
            raise ValueError(message)
        kinds = {Outcome.PASSED: EntryKind.MACHINE_PASS, Outcome.NOT_REACHED: EntryKind.NOT_REACHED}
        return cls(
            kind=kinds.get(record.outcome, EntryKind.DECISION),
            launch_id=record.launch_id,
            dag_id=record.dag_id,
            item_ref=record.item_ref,
            task_instance_id=record.task_instance_id,
            try_number=record.try_number,
            content=_plain(record),
        )

    @classmethod
    def of_round(cls, record: Record, number: int, life: int) -> Entry:
        """Make the entry of one round of a repeating item; ``life`` began when it was cleared last."""
        kept = Acknowledgement.of(record, number)
        return cls(
            kind=EntryKind.ROUND,
            launch_id=record.launch_id,
            dag_id=record.dag_id,
            item_ref=record.item_ref,
            # Several rounds belong to one try of a task instance, and each is a row of its own.
            task_instance_id=f"{record.task_instance_id}#round-{number}",
            try_number=record.try_number,
            content={**_plain(kept), "life": life},
        )

    @classmethod
    def of_seal(cls, seal: Seal, task_instance_id: str) -> Entry:
        """Make the entry of a seal, written by this try of the phase's gate."""
        return cls(
            kind=EntryKind.SEAL,
            launch_id=seal.launch_id,
            dag_id=seal.dag_id,
            task_instance_id=task_instance_id,
            try_number=seal.try_number,
            content=_plain(seal),
        )


class KeptEntry(Entry):
    """An entry as read back from the ledger."""

    seq: int
    """Ascending within a launch; numbers may be missing."""
    appended_at: AwareDatetime

    @property
    def record(self) -> Record | None:
        """The record it holds, if it holds one."""
        return read_record(self.content)


def evidence_digest(results: Iterable[CheckResult]) -> str:
    """``sha256:<hex>`` of the canonical JSON of the results, as deep as a record keeps them."""
    return digest([plain(result, _WITHIN) for result in results])


def read_record(value: Any) -> Record | None:
    """Read a record from an XCom.

    A trigger's XComs arrive as JSON text, a worker's as objects. None for anything that is not a valid
    record of this schema version.
    """
    if isinstance(value, Record):
        return value
    try:
        # Text that holds JSON text has been encoded once by us and once on the way.
        for _ in range(2):
            value = json.loads(value) if isinstance(value, str) else value
        return Record.model_validate(value) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        return None


def _plain(model: Frozen) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(model.model_dump_json())
    return plain
