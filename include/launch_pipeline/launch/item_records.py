"""Build the record of an item from its spec, its launch and the answer that a person gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.model import Item, Moment
from launch_pipeline.checklist.options import options_of
from launch_pipeline.checklist.vocabulary import Answer, Severity
from launch_pipeline.ledger.schema import (
    DecidedBy,
    Outcome,
    Record,
    RecordedBy,
    evidence_digest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.checks.verdict import CheckResult
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.evidence import Evidence
    from launch_pipeline.launch.reconcile import ItemState
    from launch_pipeline.ledger.schema import Acknowledgement


class TaskInstance(Protocol):
    """The parts of Airflow's task instance that are used; the same in triggerer, worker and gate."""

    @property
    def id(self) -> Any: ...  # noqa: D102
    @property
    def dag_id(self) -> str: ...  # noqa: D102
    @property
    def task_id(self) -> str: ...  # noqa: D102
    @property
    def try_number(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class ItemInstance:
    """A task instance of an item that the gate records."""

    id: str
    dag_id: str
    task_id: str
    try_number: int


class ItemSpec(Frozen):
    """An item with its place and origin, as its task carries it."""

    ref: str
    phase_id: str
    checklist_digest: str
    item: Item
    moments: tuple[Moment, ...] = ()
    """The moments of every wait that comes before it in its Dag."""

    def payload(self) -> dict[str, Any]:
        """Return plain JSON types, for the arguments of triggers."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def task_id(self) -> str:
        """The id of its task, ``section.item``: unique in its Dag."""
        return self.ref.removeprefix(f"{self.phase_id}.")

    @property
    def options(self) -> tuple[Answer, ...]:
        """The answers that its request takes."""
        return options_of(self.item)


def outcome_of(answer: Answer, item: Item) -> Outcome:
    """Return the outcome that an accepted answer gives an item. Raises KeyError for *Re-check*."""
    if answer.affirms:
        return Outcome.APPROVED
    if answer.denies:
        return Outcome.NOT_MET if item.severity is Severity.ADVISORY else Outcome.REJECTED
    return {Answer.WAIVE: Outcome.WAIVED, Answer.NOT_APPLICABLE: Outcome.NOT_APPLICABLE}[answer]


def _record(spec: ItemSpec, launch: LaunchContext, ti: TaskInstance, **fields: Any) -> Record:
    results: tuple[CheckResult, ...] = fields.pop("results")
    return Record(
        launch_id=launch.launch_id,
        environment=launch.environment,
        rehearsal=launch.rehearsal,
        item_ref=spec.ref,
        text=spec.item.text,
        dag_id=ti.dag_id,
        task_id=ti.task_id,
        results=results,
        evidence_digest=evidence_digest(results),
        decided_at=fields.pop("at", None) or datetime.now(UTC),
        task_instance_id=str(ti.id),
        try_number=ti.try_number,
        checklist_digest=spec.checklist_digest,
        **fields,
    )


def machine_record(spec: ItemSpec, launch: LaunchContext, ti: TaskInstance, evidence: Evidence) -> Record:
    """Build the record of an item that asks no person. Raises ValueError unless its checks passed."""
    return _record(
        spec,
        launch,
        ti,
        outcome=Outcome.PASSED,
        results=evidence.results,
        recorded_by=RecordedBy.MACHINE,
        rests_on=evidence.rests_on,
    )


def decision_record(  # what is decided, where, by whom, on what
    spec: ItemSpec,
    launch: LaunchContext,
    ti: TaskInstance,
    answer: GivenAnswer,
    person: Person,
    results: tuple[CheckResult, ...],
    rests_on: Mapping[str, str] | None = None,
) -> Record:
    """Build the record of an item that a person decided."""
    return _record(
        spec,
        launch,
        ti,
        outcome=outcome_of(Answer(answer.option), spec.item),
        at=answer.at,
        results=results,
        decided_by=DecidedBy.of(person),
        recorded_by=answer.via,
        role=spec.item.owner,
        reason=answer.reason,
        signature=answer.signature,
        rests_on=dict(rests_on or {}),
    )


def confirmed_record(
    spec: ItemSpec, launch: LaunchContext, ti: TaskInstance, earlier: Record, evidence: Evidence
) -> Record:
    """Build the record of an item that was verified again, with the earlier decision about it."""
    return _record(
        spec,
        launch,
        ti,
        outcome=earlier.outcome,
        at=earlier.decided_at,
        results=evidence.results,
        decided_by=earlier.decided_by,
        recorded_by=earlier.recorded_by,
        role=earlier.role,
        reason=earlier.reason,
        signature=earlier.signature,
        rests_on=evidence.rests_on,
        confirms=earlier.task_instance_id,
    )


def not_reached_record(spec: ItemSpec, launch: LaunchContext, ti: TaskInstance, reason: str) -> Record:
    """Build the record of an item that another answer ended before its own."""
    return _record(
        spec,
        launch,
        ti,
        outcome=Outcome.NOT_REACHED,
        results=(),
        recorded_by=RecordedBy.MACHINE,
        reason=reason,
    )


def gate_record(spec: ItemSpec, launch: LaunchContext, state: ItemState, gate: Any) -> Record:
    """Build the NOT_REACHED record for an item that has no valid record of its own."""
    item_ti = ItemInstance(
        id=state.task_instance_id,
        dag_id=gate.dag_id,
        task_id=spec.task_id,
        # The try is the gate's, so that a repaired phase can record again what was not reached.
        try_number=gate.try_number,
    )
    reason = f"state {state.state or 'none'} when the phase was sealed"
    record = not_reached_record(spec, launch, item_ti, reason)
    return record.model_copy(update={"decided_at": gate.start_date})


def with_rounds(record: Record, rounds: Sequence[Acknowledgement]) -> Record:
    """Return the record with every round that was acknowledged."""
    return record.model_copy(update={"rounds": tuple(rounds)}) if rounds else record


class GivenAnswer(Frozen):
    """An answer as Airflow delivers it to the task."""

    option: str
    reason: str = ""
    signature: str = ""
    airflow_user: str
    evidence: str = ""
    """The digest of the evidence it was given on, as the guard stamps it; empty if there was none."""
    at: datetime | None = None
    """The time when Airflow took the answer, so that every attempt to append it has the same time."""
    via: RecordedBy = RecordedBy.API

    @classmethod
    def of_event(cls, event: dict[str, Any]) -> GivenAnswer:
        """Read the event of an answered request; missing fields are empty, which is never a pass."""
        user = event.get("responded_by_user") or {}
        name = user.get("name") if isinstance(user, dict) else getattr(user, "name", None)
        # Several options at once make an option that no request has.
        option = ", ".join(map(str, event.get("chosen_options") or ()))
        given = cls.of_input(option, event.get("params_input"), name or "")
        # It is a time from Airflow's task runner, and text from the REST API.
        return cls.model_validate({**given.model_dump(), "at": event.get("responded_at")})

    @classmethod
    def of_input(cls, option: str, params_input: Any, airflow_user: str) -> GivenAnswer:
        """Read an answer from the form's fields; the guard alone sets how it came in."""
        fields = params_input if isinstance(params_input, dict) else {}
        via = str(fields.get("via", ""))
        return cls(
            option=str(option),
            reason=str(fields.get("reason") or "").strip(),
            signature=str(fields.get("signature") or "").strip(),
            airflow_user=airflow_user,
            evidence=str(fields.get("evidence") or ""),
            via=RecordedBy(via) if via in set(RecordedBy) - {RecordedBy.MACHINE} else RecordedBy.API,
        )
