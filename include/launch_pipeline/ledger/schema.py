"""Model what the ledger stores: the record of an item, the seal of a phase, and entries."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, JsonValue, field_validator, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import RequestKind, Role
from launch_pipeline.checks.canonical import digest, plain
from launch_pipeline.checks.verdict import CheckResult, Verdict, headline_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.approvals.contacts import Person

_WITHIN = 2
"""The levels of a record around a result; what would be nested too deeply is left out."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Outcome(StrEnum):
    """How an item ended (design, section 1)."""

    PASSED = "passed"
    APPROVED = "approved"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"
    NOT_MET = "not_met"
    REJECTED = "rejected"
    NOT_REACHED = "not_reached"

    @property
    def lets_pass(self) -> bool:
        """Whether a gate may open on it."""
        return self not in {Outcome.REJECTED, Outcome.NOT_REACHED}

    def words(self, kind: RequestKind = RequestKind.APPROVAL) -> str:
        """Return the outcome in words for people, which depend on the kind of request that was answered."""
        return _WORDS.get((kind, self), self.value.replace("_", " "))


_WORDS = {
    (RequestKind.DECISION, Outcome.APPROVED): "go",
    (RequestKind.DECISION, Outcome.REJECTED): "no go",
    (RequestKind.SIGNATURE, Outcome.APPROVED): "signed",
    (RequestKind.SIGNATURE, Outcome.REJECTED): "declined",
}
_BY_A_PERSON = frozenset({Outcome.APPROVED, Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.REJECTED})


class RecordedBy(StrEnum):
    """The way an answer came in; ``machine`` if no person answered."""

    SLACK = "slack"
    AIRFLOW_UI = "airflow_ui"
    API = "api"
    MACHINE = "machine"


class EntryKind(StrEnum):
    """The kinds of ledger entries."""

    DECISION = "decision"
    MACHINE_PASS = "machine_pass"  # noqa: S105 - no password
    NOT_REACHED = "not_reached"
    BYPASS = "bypass"
    SEAL = "seal"
    ANNOUNCEMENT = "announcement"
    NUDGE = "nudge"
    ROUND = "round"
    """One round of a repeated item; the last one is in its record as well."""
    REOPENED = "reopened"
    """An item whose record no longer counts; its phase's seal does not stand until it is sealed again."""
    VERIFIED_AGAIN = "verified_again"
    """What another look at every machine check of the sealed phases found."""
    REFUSAL = "refusal"
    """An answer that did not count; it proves nothing and is only chained."""
    LAUNCH_STARTED = "launch_started"
    LAUNCH_POSTPONED = "launch_postponed"
    AMENDMENT_PROPOSED = "amendment_proposed"
    """An amendment that a second person has not confirmed yet; it changes nothing and is only chained."""
    LAUNCH_AMENDED = "launch_amended"
    LAUNCH_RETARGETED = "launch_retargeted"
    LAUNCH_HELD = "launch_held"
    LAUNCH_RESUMED = "launch_resumed"
    LAUNCH_ABORTED = "launch_aborted"
    LAUNCH_ENDED = "launch_ended"


OUTCOMES = (EntryKind.DECISION, EntryKind.MACHINE_PASS, EntryKind.NOT_REACHED)
"""The kinds of entries that contain the record of an item's outcome."""


class DecidedBy(Frozen):
    """The person who answered, as known at that moment: contacts change, records do not."""

    id: str
    name: str
    slack_id: str | None = None
    airflow_user: str | None = None

    @classmethod
    def of(cls, person: Person) -> DecidedBy:
        """Take the fields of a person that a record stores."""
        return cls(id=person.id, name=person.name, slack_id=person.slack_id, airflow_user=person.airflow_user)


class Acknowledgement(Frozen):
    """One round of a repeated item, such as a daily review."""

    number: Annotated[int, Field(ge=1)]
    decided_by: DecidedBy | None
    decided_at: AwareDatetime
    evidence_digest: Digest

    @classmethod
    def of(cls, record: Record, number: int) -> Acknowledgement:
        """Build the acknowledgement from the decision of that round."""
        return cls(
            number=number,
            decided_by=record.decided_by,
            decided_at=record.decided_at,
            evidence_digest=record.evidence_digest,
        )


class Round(Acknowledgement):
    """A round as its own row of the ledger."""

    life: int
    """Separates the rounds of a task from those before it was last cleared."""

    @property
    def acknowledgement(self) -> Acknowledgement:
        """The round as the item's record lists it."""
        return Acknowledgement.model_validate(self.model_dump(exclude={"life"}))


