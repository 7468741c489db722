"""Define what the bridge and the launch plugin of the api-server exchange.

``GET /launch/board`` returns every launch that is under way. It holds only what Airflow's database knows: the
bridge reads texts, roles and options from the checklist, and people from the contacts.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from launch_pipeline.base import Frozen
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_pipeline.ledger.schema import Outcome, RecordedBy
from launch_pipeline.notifications.model import AirflowId
from launch_pipeline.slack.messages.views import EvidencePin, InstanceId


class BoardItem(Frozen):
    """Describe the current state of an item's task instance."""

    task_id: AirflowId
    task_instance_id: InstanceId
    try_number: int
    state: str | None
    waits: bool = False
    """Whether a request is open, and an answer would reach the task."""
    since: AwareDatetime | None = None
    """When the open request was made."""
    answered_by: str = ""
    """Airflow user whose answer was taken, while the task has not ended yet."""
    verdict: Verdict | None = None
    """Verdict in the evidence of this task instance."""
    evidence: EvidencePin = ""
    """Start of the digest of that evidence."""
    headline: str = ""
    refused: str = ""
    """Why the last answer to the open request did not count."""
    outcome: Outcome | None = None
    """Outcome in the record of this task instance; None without a record."""
    decided_by: str = ""
    """Name of the person in the record."""
    recorded_by: RecordedBy | None = None
    decided_at: AwareDatetime | None = None
    reason: str = ""


class BoardRun(Frozen):
    """Describe one run of one of our Dags."""

    dag_id: AirflowId
    state: str
    """State of the run in Airflow."""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    items: tuple[BoardItem, ...] = ()
    """The items, without waits, gate and announcement. Empty for the conductor."""


class BoardLaunch(Frozen):
    """Describe all runs of one launch id; a phase triggered by hand is a launch of its own."""

    launch_id: AirflowId
    environment: str = ""
    release: str = ""
    rehearsal: bool = False
    triggered_by: str = ""
    """Airflow user who triggered it."""
    launch_at: str = ""
    """Launch time of the form; the ledger has the time of a launch that was postponed."""
    runs: tuple[BoardRun, ...] = ()


class Board(Frozen):
    """List the launches with a run that is under way or ended a moment ago."""

    launches: tuple[BoardLaunch, ...] = ()


class DecideRequest(Frozen):
    """Ask the plugin to answer in a person's name."""

    slack_id: str
    email: str = ""
    """Confirmed by Slack; used only if the policy finds people by e-mail."""
    dag_id: AirflowId
    run_id: AirflowId
    task_id: AirflowId
    task_instance_id: InstanceId
    try_number: int
    evidence: EvidencePin
    """Pin of the evidence that the person saw; empty if there was none."""
    answer: str
    reason: str = ""
    signature: str = ""


class Decided(Frozen):
    """Confirm that Airflow took an answer; the outcome follows when the task has checked it."""

    person: str
    answer: str


class HoldRequest(Frozen):
    """Ask the plugin to hold or resume a launch in a person's name."""

    slack_id: str
    email: str = ""
    """Confirmed by Slack; used only if the policy finds people by e-mail."""
    launch_id: AirflowId
    hold: bool
    """Whether to hold the launch, or to resume it."""
    reason: Annotated[str, Field(max_length=4000)]


class HoldChanged(Frozen):
    """Confirm that a launch is on hold, or no longer."""

    person: str
    held: bool


class Refusal(Frozen):
    """Say why an answer was not taken (HTTP 4xx or 5xx)."""

    code: str
    detail: str
    person: str = ""
    """For ``already_decided``: name of the person whose answer counts."""
    answer: str = ""
    """For ``already_decided``: that answer (an ``Answer``), if it is known."""


class EvidenceRequest(Frozen):
    """Ask for the evidence of some task instances of one run."""

    dag_id: AirflowId
    run_id: AirflowId
    task_ids: tuple[AirflowId, ...]


class ItemEvidence(Frozen):
    """Hold the latest evidence of one task instance."""

    task_id: AirflowId
    task_instance_id: InstanceId
    evidence: EvidencePin = ""
    """Pin of these results, if they are not those of a record."""
    results: tuple[CheckResult, ...] = ()


SLACK_API = "https://slack.com/api/"


SERVICE_USER = "launch-slack"
"""The Airflow account that the plugin's routes accept, unless LAUNCH_SLACK_USER names another."""
