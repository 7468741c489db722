"""Model the rows about a launch itself: its start, its postponements and its end."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from launch_pipeline.ledger.launch import LaunchState, Via
from launch_pipeline.ledger.plan import LaunchPlan

if TYPE_CHECKING:
    from launch_pipeline.ledger.launch import Launch

Words = Annotated[str, Field(pattern=r"\S")]


class Fact(BaseModel):
    """The content of a row about the launch; unknown fields are preserved and prove nothing."""

    model_config = ConfigDict(frozen=True, extra="allow", serialize_by_alias=True)

    def content(self) -> dict[str, Any]:
        """Return the content of the row."""
        return self.model_dump(mode="json")


class Started(Fact):
    """The first row: every fact of the launch, and its plan."""

    environment: str
    rehearsal: bool
    release: str
    release_sha: str
    launch_at: AwareDatetime
    planned_at: AwareDatetime
    started_by: str
    started_at: AwareDatetime
    conf: dict[str, JsonValue]
    checklist_digests: dict[str, str]
    plan: LaunchPlan

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.launch_at != self.planned_at:
            message = "'launch_at' and 'planned_at' differ at the start"
            raise ValueError(message)
        without = sorted(self.plan.items.keys() - self.checklist_digests.keys())
        if without:
            message = f"the checklist of {without[0]} has no digest"
            raise ValueError(message)
        return self


class Postponed(Fact):
    """The launch time was moved."""

    before: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    by: Words
    via: Via
    reason: Words


class Aborted(Fact):
    """A person ended the launch."""

    by: Words
    via: Via
    reason: Words
    ended_at: AwareDatetime


class Ended(Fact):
    """The launch ended by its seals."""

    state: Literal[LaunchState.COMPLETE, LaunchState.NO_GO, LaunchState.ROLLED_BACK]
    ended_at: AwareDatetime


class Derived:
    """The facts of a launch derived from its rows, with which the table of launches must agree."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self.launch_at = started.launch_at
        self.end: Ended | Aborted | None = None

    @property
    def state(self) -> LaunchState:
        """The state of the launch."""
        if self.end is None:
            return LaunchState.ACTIVE
        return self.end.state if isinstance(self.end, Ended) else LaunchState.ABORTED

    def difference(self, launch: Launch) -> str | None:
        """Return the first fact in which the table of launches differs from the rows."""
        said = {
            **{name: getattr(self.started, name) for name in _OF_THE_START},
            "launch_at": self.launch_at,
            "state": self.state,
            "ended_at": self.end.ended_at if self.end else None,
        }
        for name, word in said.items():
            there = getattr(launch, name)
            if there != word:
                return f"the table of launches says {name} {_shown(there)}, the rows say {_shown(word)}"
        return None


_OF_THE_START = (
    "environment",
    "rehearsal",
    "release",
    "release_sha",
    "started_by",
    "started_at",
    "planned_at",
    "conf",
    "checklist_digests",
)


def _shown(value: Any) -> str:
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat() if isoformat else repr(str(value) if isinstance(value, StrEnum) else value))
