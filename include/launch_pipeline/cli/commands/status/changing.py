"""Read from the ledger what of a launch is on hold, verified again, or has to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.cli.commands.status.read import AgainItem, Hold
from launch_pipeline.errors import LaunchError
from launch_pipeline.launch.again import Latest, again_now
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.in_force import dags_in_force, settings_in_force
from launch_pipeline.launch.standing import InForce, latest_records, stale
from launch_pipeline.ledger.facts import Held
from launch_pipeline.ledger.schema import OUTCOMES, EntryKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.launch.again import Again
    from launch_pipeline.launch.standing import Stale
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import LedgerEntry


def hold_of(launch: Launch, entries: Sequence[LedgerEntry], contacts: Contacts | None) -> Hold | None:
    """Return the hold that is in force."""
    held = [entry for entry in entries if entry.kind is EntryKind.LAUNCH_HELD]
    if launch.held_at is None or launch.over or not held:
        return None
    said = Held.model_validate(held[-1].content)
    person = contacts.by_airflow_user(said.by) if contacts else None
    name = person.name if person else said.by
    return Hold(since=said.held_at.isoformat(), by=name, reason=one_line(said.reason))


def again_of(
    dsn: str, launch: Launch, entries: Sequence[LedgerEntry], contacts: Contacts | None
) -> tuple[tuple[AgainItem, ...], tuple[str, ...]]:
    """Return the items that are verified again or have to be, and notes on what could not be read."""
    if launch.over:
        return (), ()
    seqs = {entry.item_ref: entry.seq for entry in entries if entry.kind in OUTCOMES}
    latest = {ref: Latest(seqs[ref], one.outcome) for ref, one in latest_records(entries).items()}
    found = {one.item.item_ref: _reopened(one) for one in again_now(entries, latest)}
    context = LaunchContext.of_launch(launch)
    try:
        now = InForce(context, dags_in_force(dsn, context), settings_in_force(dsn, context), contacts)
        waiting = {one.spec.ref: _stale(one) for one in stale(entries, now)}
    except LaunchError as error:
        return tuple(found.values()), (f"what has changed since could not be read: {error}",)
    return tuple({**waiting, **found}.values()), ()


def _reopened(one: Again) -> AgainItem:
    item = one.item
    return AgainItem(
        dag_id=item.dag_id,
        task_id=item.item_ref.partition(".")[2],
        text=item.text,
        role=item.owner.label,
        why=tuple(map(one_line, item.why)),
        no_longer_true=one.no_longer_true,
        since=one.since.isoformat(),
    )


def _stale(one: Stale) -> AgainItem:
    item = one.spec.item
    return AgainItem(
        dag_id=one.dag_id,
        task_id=one.spec.task_id,
        text=item.text,
        role=item.owner.label,
        why=one.why,
    )
