"""Put outcomes, people and times of a report into words, and group its items."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.checklist.vocabulary import Severity
from launch_pipeline.ledger.reopened import Cause
from launch_pipeline.ledger.schema import Outcome, RecordedBy
from launch_pipeline.report.model import Attempt, ItemLine, Look, Regression, Report, Status

if TYPE_CHECKING:
    from datetime import datetime

NOT_YET = "not reached yet"
NEVER = "never reached"
BYPASSED = "bypassed"
_REOPENED = {
    Cause.CHANGED: "to be verified again",
    Cause.NO_LONGER_TRUE: "no longer true",
    Cause.GO_TAKEN_BACK: "taken back",
}
_WAY = {
    RecordedBy.SLACK: "in Slack",
    RecordedBy.AIRFLOW_UI: "in Airflow",
    RecordedBy.API: "in Airflow",
    RecordedBy.MACHINE: "",
}
_DOCUMENT = {Status.UNDER_WAY: "IN PROGRESS"}


def moment(at: datetime | None) -> str:
    """Format a time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def status_word(status: Status) -> str:
    """Return the word for the document's status field."""
    return _DOCUMENT.get(status, status.value.upper())


def outcome_word(item: ItemLine, attempt: Attempt) -> str:
    """Return the outcome in the words of the item's kind of request."""
    return attempt.outcome.words(item.gate)


def status_text(item: ItemLine, status: Status) -> str:
    """Return the status of an item: its outcome, bypassed, or not reached."""
    if item.bypass:
        return BYPASSED
    if item.reopened:
        return _REOPENED[item.reopened.cause]
    if item.latest is None:
        return NEVER if status.over else NOT_YET
    return outcome_word(item, item.latest)


def sort_of(item: ItemLine) -> str:
    """Return the group of an item's status, for colours and counts: good, aside, bad or open."""
    if item.bypass:
        return "bad"
    if item.reopened:
        return "open" if item.reopened.cause is Cause.CHANGED else "bad"
    if item.latest is None:
        return "open"
    if item.ticked:
        return "good"
    return "bad" if item.latest.outcome in {Outcome.REJECTED, Outcome.NOT_REACHED} else "aside"


def who(attempt: Attempt) -> str:
    """Name the person who answered, their role, and where they answered."""
    if not attempt.decided_by:
        return ""
    role = f" ({attempt.role.label})" if attempt.role else ""
    way = _WAY[attempt.recorded_by]
    return one_line(f"{attempt.decided_by}{role}") + (f", {way}" if way else "")


def end_of(report: Report) -> str:
    """Say who ended a launch by hand, and why; empty if it ended by itself or is under way."""
    last = report.events[-1] if report.events and report.status.over else None
    if last is None or not last.by:
        return ""
    return f"by {last.by}" + (f": “{last.reason}”" if last.reason else "")


def set_aside(report: Report) -> list[ItemLine]:
    """Return the items that passed without an approval, in the report's order."""
    return [item for item in report.everything if sort_of(item) == "aside"]


def unsettled(report: Report) -> list[ItemLine]:
    """Return the red items: rejected, not reached, bypassed."""
    return [item for item in report.everything if sort_of(item) == "bad"]


def lasted(regression: Regression) -> str:
    """Say how long an item was no longer true."""
    if regression.until is None:
        return "not true again"
    minutes = max(1, round((regression.until - regression.since).total_seconds() / 60))
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def verified_again(attempt: Attempt) -> str:
    """Say that an outcome is that of an item which was verified again, and why; empty for any other."""
    why = "; ".join(attempt.again)
    if attempt.verified_at:
        return f"verified again {moment(attempt.verified_at)}" + (f": {why}" if why else "")
    return f"verified again: {why}" if why else ""


def reopened(item: ItemLine) -> str:
    """Say since when and why the latest outcome no longer counts; empty if it does."""
    again = item.reopened
    if again is None:
        return ""
    why = "; ".join(again.why)
    return f"since {moment(again.at)}" + (f": {why}" if why else "")


def looked(look: Look) -> str:
    """Count what another look found."""
    return (
        f"{look.still_true} still true, {len(look.no_longer_true)} no longer true,"
        f" {len(look.not_looked_at)} could not be looked at"
    )


def with_history(report: Report) -> list[ItemLine]:
    """Return the items that were decided more than once."""
    return [item for item in report.everything if item.earlier]


def advisory(item: ItemLine) -> bool:
    """Whether a no to the item stops nothing."""
    return item.severity is Severity.ADVISORY
