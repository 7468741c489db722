"""Announce how a phase ended, and choose where announcements go.

With the Airflow connection ``launch_slack`` they go to Slack, without it to the task's log. The ledger
records each one and where it was posted. The bridge posts what Slack did not take.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import BaseOperator
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from launch_pipeline.airflow.hooks.ledger import ledger
from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.seals import present_seal
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.notifications.announcements import Announcement

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.airflow.notifiers.facts import LaunchSummary
    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.notifications.model import PhaseNote
    from launch_pipeline.slack.messages.views import LaunchView

log = logging.getLogger(__name__)


_NOTE = "#note-"


class Announcer(Protocol):
    """Post notes somewhere: to the log, or to Slack."""

    channel: str

    def post(self, note: Note, root: LaunchView) -> str:
        """Post a note once and return the message's id, or raise so that the task tries again."""


class LogAnnouncer:
    """Write notes to the task's log."""

    channel = ""

    def post(self, note: Note, root: LaunchView) -> str:
        """Log the note line by line; a log has no message ids."""
        del root
        announcement = Announcement.of(note)
        for line in (announcement.headline, *(f"· {line}" for line in announcement.lines)):
            log.info("ANNOUNCE %s", line)
        return ""


def announcer(*, hasty: bool = False) -> Announcer:
    """Return the announcer of this deployment. A ``hasty`` one gives up early: other tasks wait for it.

    Raises ConfigurationError if the connection names no channel.
    """
    from launch_pipeline.airflow.notifiers.slack import CONN_ID, SlackAnnouncer  # noqa: PLC0415

    try:
        connection = BaseHook.get_connection(CONN_ID)
    except AirflowNotFoundException:
        return LogAnnouncer()
    return SlackAnnouncer(connection, hasty=hasty)


class AnnounceOperator(BaseOperator):
    """Announce how the phase ended. As a teardown it always runs, and never changes the run's state.

    While Slack is unreachable it retries for a minute or two at most, because the run, and so the launch,
    waits for it. What it could not post, the bridge posts.
    """

    ui_color = "#d1ecf1"

    def __init__(self, *, title: str, **kwargs: Any) -> None:
        super().__init__(
            retries=4,
            retry_delay=timedelta(seconds=5),
            retry_exponential_backoff=2,
            **kwargs,
        )
        self.title = title

    def execute(self, context: Context) -> None:
        """Post the note, then record in the ledger what was posted and where."""
        from launch_pipeline.airflow.notifiers.facts import LaunchSummary  # noqa: PLC0415 - reads contacts

        ti = context["ti"]
        summary = LaunchSummary(launch_in(context, over_too=True))
        note = self._note(context, summary)
        poster = announcer()
        ts = poster.post(note, summary.root(ti.dag_id))
        record(Announcement.of(note, poster.channel, ts), ti)

    def _note(self, context: Context, summary: LaunchSummary) -> PhaseNote:
        from launch_pipeline.notifications.phase_notes import (  # noqa: PLC0415 - no Dag needs it
            phase_note_of,
            records_of,
            unsealed_note,
        )

        dag_id, facts = context["ti"].dag_id, summary.facts
        seal = present_seal(context["run_id"], dag_id)
        if seal is None:
            then = summary.following(dag_id, complete=False)
            return unsealed_note(facts, self.title, dag_id, context["dag_run"].start_date, then)
        then = summary.following(dag_id, complete=seal.complete)
        records = records_of(ledger().entries(facts.launch_id))
        head = ledger().head(facts.launch_id)
        return phase_note_of(facts, self.title, seal, records, then, head=head)


def record(announcement: Announcement, ti: Any) -> None:
    """Record an announcement in the ledger, once for each place. Raises LedgerUnavailable."""
    book, others = ledger(), 0
    for written in book.entries(announcement.launch_id, EntryKind.ANNOUNCEMENT):
        of = written.task_instance_id.partition(_NOTE)[0]
        same_try = (of, written.try_number) == (str(ti.id), ti.try_number)
        same_place = same_try or written.content.get("ts", "") == announcement.ts
        if written.content.get("key") == announcement.key and same_place:
            return
        others += same_try
    # One try may announce several things, each in a row of its own.
    instance = f"{ti.id}{_NOTE}{others + 1}" if others else str(ti.id)
    book.append(announcement.entry(ti.dag_id, instance, ti.try_number))
