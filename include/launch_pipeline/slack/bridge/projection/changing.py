"""Build from the ledger what cards show of holds, changes, other looks and what is no longer true."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from launch_pipeline.checklist.moments import zoned_time
from launch_pipeline.ledger.facts import Amended, Changed, Retargeted
from launch_pipeline.ledger.launch import FROM_A_TERMINAL, Via
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.notifications.change_notes import moved
from launch_pipeline.notifications.links import item_url
from launch_pipeline.slack.messages.views import ChangeView, HoldView, LookView, Regression, SeenView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checklist.plan import DagPlan
    from launch_pipeline.launch.again import Again
    from launch_pipeline.ledger.reopened import Seen
    from launch_pipeline.ledger.schema import LedgerEntry
    from launch_pipeline.slack.bridge.projection.deployment import Deployment
    from launch_pipeline.slack.bridge.projection.ledger_view import LedgerView

_WHAT = {
    EntryKind.LAUNCH_POSTPONED: "Postponed",
    EntryKind.LAUNCH_AMENDED: "Amended",
    EntryKind.LAUNCH_RETARGETED: "Retargeted",
}


def said_by(entry: LedgerEntry, deployment: Deployment) -> str:
    """Name the person who changed the launch; empty if the entry does not."""
    user = entry.content.get("by")
    if not user:
        return ""
    name = deployment.name_of(str(user))
    return f"{name}, {FROM_A_TERMINAL}" if entry.content.get("via") == Via.TERMINAL else name


def hold_of(ledger: LedgerView, deployment: Deployment) -> HoldView | None:
    """Return the hold that is in force."""
    if ledger.hold is None:
        return None
    held = [entry for entry in ledger.events if entry.kind is EntryKind.LAUNCH_HELD]
    return HoldView(since=ledger.hold.held_at, by=said_by(held[-1], deployment), reason=ledger.hold.reason)


def regressions_of(ledger: LedgerView, deployment: Deployment, launch_id: str) -> tuple[Regression, ...]:
    """Return what is no longer true; nothing of a launch that is over."""
    found = [] if ledger.over else [one for one in ledger.again.values() if one.no_longer_true]
    return tuple(_regression(one, deployment, launch_id) for one in found)


def _regression(one: Again, deployment: Deployment, launch_id: str) -> Regression:
    return Regression(
        text=one.item.text,
        why=one.why,
        role=one.item.owner.label,
        people=deployment.may_answer(one.item.owner),
        since=one.since,
        url=page_of(one, deployment, launch_id),
    )


def page_of(one: Again, deployment: Deployment, launch_id: str) -> str:
    """Return the page of an item that is verified again."""
    task_id = one.item.item_ref.partition(".")[2]
    return item_url(deployment.public_url, one.item.dag_id, launch_id, task_id)


def look_of(ledger: LedgerView, deployment: Deployment) -> LookView | None:
    """Return what the latest look again found."""
    look = ledger.look
    if look is None:
        return None
    red = {ref for ref, one in ledger.again.items() if one.no_longer_true}
    return LookView(
        looked_at=look.looked_at,
        still_true=look.still_true,
        no_longer_true=tuple(
            _seen(one, deployment, healed=one.item_ref not in red) for one in look.no_longer_true
        ),
        not_looked_at=tuple(_seen(one, deployment) for one in look.not_looked_at),
    )


def _seen(one: Seen, deployment: Deployment, *, healed: bool = False) -> SeenView:
    people = deployment.may_answer(one.owner)
    return SeenView(text=one.text, headline=one.headline, role=one.owner.label, people=people, healed=healed)


def changes_of(ledger: LedgerView, deployment: Deployment) -> tuple[ChangeView, ...]:
    """Return what was amended, retargeted or postponed since the start, in order."""
    return tuple(
        ChangeView(
            what=_WHAT[entry.kind],
            details=tuple(details_of(entry, ledger.plans, deployment)),
            by=said_by(entry, deployment),
            reason=str(entry.content.get("reason") or ""),
            at=entry.appended_at,
        )
        for entry in ledger.changes
    )


def details_of(entry: LedgerEntry, plans: Mapping[str, DagPlan], deployment: Deployment) -> list[str]:
    """Return what a change has changed, in words."""
    if entry.kind is EntryKind.LAUNCH_RETARGETED:
        said = Retargeted.model_validate(entry.content)
        return moved(said.before, said.to)
    if entry.kind is EntryKind.LAUNCH_AMENDED:
        amended = Amended.model_validate(entry.content)
        confirmed = amended.confirmed_by
        second = [f"confirmed by {deployment.name_of(confirmed)}"] if confirmed else []
        return [*second, *changed_lines(amended.changes, plans)]
    times = [zoned_time(entry.content.get(name)) for name in ("from", "to")]
    before, to = [f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "?" for at in times]
    return [f"{before} → {to}"]


def changed_lines(changes: tuple[Changed, ...], plans: Mapping[str, DagPlan]) -> list[str]:
    """Return a line for each difference, with the words of an item that the launch has."""
    texts = {item.ref: item.item.text for plan in plans.values() for item in plan.items}
    return [f"{texts.get(one.where, one.where)}: {', '.join(one.what)}" for one in changes]
