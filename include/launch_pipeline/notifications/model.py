"""Define what is announced of a launch and its phases, as data without a channel."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from launch_pipeline.approvals.contacts import SlackId
from launch_pipeline.base import Frozen
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.schema import Outcome

AirflowId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.~:+-]{1,250}$")]
"""What Airflow accepts as a Dag, task or run id."""


class PersonView(Frozen):
    """Somebody who may act; without a Slack id he is named, not addressed."""

    name: str
    slack_id: SlackId | None = None


class SetAside(Frozen):
    """Something that was let pass, or is red: whoever decides wants it in view."""

    text: str
    outcome: Outcome
    by: str = ""
    reason: str = ""
    headline: str = ""
    url: str = ""


class Next(Frozen):
    """What happens next, and when."""

    what: str
    at: AwareDatetime | None = None


class PhaseNote(Frozen):
    """What is told of a phase that ended."""

    key: Annotated[str, Field(min_length=1, max_length=500)]
    """The same message is told once; a repetition carries the same key."""
    launch_id: AirflowId
    rehearsal: bool
    phase_title: str
    complete: bool
    counts: dict[Outcome, int]
    waivers: tuple[SetAside, ...] = ()
    failing: tuple[SetAside, ...] = ()
    bypasses: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    next: Next | None = None
    url: str = ""
    report: str = ""
    """The launch's report, where this ends the launch."""
    head: Head | None = None
    """The end of the launch's chain: told, it is noted outside of the database."""


class LaunchNoteKind(StrEnum):
    """What can happen to a launch as a whole."""

    STARTED = "started"
    REFUSED = "refused"
    POSTPONED = "postponed"
    ABORTED = "aborted"
    GO = "go"
    NO_GO = "no_go"
    WINDOW_OPENED = "window_opened"
    WINDOW_MISSED = "window_missed"
    ROLLBACK_OFFERED = "rollback_offered"
    COMPLETE = "complete"


class LaunchNote(Frozen):
    """What is told of a launch as a whole."""

    kind: LaunchNoteKind
    key: Annotated[str, Field(min_length=1, max_length=500)]
    launch_id: AirflowId
    rehearsal: bool
    what: str = ""
    """The release, or the window."""
    by: tuple[str, ...] = ()
    """Names of those who did it, where somebody did."""
    reason: str = ""
    at: AwareDatetime | None = None
    """The launch time, or when the window opens."""
    was: AwareDatetime | None = None
    """Of a postponed launch: the time before."""
    failing: tuple[SetAside, ...] = ()
    waivers: tuple[SetAside, ...] = ()
    mentioned: tuple[PersonView, ...] = ()
    """Who is to act now, and is addressed."""
    next: Next | None = None
    url: str = ""
    report: str = ""
    """The launch's report, where this ends the launch."""
    head: Head | None = None
    """The end of the launch's chain, as in ``PhaseNote``."""
