"""Define what is announced of a launch and its phases, as data without a channel."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from launch_pipeline.approvals.contacts import SlackId
from launch_pipeline.base import Frozen
from launch_pipeline.ledger.chain import Head
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.links import report_url, run_url

if TYPE_CHECKING:
    from launch_pipeline.approvals.contacts import Contacts, Person

AirflowId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.~:+-]{1,250}$")]
"""What Airflow accepts as a Dag, task or run id."""


class LaunchFacts(Frozen):
    """Hold what every message says about its launch."""

    launch_id: str
    rehearsal: bool = False
    airflow_url: str = ""
    """Where people open Airflow; without it notes have no links."""
    release: str = ""
    environment: str = ""
    launch_at: AwareDatetime | None = None
    """The launch time in force."""
    started_by: str = ""
    """Name of the person who started the launch."""

    def page(self, dag_id: str) -> str:
        """Return the address of a Dag's run in this launch."""
        return run_url(self.airflow_url, dag_id, self.launch_id)

    @property
    def report(self) -> str:
        """Return the address of the launch's report."""
        return report_url(self.airflow_url, self.launch_id)


class PersonView(Frozen):
    """Describe a person who may act. A person without a Slack id is named instead of mentioned."""

    name: str
    slack_id: SlackId | None = None

    @classmethod
    def of(cls, person: Person) -> PersonView:
        """Take name and Slack id from the contacts."""
        return cls(name=person.name, slack_id=person.slack_id)


def name_of(airflow_user: str, contacts: Contacts | None) -> str:
    """Return a person's name, or the Airflow user name if the contacts do not know it."""
    person = contacts.by_airflow_user(airflow_user) if contacts else None
    return person.name if person else airflow_user


class SetAside(Frozen):
    """Describe an item without a yes (waived, not met or red), for the people who decide."""

    text: str
    outcome: Outcome
    by: str = ""
    reason: str = ""
    headline: str = ""
    url: str = ""


class Next(Frozen):
    """Say what happens next, and when."""

    what: str
    at: AwareDatetime | None = None


class PhaseNote(Frozen):
    """Announce that a phase ended."""

    key: Annotated[str, Field(min_length=1, max_length=500)]
    """Identifies the note: it is posted once, and a repetition carries the same key."""
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
    """Address of the launch's report, if this phase ends the launch."""
    head: Head | None = None
    """Head of the launch's hash chain. Posting it keeps a copy outside the database."""


class LaunchNoteKind(StrEnum):
    """Name what can happen to a launch as a whole."""

    STARTED = "started"
    REFUSED = "refused"
    POSTPONED = "postponed"
    AMENDMENT_PROPOSED = "amendment_proposed"
    AMENDED = "amended"
    RETARGETED = "retargeted"
    HELD = "held"
    RESUMED = "resumed"
    NO_LONGER_TRUE = "no_longer_true"
    GO_TAKEN_BACK = "go_taken_back"
    ABORTED = "aborted"
    GO = "go"
    NO_GO = "no_go"
    WINDOW_OPENED = "window_opened"
    WINDOW_MISSED = "window_missed"
    ROLLBACK_OFFERED = "rollback_offered"
    COMPLETE = "complete"


class AgainItem(Frozen):
    """Describe an item that is verified again."""

    text: str
    why: str


class LaunchNote(Frozen):
    """Announce what happened to a launch as a whole."""

    kind: LaunchNoteKind
    key: Annotated[str, Field(min_length=1, max_length=500)]
    launch_id: AirflowId
    rehearsal: bool
    what: str = ""
    """The release, the window, or the item."""
    by: tuple[str, ...] = ()
    """Names of the people who did it."""
    reason: str = ""
    at: AwareDatetime | None = None
    """The launch time, or when the window opens."""
    was: AwareDatetime | None = None
    """The previous launch time of a postponed launch."""
    details: tuple[str, ...] = ()
    """What has changed, a line each."""
    again: tuple[AgainItem, ...] = ()
    """Items that are verified again because of it."""
    failing: tuple[SetAside, ...] = ()
    waivers: tuple[SetAside, ...] = ()
    mentioned: tuple[PersonView, ...] = ()
    """People who must act now; the message mentions them."""
    next: Next | None = None
    url: str = ""
    report: str = ""
    """Address of the launch's report, if this ends the launch."""
    head: Head | None = None
    """Head of the launch's hash chain, as in ``PhaseNote``."""
