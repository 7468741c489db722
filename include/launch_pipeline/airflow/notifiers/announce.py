"""Who tells what happens to a launch, and the task that tells how its phase ended, whatever happened.

With the Airflow connection ``launch_slack`` it is told in Slack, without it in the task's log. What was told,
and where, is kept in the ledger; what Slack could not take is told by the bridge from there.
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
from launch_pipeline.base import Frozen
from launch_pipeline.ledger.schema import Entry, EntryKind
from launch_pipeline.notifications.model import LaunchNote

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.airflow.notifiers.facts import LaunchSummary
    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.notifications.model import PhaseNote
    from launch_pipeline.slack.messages.views import LaunchView

log = logging.getLogger(__name__)


class Announcement(Frozen):
    """What the ledger keeps of a note: the words, and where they were told."""

    key: str
    """The same note is told once; a repetition carries the same key."""
    launch_id: str
    headline: str
    lines: tuple[str, ...] = ()
    channel: str = ""
    """Where it was told; empty where Slack could not be reached, or is not connected."""
    ts: str = ""
    """Slack's id of the message."""
    note: LaunchNote | None = None
    """What happened to the launch, so that the bridge can tell it later; phases have their seal."""

    @classmethod
    def of(cls, note: Note, channel: str = "", ts: str = "") -> Announcement:
        """Make it of a note that was told there, or nowhere yet."""
        from launch_pipeline.notifications.text import in_plain_words  # noqa: PLC0415 - no Dag needs it

        headline, lines = in_plain_words(note)
        return cls(
            key=note.key,
            launch_id=note.launch_id,
            headline=headline,
            lines=lines,
            channel=channel,
            ts=ts,
            note=note if isinstance(note, LaunchNote) else None,
        )


class Announcer(Protocol):
    """Somebody who tells: the log, or Slack."""

    channel: str

    def tell(self, note: Note, root: LaunchView) -> str:
        """Tell it once and return the message's id, or raise so that the task tries again."""


class LogAnnouncer:
    """Tells the task's log."""

    channel = ""

    def tell(self, note: Note, root: LaunchView) -> str:
        """Write the note, one log line per line; a log has no message ids."""
        del root
        announcement = Announcement.of(note)
        for line in (announcement.headline, *(f"· {line}" for line in announcement.lines)):
            log.info("ANNOUNCE %s", line)
        return ""


def announcer(*, hasty: bool = False) -> Announcer:
    """The announcer of this deployment; a ``hasty`` one gives up early, since others wait for its task.

    Raises ConfigurationError where the connection names no channel.
    """
    from launch_pipeline.airflow.notifiers.slack import CONN_ID, SlackAnnouncer  # noqa: PLC0415

    try:
        connection = BaseHook.get_connection(CONN_ID)
    except AirflowNotFoundException:
        return LogAnnouncer()
    return SlackAnnouncer(connection, hasty=hasty)


class AnnounceOperator(BaseOperator):
    """Tells how the phase ended. As a teardown it always runs, and never changes how the run ended.

    While Slack is away it tries again for a minute or two, not longer: its run ends with it, and the launch
    waits for its run. What it could not tell, the bridge tells.
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
        """Tell it, then keep in the ledger what was told and where."""
        from launch_pipeline.airflow.notifiers.facts import LaunchSummary  # noqa: PLC0415 - reads contacts

        ti = context["ti"]
        launch = LaunchSummary(launch_in(context, over_too=True))
        note = self._note(context, launch)
        teller = announcer()
        ts = teller.tell(note, launch.root(ti.dag_id))
        keep(Announcement.of(note, teller.channel, ts), ti)

    def _note(self, context: Context, launch: LaunchSummary) -> PhaseNote:
        from launch_pipeline.notifications.build import (  # noqa: PLC0415 - no Dag needs it
            phase_note_of,
            records_of,
            unsealed_note,
        )

        ti = context["ti"]
        seal = present_seal(context["run_id"], ti.dag_id)
        if seal is None:
            then = launch.following(ti.dag_id, complete=False)
            started = context["dag_run"].start_date
            return unsealed_note(launch.facts, self.title, ti.dag_id, started, then)
        then = launch.following(ti.dag_id, complete=seal.complete)
        records = records_of(ledger().entries(launch.facts.launch_id))
        head = ledger().head(launch.facts.launch_id)
        return phase_note_of(launch.facts, self.title, seal, records, then, head=head)


def keep(announcement: Announcement, ti: Any) -> None:
    """Keep in the ledger what was told, once for each place. Raises LedgerUnavailable."""
    book = ledger()
    for kept in book.entries(announcement.launch_id, EntryKind.ANNOUNCEMENT):
        same_try = (kept.task_instance_id, kept.try_number) == (str(ti.id), ti.try_number)
        if kept.content.get("key") == announcement.key and (
            same_try or kept.content.get("ts", "") == announcement.ts
        ):
            return
    book.append(announcement_entry(announcement, ti.dag_id, str(ti.id), ti.try_number))


def announcement_entry(announcement: Announcement, dag_id: str, instance: str, attempt: int) -> Entry:
    """What the ledger keeps of a note."""
    return Entry(
        kind=EntryKind.ANNOUNCEMENT,
        launch_id=announcement.launch_id,
        dag_id=dag_id,
        task_instance_id=instance,
        try_number=attempt,
        content=announcement.model_dump(mode="json"),
    )
