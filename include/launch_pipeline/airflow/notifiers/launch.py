"""Tells what happens to a launch as a whole. Nothing waits for it: what Slack cannot take, the bridge tells.

The note is kept in the ledger whether or not it was told, and the bridge posts what has no message yet.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.ledger import latest_seal, ledger, set_aside
from launch_pipeline.airflow.notifiers.announce import Announcement, announcer, keep
from launch_pipeline.airflow.notifiers.facts import LaunchSummary, airflow_url, name_of
from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.sequence import CONDUCTOR, GO_NO_GO, ROLLBACK, SIGN_OFF, T_0, title
from launch_pipeline.errors import ConfigurationError, LaunchError, LedgerUnavailable
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.build import deciders, failing_of, records_of
from launch_pipeline.notifications.keys import due_mark, launch_key, seal_mark
from launch_pipeline.notifications.links import report_url, run_url
from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, Next, PersonView, SetAside
from launch_pipeline.notifications.next_steps import MISSED_AFTER, beginning

if TYPE_CHECKING:
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.schema import Record, Seal

log = logging.getLogger(__name__)


def tell_started(ti: Any, launch: LaunchContext) -> None:
    """Tell that a launch began: release, launch time and who started it. Raises LedgerUnavailable."""
    view = LaunchSummary(launch)
    note = _note(
        view,
        LaunchNoteKind.STARTED,
        what=launch.release,
        by=_named(launch.started_by),
        at=view.launch_at,
        next=beginning(),
    )
    _tell(ti, view, note)


def tell_refused(launch: LaunchContext, reason: str) -> None:
    """Tell that a start was refused, and why. It is no launch, so nothing is kept of it."""
    try:
        view = LaunchSummary(launch)
        note = _note(
            view, LaunchNoteKind.REFUSED, what=launch.release, by=_named(launch.started_by), reason=reason
        )
        announcer(hasty=True).tell(note, view.root(CONDUCTOR))
    except LaunchError as error:
        log.warning("That the launch was refused could not be told: %s", error)


def tell_complete(ti: Any, launch: LaunchContext) -> None:
    """Tell that a launch is complete, and who signed it. Raises LedgerUnavailable."""
    view = LaunchSummary(launch)
    seal, _ = latest_seal(launch.launch_id, SIGN_OFF)
    signed = deciders(seal, _records(launch), Outcome.APPROVED) if seal else ()
    _tell(ti, view, _note(view, LaunchNoteKind.COMPLETE, what=launch.release, by=signed, **_end(launch)))


def tell_decided(ti: Any, launch: LaunchContext, seal: Seal) -> None:
    """Tell go, with what was let pass, or no go, with who said so and why. Raises LedgerUnavailable."""
    view, records = LaunchSummary(launch), _records(launch)
    if seal.complete:
        note = _note(
            view,
            LaunchNoteKind.GO,
            seal_mark(seal),
            what=launch.release,
            by=deciders(seal, records, Outcome.APPROVED),
            at=view.launch_at,
            waivers=_let_pass(launch.launch_id),
            next=Next(what=title(T_0), at=view.opens_at(T_0)),
            url=_page(GO_NO_GO, launch),
        )
    else:
        note = _note(
            view,
            LaunchNoteKind.NO_GO,
            seal_mark(seal),
            what=launch.release,
            by=deciders(seal, records, Outcome.REJECTED),
            failing=tuple(
                one for one in failing_of(view.facts, seal, records) if one.outcome is Outcome.REJECTED
            ),
            next=Next(what="The launch is over; the next one starts from its form."),
            url=_page(GO_NO_GO, launch),
            **_end(launch),
        )
    _tell(ti, view, note)


def tell_rollback_offered(ti: Any, launch: LaunchContext, windows: list[str], problems: list[str]) -> None:
    """Tell that a rollback is offered, with the failing evidence; addresses the rollback contacts.

    ``windows`` are the Dags that failed, ``problems`` their reasons. Raises LedgerUnavailable.
    """
    view, records = LaunchSummary(launch), _records(launch)
    seals = [seal for dag_id in windows if (seal := latest_seal(launch.launch_id, dag_id)[0])]
    note = _note(
        view,
        LaunchNoteKind.ROLLBACK_OFFERED,
        *(seal_mark(seal) for seal in seals),
        what=", ".join(map(title, windows)),
        reason="" if seals else " ".join(problems),
        failing=tuple(one for seal in seals for one in failing_of(view.facts, seal, records)),
        mentioned=_rollback_contacts(),
        next=Next(what=f"The decision is the first item of {title(ROLLBACK)}."),
        url=_page(ROLLBACK, launch),
    )
    _tell(ti, view, note)


def tell_window(ti: Any, launch: LaunchContext, due: datetime) -> None:
    """Tell that a window opened, or that it was missed; never raises, since it must open.

    Missed: it opens more than ``MISSED_AFTER`` after its moment.
    """
    late = datetime.now(UTC) - due
    missed = late > MISSED_AFTER
    kind = LaunchNoteKind.WINDOW_MISSED if missed else LaunchNoteKind.WINDOW_OPENED
    then = "It opens now. If that is too late, run 'launch postpone' or 'launch abort'."
    try:
        view = LaunchSummary(launch)
        note = _note(
            view,
            kind,
            ti.dag_id,
            due_mark(due),
            what=title(ti.dag_id),
            reason=f"{_spoken(late)} late" if missed else "",
            at=due,
            next=Next(what=then) if missed else None,
            url=_page(ti.dag_id, launch),
        )
        _tell(ti, view, note)
    except LaunchError as error:
        log.warning("That %s opened could not be told: %s", ti.dag_id, error)


def _note(view: LaunchSummary, kind: LaunchNoteKind, *suffix: str, **fields: Any) -> LaunchNote:
    facts = view.facts
    return LaunchNote(
        kind=kind,
        key=launch_key(facts.launch_id, kind, *suffix),
        launch_id=facts.launch_id,
        rehearsal=facts.rehearsal,
        **{"url": _page(CONDUCTOR, view.launch), **fields},
    )


def _tell(ti: Any, view: LaunchSummary, note: LaunchNote) -> None:
    """Tell it if Slack takes it now, and keep it in any case. Raises LedgerUnavailable."""
    channel, ts = "", ""
    try:
        teller = announcer(hasty=True)
        ts = teller.tell(note, view.root(ti.dag_id))
        channel = teller.channel
    except LedgerUnavailable:
        raise
    except LaunchError as error:
        log.warning("This could not be told; the bridge tells it when Slack is back: %s", error)
    keep(Announcement.of(note, channel, ts), ti)


def _records(launch: LaunchContext) -> tuple[Record, ...]:
    return records_of(ledger().entries(launch.launch_id))


def _let_pass(launch_id: str) -> tuple[SetAside, ...]:
    return tuple(
        SetAside(text=one["text"], outcome=Outcome(one["outcome"]), by=one["by"], reason=one["reason"])
        for one in set_aside(launch_id)
    )


def _rollback_contacts() -> tuple[PersonView, ...]:
    try:
        people = contacts()
    except ConfigurationError as error:
        log.warning("The rollback contacts cannot be addressed: %s", error)
        return ()
    found = [people.person(contact.person) for contact in people.rollback]
    return tuple(dict.fromkeys(PersonView(name=p.name, slack_id=p.slack_id) for p in found if p and p.active))


def _named(airflow_user: str | None) -> tuple[str, ...]:
    return (name_of(airflow_user),) if airflow_user else ()


def _end(launch: LaunchContext) -> dict[str, Any]:
    """What is told of every end: where its report is, and how far its chain goes."""
    return {
        "report": report_url(airflow_url(), launch.launch_id),
        "head": ledger().head(launch.launch_id),
    }


def _page(dag_id: str, launch: LaunchContext) -> str:
    return run_url(airflow_url(), dag_id, launch.launch_id)


def _spoken(late: timedelta) -> str:
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
