"""Words of a report: outcomes, people and times as people read them, and texts made harmless."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import RequestKind, Severity
from launch_pipeline.ledger.schema import Outcome, RecordedBy
from launch_pipeline.report.model import Attempt, ItemLine, Report, Status

if TYPE_CHECKING:
    from datetime import datetime

NOT_YET = "not reached yet"
NEVER = "never reached"
BYPASSED = "bypassed"
_SPOKEN = {
    (RequestKind.DECISION, Outcome.APPROVED): "go",
    (RequestKind.DECISION, Outcome.REJECTED): "no go",
    (RequestKind.SIGNATURE, Outcome.APPROVED): "signed",
    (RequestKind.SIGNATURE, Outcome.REJECTED): "declined",
}
_WAY = {
    RecordedBy.SLACK: "in Slack",
    RecordedBy.AIRFLOW_UI: "in Airflow",
    RecordedBy.API: "in Airflow",
    RecordedBy.MACHINE: "",
}
_DOCUMENT = {Status.UNDER_WAY: "IN PROGRESS"}
_JOINERS = frozenset("\u200c\u200d")


def clean(text: str) -> str:
    """Give a text as one line without characters that control or hide something."""
    kept = (
        " " if c.isspace() else c
        for c in text
        if c.isspace() or c in _JOINERS or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return re.sub(" +", " ", "".join(kept)).strip()


def moment(at: datetime | None) -> str:
    """A time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def status_word(status: Status) -> str:
    """The word that the document asks for."""
    return _DOCUMENT.get(status, status.value.upper())


def outcome_word(item: ItemLine, attempt: Attempt) -> str:
    """An outcome as people say it of this kind of question."""
    return _SPOKEN.get((item.gate, attempt.outcome), attempt.outcome.value.replace("_", " "))


def standing(item: ItemLine, status: Status) -> str:
    """How an item stands: its outcome, bypassed, or not reached."""
    if item.bypass:
        return BYPASSED
    if item.latest is None:
        return NEVER if status.over else NOT_YET
    return outcome_word(item, item.latest)


def sort_of(item: ItemLine) -> str:
    """What kind of standing it is, for colours and counts: good, aside, bad or open."""
    if item.bypass:
        return "bad"
    if item.latest is None:
        return "open"
    if item.ticked:
        return "good"
    return "bad" if item.latest.outcome in {Outcome.REJECTED, Outcome.NOT_REACHED} else "aside"


def who(attempt: Attempt) -> str:
    """Who answered, for which role, and where."""
    if not attempt.decided_by:
        return ""
    role = f" ({attempt.role.label})" if attempt.role else ""
    way = _WAY[attempt.recorded_by]
    return clean(f"{attempt.decided_by}{role}") + (f", {way}" if way else "")


def end_of(report: Report) -> str:
    """Who ended a launch by his word, and why; nothing where it ended by itself, or has not."""
    last = report.events[-1] if report.events and report.status.over else None
    if last is None or not last.by:
        return ""
    return f"by {last.by}" + (f": “{last.reason}”" if last.reason else "")


def set_aside(report: Report) -> list[ItemLine]:
    """Everything that was let pass without a yes, in the report's order."""
    return [item for item in report.everything if sort_of(item) == "aside"]


def unsettled(report: Report) -> list[ItemLine]:
    """Everything that is red: rejected, not reached, bypassed."""
    return [item for item in report.everything if sort_of(item) == "bad"]


def with_history(report: Report) -> list[ItemLine]:
    """Items that were decided more than once."""
    return [item for item in report.everything if item.earlier]


def advisory(item: ItemLine) -> bool:
    """Whether a no stops nothing."""
    return item.severity is Severity.ADVISORY
