"""Announce what happens to a launch as a whole. No launch waits for Slack: the bridge posts what it missed.

Each note is written to the ledger whether or not Slack took it, and the bridge posts those without a message.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.ledger import latest_seal, ledger, set_aside
from launch_pipeline.airflow.notifiers.announce import announcer, record
from launch_pipeline.airflow.notifiers.facts import LaunchSummary, rollback_contacts
from launch_pipeline.checklist.sequence import CONDUCTOR, SIGN_OFF, T_0
from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import LaunchError, LedgerUnavailable
from launch_pipeline.launch.evidence import PIN_LENGTH
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.announcements import Announcement
from launch_pipeline.notifications.launch_notes import (
    complete_note,
    go_note,
    no_go_note,
    refused_note,
    rollback_offered_note,
    started_note,
    window_note,
)
from launch_pipeline.notifications.model import SetAside
from launch_pipeline.notifications.phase_notes import deciders, records_of

if TYPE_CHECKING:
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.schema import Record, Seal
    from launch_pipeline.notifications.model import LaunchNote

log = logging.getLogger(__name__)


def announce_started(ti: Any, launch: LaunchContext) -> None:
    """Announce that a launch began. Raises LedgerUnavailable."""
    summary = LaunchSummary(launch)
    _announce(ti, summary, started_note(summary.facts))


def announce_refused(launch: LaunchContext, reason: str) -> None:
    """Announce that a start was refused, and why. It is not a launch, so the ledger keeps nothing of it."""
    try:
        summary = LaunchSummary(launch)
        announcer(hasty=True).post(refused_note(summary.facts, reason), summary.root(CONDUCTOR))
    except LaunchError as error:
        log.warning("The refusal of the launch was not announced: %s", error)


def announce_complete(ti: Any, launch: LaunchContext) -> None:
    """Announce that a launch is complete, and who signed it. Raises LedgerUnavailable."""
    summary = LaunchSummary(launch)
    seal, _ = latest_seal(launch.launch_id, SIGN_OFF)
    signed = deciders(seal, _records(launch), Outcome.APPROVED) if seal else ()
    _announce(ti, summary, complete_note(summary.facts, ledger().head(launch.launch_id), signed))


def announce_decision(ti: Any, launch: LaunchContext, seal: Seal) -> None:
    """Announce a go with its waivers, or a no go with its reasons. Raises LedgerUnavailable."""
    summary, records = LaunchSummary(launch), _records(launch)
    if seal.complete:
        waivers = _waivers(launch.launch_id)
        note = go_note(summary.facts, seal, records, waivers, summary.opens_at(T_0))
    else:
        note = no_go_note(summary.facts, seal, records, ledger().head(launch.launch_id))
    _announce(ti, summary, note)


def announce_rollback_offered(
    ti: Any, launch: LaunchContext, windows: list[str], problems: list[str]
) -> None:
    """Announce that a rollback is offered, with the failing evidence, and mention the rollback contacts.

    ``windows`` are the Dags that failed, ``problems`` their reasons. Raises LedgerUnavailable.
    """
    summary = LaunchSummary(launch)
    seals = [seal for dag_id in windows if (seal := latest_seal(launch.launch_id, dag_id)[0])]
    note = rollback_offered_note(
        summary.facts, windows, seals, _records(launch), problems=problems, mentioned=rollback_contacts()
    )
    # An offer for what is no longer true has no seal that tells it from the next one.
    mark = digest(problems).removeprefix("sha256:")[:PIN_LENGTH]
    own = {} if seals else {"key": f"{note.key}/{mark}"}
    _announce(ti, summary, note.model_copy(update=own))


def announce_window(ti: Any, launch: LaunchContext, due: datetime) -> None:
    """Announce that a window opened, in time or late.

    Raises LedgerUnavailable: its row keeps the window open. Nothing else may hold the window back.
    """
    try:
        summary = LaunchSummary(launch)
        _announce(ti, summary, window_note(summary.facts, ti.dag_id, due, datetime.now(UTC)))
    except LedgerUnavailable:
        raise
    except LaunchError as error:
        log.warning("The opening of %s was not announced: %s", ti.dag_id, error)


def _announce(ti: Any, summary: LaunchSummary, note: LaunchNote) -> None:
    """Post the note if Slack takes it now, and record it in any case. Raises LedgerUnavailable."""
    channel, ts = "", ""
    try:
        poster = announcer(hasty=True)
        ts = poster.post(note, summary.root(ti.dag_id))
        channel = poster.channel
    except LedgerUnavailable:
        raise
    except LaunchError as error:
        log.warning("Slack did not take this message; the bridge posts it later: %s", error)
    record(Announcement.of(note, channel, ts), ti)


def _records(launch: LaunchContext) -> tuple[Record, ...]:
    return records_of(ledger().entries(launch.launch_id))


def _waivers(launch_id: str) -> tuple[SetAside, ...]:
    return tuple(
        SetAside(text=one["text"], outcome=Outcome(one["outcome"]), by=one["by"], reason=one["reason"])
        for one in set_aside(launch_id)
    )
