"""The checklist as frozen models: phase, section, item, check. Unknown keys are errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_serializer, model_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.duration import Duration, format_duration
from launch_pipeline.checklist.vocabulary import (
    Anchor,
    Mode,
    RequestKind,
    Role,
    Severity,
    SideEffect,
    TrueUntil,
)

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,60}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class CheckSpec(Frozen):
    """A check as written: the kind is the key, the parameters are its value."""

    kind: Identifier
    params: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_single_key(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and "kind" not in value:
            ((kind, params),) = value.items()
            return {"kind": kind, "params": {} if params is None else params}
        form = "'http_request: {path: /health}'"
        message = f"{str(value)[:80]!r} is not a check; write its kind as the only key, such as {form}"
        raise ValueError(message)

    @model_serializer
    def _to_single_key(self) -> dict[str, Any]:
        return {self.kind: self.params}


class Moment(Frozen):
    """A time: an offset from an anchor. Rehearsals scale the offset."""

    anchor: Anchor = Anchor.LAUNCH_TIME
    offset: Duration = timedelta()


class Repeat(Frozen):
    """Repetition of an item, such as a daily review on seven days."""

    times: Annotated[int, Field(ge=2, le=31)]
    every: Duration

    @field_validator("every")
    @classmethod
    def _time_passes(cls, every: timedelta) -> timedelta:
        if every <= timedelta():
            message = f"{format_duration(every)!r} is too short; write a duration longer than 0, such as '1d'"
            raise ValueError(message)
        return every


class Item(Frozen):
    """One line of the document."""

    id: Identifier
    text: Text
    """The document's exact words; the task's display name."""
    mode: Mode
    gate: RequestKind = RequestKind.APPROVAL
    owner: Role
    severity: Severity = Severity.BLOCKING
    question: Text | None = None
    """The question for the approver, if a person answers the item."""
    how: Text
    """How it is verified."""
    on_failure: Text
    """What to do if it fails."""
    notes: str = ""
    threshold: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Items of the same phase that come first: ``item``, or ``section.item`` of another section."""
    opens: Moment | None = None
    repeat: Repeat | None = None
    checks: tuple[CheckSpec, ...] = ()
    side_effects: tuple[SideEffect, ...] = ()
    evidence_only: bool = False
    """The values only inform the approver, as the catalogue says. Nothing enforces it: write an ``expect``
    that every value meets, such as ``>= 0``."""
    true_until: TrueUntil | None = None
    """When its checks need not hold any more, if that is before T+4h is sealed; ``notes`` give the reason."""

    @property
    def seen_once(self) -> bool:
        """Return whether nothing looks at its checks again once they are recorded."""
        return bool(self.side_effects) or self.true_until is TrueUntil.SEALED

    @model_validator(mode="after")
    def _mode_fits(self) -> Self:
        if self.mode.has_checks and not self.checks:
            message = f"mode '{self.mode}' needs at least one check; add 'checks:' or set mode to 'approval'"
            raise ValueError(message)
        if not self.mode.has_checks and self.checks:
            message = "mode 'approval' takes no checks; set mode to 'check+approval'"
            raise ValueError(message)
        if self.mode.needs_person and not self.question:
            message = f"mode '{self.mode}' needs a question for its approver; add 'question:'"
            raise ValueError(message)
        if self.gate is not RequestKind.APPROVAL and self.mode is not Mode.APPROVAL:
            message = f"a {self.gate} is made by a person alone; set mode to 'approval'"
            raise ValueError(message)
        if self.repeat and not self.mode.needs_person:
            message = "'repeat' asks a person again; set mode to 'approval' or 'check+approval'"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _ends_for_a_reason(self) -> Self:
        if self.true_until and (not self.checks or self.side_effects):
            without = "has side effects" if self.checks else "has no checks"
            message = f"an item that {without} is not looked at again; remove 'true_until:'"
            raise ValueError(message)
        if self.true_until and not self.notes.strip():
            message = "'true_until' needs its reason; add 'notes:'"
            raise ValueError(message)
        return self


class Section(Frozen):
    """A heading of the document with its items; a task group in the grid."""

    id: Identifier
    title: Text
    dag: Identifier | None = None
    """The Dag of this section, if the phase has one Dag per section (the launch day)."""
    opens: Moment | None = None
    after: tuple[Identifier, ...] = ()
    """Sections of the same phase that come first."""
    items: Annotated[tuple[Item, ...], Field(min_length=1)]


class Phase(Frozen):
    """A chapter of the checklist: one file."""

    schema_version: Literal[1]
    id: Identifier
    title: Text
    when: Text
    """The label of the week or day, as in the document."""
    kind: Literal["checklist", "sign_offs", "rollback"] = "checklist"
    dag: Identifier | None = None
    """The Dag of the whole phase, unless each section names its own."""
    description: Text
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _dag_named_once(self) -> Self:
        without = [s.id for s in self.sections if not s.dag]
        named = next((s for s in self.sections if s.dag), None)
        if self.dag and named:
            message = (
                f"the phase names its Dag, {self.dag!r}, and so does section {named.id!r}, {named.dag!r}; "
                "remove 'dag:' from the phase or from every section"
            )
            raise ValueError(message)
        if not self.dag and without:
            message = f"no Dag for section {without[0]!r}; add 'dag:' to the phase or to every section"
            raise ValueError(message)
        return self

    def items(self) -> list[tuple[Section, Item]]:
        """Return every item with its section, in the order of the document."""
        return [(section, item) for section in self.sections for item in section.items]