class Record(Frozen):
    """The record of an item's outcome.

    It counts only for the task instance it names. Validation refuses a pass without passed checks or with a
    person, an answer without a person, and a digest that is not that of the results.
    """

    schema_version: Literal[1] = 1
    launch_id: str
    environment: str
    rehearsal: bool
    item_ref: str
    """The item's place in the checklist: ``phase.section.item``."""
    text: str
    """The document's words."""
    dag_id: str
    task_id: str
    outcome: Outcome
    results: tuple[CheckResult, ...] = ()
    evidence_digest: Digest
    """The ``evidence_digest(results)`` of what the person saw, or the machine passed on."""
    decided_by: DecidedBy | None = None
    recorded_by: RecordedBy
    role: Role | None = None
    """The role that the person answered for."""
    reason: str = ""
    signature: str = ""
    decided_at: AwareDatetime
    task_instance_id: str
    try_number: Annotated[int, Field(ge=0)]
    checklist_digest: str
    rounds: tuple[Acknowledgement, ...] = ()
    """Every round of a repeated item, including the last one."""
    carried_from: str | None = Field(default=None, exclude_if=lambda first: first is None)
    """The task instance whose record has the same decision, because its worker was lost before it ended.

    One decision is then in two rows; other records leave the field out.
    """
    rests_on: dict[str, Digest] = Field(default_factory=dict, exclude_if=lambda names: not names)
    """What the outcome rests on, by name (``launch/basis.py``); empty in records of older packages."""
    confirms: str | None = Field(default=None, exclude_if=lambda first: first is None)
    """The task instance whose decision was carried over: the item was verified again, and nothing that the
    person was asked has changed. Other records leave the field out."""

    @field_validator("results")
    @classmethod
    def _plain_results(cls, results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
        # NaN, times and bytes become their canonical text, so the digest survives a round trip through JSON.
        return tuple(CheckResult.model_validate(plain(result, _WITHIN)) for result in results)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.outcome is Outcome.PASSED and (self.decided_by or self.recorded_by != RecordedBy.MACHINE):
            message = "'passed' is the machine's outcome; a person's yes is 'approved'"
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
        """The ``sha256:<hex>`` of the record's text in the ledger, as a seal lists it."""
        return digest(_plain(self))

    @property
    def headline(self) -> str:
        """The headline of its evidence; see ``headline_of``."""
        return headline_of(self.results)


class SealedRecord(Frozen):
    """One line of a seal: the record of an item that counted."""

    item_ref: str
    outcome: Outcome
    task_instance_id: str
    digest: str

    @classmethod
    def of(cls, record: Record) -> SealedRecord:
        """Take the fields of a record that a seal lists."""
        return cls(
            item_ref=record.item_ref,
            outcome=record.outcome,
            task_instance_id=record.task_instance_id,
            digest=record.digest,
        )


class Seal(Frozen):
    """The record of a finished phase; the launch goes on only if it is complete."""

    schema_version: Literal[1] = 1
    launch_id: str
    dag_id: str
    phase_id: str
    complete: bool
    counts: dict[Outcome, int]
    records: tuple[SealedRecord, ...]
    bypasses: tuple[str, ...] = ()
    """Items that are green without a record of the same task instance."""
    problems: tuple[str, ...] = ()
    """The reasons why the phase is not complete, as sentences."""
    checklist_digest: str
    sealed_at: AwareDatetime
    """The same for every attempt of one try (e.g. its start), or the ledger refuses the second."""
    try_number: Annotated[int, Field(ge=0)]


class Entry(Frozen):
    """An entry to append to the ledger.

    Its key ``(task_instance_id, try_number, kind, item_ref)`` is appended once, however often it is sent.
    """

    kind: EntryKind
    launch_id: str
    dag_id: str = ""
    item_ref: str = ""
    task_instance_id: str
    """The id of the task instance; ``launch/<launch id>`` for events outside a task."""
    try_number: Annotated[int, Field(ge=0)] = 0
    content: dict[str, JsonValue]

    @classmethod
    def of_record(cls, record: Record) -> Entry:
        """Build the entry of a record."""
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
        """Build the entry of one round of a repeated item; a new ``life`` begins when it is cleared."""
        done = Acknowledgement.of(record, number)
        return cls(
            kind=EntryKind.ROUND,
            launch_id=record.launch_id,
            dag_id=record.dag_id,
            item_ref=record.item_ref,
            # One try of a task instance has several rounds, each in a row of its own.
            task_instance_id=f"{record.task_instance_id}#round-{number}",
            try_number=record.try_number,
            content={**_plain(done), "life": life},
        )

    @classmethod
    def of_seal(cls, seal: Seal, task_instance_id: str) -> Entry:
        """Build the entry of a seal, written by one try of the phase's gate."""
        return cls(
            kind=EntryKind.SEAL,
            launch_id=seal.launch_id,
            dag_id=seal.dag_id,
            task_instance_id=task_instance_id,
            try_number=seal.try_number,
            content=_plain(seal),
        )


class LedgerEntry(Entry):
    """An entry as read back from the ledger."""

    seq: int
    """The number over all launches: ascending, with gaps."""
    appended_at: AwareDatetime

    @cached_property
    def record(self) -> Record | None:
        """The record in its content, if there is one."""
        return read_record(self.content)


def evidence_digest(results: Iterable[CheckResult]) -> str:
    """Return the ``sha256:<hex>`` of the results' canonical JSON, as deep as a record stores them."""
    return digest([plain(result, _WITHIN) for result in results])


def read_record(value: Any) -> Record | None:
    """Read a record from an XCom or a row, or None if it is not a valid record of this schema version.

    A trigger's XComs arrive as JSON text, a worker's as objects.
    """
    if isinstance(value, Record):
        return value
    try:
        # JSON text inside JSON text was encoded once by us and once on the way.
        for _ in range(2):
            value = json.loads(value) if isinstance(value, str) else value
        return Record.model_validate(value) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        return None


def _plain(model: Frozen) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(model.model_dump_json())
    return plain
