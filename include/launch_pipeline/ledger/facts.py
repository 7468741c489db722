"""Model the rows about a launch itself: its start, its changes and its end."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from launch_pipeline.base import Frozen
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
    environment_digest: str = Field(default="", exclude_if=lambda digest: not digest)
    plan: LaunchPlan

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.launch_at != self.planned_at:
            message = "'launch_at' and 'planned_at' differ at the start"
            raise ValueError(message)
        _all_have_digests(self.plan, self.checklist_digests)
        return self


def _all_have_digests(plan: LaunchPlan, digests: dict[str, str]) -> None:
    without = sorted(plan.items.keys() - digests.keys())
    if without:
        message = f"the checklist of {without[0]} has no digest"
        raise ValueError(message)


class ByAPerson(Fact):
    """A person changed the launch."""

    by: Words
    via: Via
    reason: Words


class Postponed(ByAPerson):
    """The launch time was moved."""

    before: AwareDatetime = Field(alias="from")
    to: AwareDatetime


class Changed(Frozen):
    """One difference that an amendment made."""

    where: str
    """An item's ref, or the name of a setting of the environment."""
    what: tuple[str, ...]
    """What changed of it, such as ``checks`` or ``owner``; ``added`` or ``removed`` for a whole item."""


class Proposed(ByAPerson):
    """A person asked for an amendment that another person must confirm."""

    digest: Words
    """The digest of exactly this amendment of this launch."""
    changes: tuple[Changed, ...]


class Amended(ByAPerson):
    """The definitions that the launch runs by were replaced."""

    confirmed_by: Words | None = Field(default=None, exclude_if=lambda person: person is None)
    """The second person, where the policy wants one."""
    changes: Annotated[tuple[Changed, ...], Field(min_length=1)]
    checklist_digests: dict[str, str]
    environment_digest: str
    plan: LaunchPlan

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.confirmed_by == self.by:
            message = "one person confirmed their own amendment"
            raise ValueError(message)
        _all_have_digests(self.plan, self.checklist_digests)
        return self


class Target(Frozen):
    """What is launched."""

    release: str
    release_sha: str


class Retargeted(ByAPerson):
    """The release commit was moved."""

    before: Target = Field(alias="from")
    to: Target


class Held(ByAPerson):
    """The launch was put on hold: no window opens."""

    held_at: AwareDatetime


class Resumed(ByAPerson):
    """The hold was lifted."""


class Aborted(ByAPerson):
    """A person ended the launch."""

    ended_at: AwareDatetime


class Ended(Fact):
    """The launch ended by its seals."""

    state: Literal[LaunchState.COMPLETE, LaunchState.NO_GO, LaunchState.ROLLED_BACK]
    ended_at: AwareDatetime


class Derived:
    """What is in force by the rows of a launch so far, with which the table of launches must agree."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self.launch_at = started.launch_at
        self.target = Target(release=started.release, release_sha=started.release_sha)
        self.held_at: AwareDatetime | None = None
        self.end: Ended | Aborted | None = None
        self.items: set[tuple[str, str]] = set()
        """Every item that a plan of the launch has or had: its Dag and its ref."""
        self.checklists: set[tuple[str, str]] = set()
        """Every checklist that the launch runs or ran by: its Dag and its digest."""
        self._run_by(started)

    def _run_by(self, said: Started | Amended) -> None:
        self.plan = said.plan
        self.checklist_digests = said.checklist_digests
        self.environment_digest = said.environment_digest
        self.items |= {(dag_id, item.ref) for dag_id, items in said.plan.items.items() for item in items}
        self.checklists |= said.checklist_digests.items()

    def take(self, said: Fact) -> None:
        """Take the next fact: what it says is in force from now on."""
        match said:
            case Postponed():
                self.launch_at = said.to
            case Amended():
                self._run_by(said)
            case Retargeted():
                self.target = said.to
            case Held():
                self.held_at = said.held_at
            case Resumed():
                self.held_at = None
            case Aborted() | Ended():
                self.end = said
            case _:
                pass

    @property
    def variables(self) -> dict[str, str]:
        """The launch's own variables that may change while it runs, as its checks are given them.

        What the launch leaves empty may have a value elsewhere, so it is left out.
        """
        at = _in_utc(self.launch_at)
        previous = self.started.conf.get("previous_release")
        values = {
            "release": self.target.release,
            "release_sha": self.target.release_sha,
            "previous_release": previous if isinstance(previous, str) else "",
            "launch_at": at,
            "launch_date": at[:10],
        }
        return {name: value for name, value in values.items() if value}

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
            "release": self.target.release,
            "release_sha": self.target.release_sha,
            "checklist_digests": self.checklist_digests,
            "environment_digest": self.environment_digest,
            "held_at": self.held_at,
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
    "started_by",
    "started_at",
    "planned_at",
    "conf",
)


def _in_utc(moment: AwareDatetime) -> str:
    try:
        return moment.astimezone(UTC).isoformat()
    except OverflowError:
        # Before or after the calendar in UTC.
        return ""


def _shown(value: Any) -> str:
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat() if isoformat else repr(str(value) if isinstance(value, StrEnum) else value))
