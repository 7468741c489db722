"""What the api-server shows the bridge: every launch that is under way, in one answer.

The plugin's route ``GET /launch/board`` writes it, the bridge reads it. Texts, roles and options come from
the checklist, people from the contacts; here is only what Airflow's database alone knows.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from launch_pipeline.base import Frozen
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_pipeline.ledger.schema import Outcome, RecordedBy
from launch_pipeline.notifications.model import AirflowId
from launch_pipeline.slack.messages.views import EvidencePin, InstanceId


class BoardItem(Frozen):
    """One item's task instance as it is now."""

    task_id: AirflowId
    task_instance_id: InstanceId
    try_number: int
    state: str | None
    waits: bool = False
    """A request is open, and an answer would reach the task."""
    since: AwareDatetime | None = None
    """Of an open request: since when the task has been waiting for it."""
    answered_by: str = ""
    """Airflow user whose answer was taken while the task has not ended yet."""
    verdict: Verdict | None = None
    """Of the evidence of this very task instance."""
    evidence: EvidencePin = ""
    """Of the same: the begin of its digest."""
    headline: str = ""
    refused: str = ""
    """Of an open request: why the last answer to it did not count."""
    outcome: Outcome | None = None
    """Of the record of this very task instance; None where there is none."""
    decided_by: str = ""
    """Name of the person in the record."""
    recorded_by: RecordedBy | None = None
    decided_at: AwareDatetime | None = None
    reason: str = ""


class BoardRun(Frozen):
    """One run of one of our Dags."""

    dag_id: AirflowId
    state: str
    """Airflow's state of the run."""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    items: tuple[BoardItem, ...] = ()
    """Items only; waits, gate and announcement are left out. Empty for the conductor."""


class BoardLaunch(Frozen):
    """All runs of one launch id; a phase triggered by hand is a launch of its own."""

    launch_id: AirflowId
    environment: str = ""
    release: str = ""
    rehearsal: bool = False
    triggered_by: str = ""
    """Airflow user who triggered it."""
    launch_at: str = ""
    """As the form gave it; a launch that was postponed has its time in the ledger."""
    runs: tuple[BoardRun, ...] = ()


class Board(Frozen):
    """Every launch with a run that is under way or ended a moment ago."""

    launches: tuple[BoardLaunch, ...] = ()


class DecideRequest(Frozen):
    """What the bridge asks the plugin to answer in a person's name."""

    slack_id: str
    email: str = ""
    """As Slack confirmed it; used only where the policy finds people by e-mail."""
    dag_id: AirflowId
    run_id: AirflowId
    task_id: AirflowId
    task_instance_id: InstanceId
    try_number: int
    evidence: EvidencePin
    """Of what was on the person's screen; empty where the item showed none."""
    answer: str
    reason: str = ""
    signature: str = ""


class Decided(Frozen):
    """An answer that Airflow took; the outcome follows when the task has judged it."""

    person: str
    answer: str


class Refusal(Frozen):
    """Why an answer was not taken (HTTP 4xx or 5xx)."""

    code: str
    detail: str
    person: str = ""
    """Of ``already_decided``: name of whose answer stands."""
    answer: str = ""
    """Of ``already_decided``: that answer, word for word (an ``Answer``), where it is known."""


class EvidenceRequest(Frozen):
    """Which task instances of one run to show the evidence of."""

    dag_id: AirflowId
    run_id: AirflowId
    task_ids: tuple[AirflowId, ...]


class ItemEvidence(Frozen):
    """What the checks of one task instance saw last."""

    task_id: AirflowId
    task_instance_id: InstanceId
    evidence: EvidencePin = ""
    """Of these results, where they are not those of a record."""
    results: tuple[CheckResult, ...] = ()


SLACK_API = "https://slack.com/api/"


SERVICE_USER = "launch-slack"
"""The Airflow account that the plugin's routes accept, unless both sides are told another."""
