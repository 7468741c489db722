"""What is told of a launch, and the task that tells it whatever happened."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import BaseOperator

from launch_pipeline.checks.verdict import Frozen
from launch_pipeline.orchestration.asking import REHEARSAL
from launch_pipeline.orchestration.launch_context import LaunchContext
from launch_pipeline.orchestration.ledger_access import ledger
from launch_pipeline.record.schema import Entry, EntryKind, Seal

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


class Announcement(Frozen):
    """One message to everybody who follows the launch."""

    key: str
    """The same message is told once; a repetition carries the same key."""
    launch_id: str
    headline: str
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        return "\n".join((self.headline, *(f"· {line}" for line in self.lines)))


class Announcer(Protocol):
    """Somebody who tells: the log, or Slack."""

    def tell(self, announcement: Announcement) -> None:
        """Tell it, or raise so that the task tries again."""


class LogAnnouncer:
    """Tells the task's log."""

    def tell(self, announcement: Announcement) -> None:
        """Write the message as one log line per line."""
        for line in announcement.text.splitlines():
            log.info("ANNOUNCE %s", line)


def announcer() -> Announcer:
    """The announcer of this deployment."""
    return LogAnnouncer()


def phase_announcement(title: str, launch: LaunchContext, seal: Seal | None, dag_id: str) -> Announcement:
    """What is told of a finished phase: counts, and what is not well with names."""
    lines: tuple[str, ...]
    if seal is None:
        headline, lines = f"{title}: ended without a seal", ("Look at the phase_gate task of the run.",)
    else:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in seal.counts.items())
        headline = f"{title}: {'complete' if seal.complete else 'FAILED'} ({counts})"
        lines = seal.problems
    mark = f"{REHEARSAL} · " if launch.rehearsal else ""
    attempt = seal.try_number if seal else 0
    return Announcement(
        key=f"{launch.launch_id}/{dag_id}/{attempt}",
        launch_id=launch.launch_id,
        headline=f"{mark}{headline}",
        lines=lines,
    )


class AnnounceOperator(BaseOperator):
    """Tells how the phase ended. As a teardown it always runs, and never changes how the run ended."""

    ui_color = "#d1ecf1"

    def __init__(self, *, title: str, gate: str = "phase_gate", **kwargs: Any) -> None:
        super().__init__(retries=5, **kwargs)
        self.title = title
        self.gate = gate

    def execute(self, context: Context) -> None:
        """Tell it, then keep in the ledger that it was told."""
        ti = context["ti"]
        launch = LaunchContext.of_run(context["run_id"], context["dag_run"].conf)
        value = ti.xcom_pull(task_ids=self.gate, key="return_value")
        seal = Seal.model_validate(value) if value else None
        announcement = phase_announcement(self.title, launch, seal, ti.dag_id)
        announcer().tell(announcement)
        ledger().append(announcement_entry(announcement, ti.dag_id, str(ti.id), ti.try_number))


def announcement_entry(announcement: Announcement, dag_id: str, instance: str, attempt: int) -> Entry:
    """What the ledger keeps of a message that was told."""
    return Entry(
        kind=EntryKind.ANNOUNCEMENT,
        launch_id=announcement.launch_id,
        dag_id=dag_id,
        task_instance_id=instance,
        try_number=attempt,
        content=announcement.model_dump(mode="json"),
    )
