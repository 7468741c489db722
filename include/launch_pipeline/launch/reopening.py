"""Decide which items of a launch are verified again after something changed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.launch.basis import CHECKS, asked_alike, rests_on, stale_because
from launch_pipeline.launch.item_flow import runs_in_triggerer
from launch_pipeline.launch.standing import latest_records, stale, standing
from launch_pipeline.ledger.reopened import Cause, Reopened, open_again

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.launch.standing import InForce
    from launch_pipeline.ledger.schema import LedgerEntry

PASSED = frozenset({"success", "skipped"})
"""States of a task that ended well."""
_WAITS = frozenset({"deferred", "awaiting_input", "up_for_reschedule"})


@dataclass(frozen=True)
class Now:
    """A task of a run, as Airflow has it."""

    id: str
    state: str | None


@dataclass(frozen=True)
class Plan:
    """What has to be verified again."""

    items: tuple[Reopened, ...] = ()
    gates: tuple[str, ...] = ()
    """Dags that only have to be sealed again: items came in or went out."""

    def __bool__(self) -> bool:
        return bool(self.items or self.gates)


def to_reopen(
    entries: Sequence[LedgerEntry],
    now: InForce,
    instances: Mapping[str, Mapping[str, Now]],
    asked: Mapping[str, Mapping[str, str]],
) -> Plan:
    """Return what to verify again.

    That is: ended tasks whose record is stale, requests that ask something else, and what was reopened but
    not cleared. ``asked`` holds what each open request rests on, by task instance. A task that runs, or that
    a person has to repair first, is left alone.
    """
    items = (
        *_stale_items(entries, now, instances),
        *_asked_otherwise(entries, now, instances, asked),
        *_not_cleared(entries, instances),
    )
    gates = _gates(entries, now, instances, {one.dag_id for one in items})
    return Plan(items, tuple(gates))


def _stale_items(
    entries: Sequence[LedgerEntry], now: InForce, instances: Mapping[str, Mapping[str, Now]]
) -> Iterator[Reopened]:
    for one in stale(entries, now):
        there = instances.get(one.dag_id, {}).get(one.spec.task_id)
        if there and there.state in PASSED and there.id == one.record.task_instance_id:
            yield _reopened(one.dag_id, one.spec, there.id, one.why)


def _not_cleared(
    entries: Sequence[LedgerEntry], instances: Mapping[str, Mapping[str, Now]]
) -> Iterator[Reopened]:
    """Yield items with a row that they are verified again, whose task is as it was: the clear failed."""
    for one in open_again(entries):
        there = instances.get(one.dag_id, {}).get(one.item_ref.partition(".")[2])
        if there and there.id == one.task_instance_id and there.state in PASSED:
            yield one


def _asked_otherwise(
    entries: Sequence[LedgerEntry],
    now: InForce,
    instances: Mapping[str, Mapping[str, Now]],
    asked: Mapping[str, Mapping[str, str]],
) -> Iterator[Reopened]:
    variables = now.settings.lasting(now.launch.variables())
    decided = {record.task_instance_id for record in latest_records(entries).values()}
    for dag_id, dag in now.dags.items():
        for spec in dag.specs.values():
            there = instances.get(dag_id, {}).get(spec.task_id)
            if there is None or there.state not in _WAITS or there.id in decided or there.id not in asked:
                continue
            then, today = asked[there.id], rests_on(spec.item, variables, now.contacts)
            if (why := stale_because(then, today)) and not _follows(spec.item, there, then, today):
                yield _reopened(dag_id, spec, there.id, why)


def _follows(item: Item, there: Now, then: Mapping[str, str], today: Mapping[str, str]) -> bool:
    """Return whether an open request shows the change by itself: its checks repeat, with other variables."""
    repeats = there.state == "deferred" and runs_in_triggerer(item) and not item.side_effects
    return repeats and asked_alike(then, today, item) and then.get(CHECKS) == today.get(CHECKS)


def _gates(
    entries: Sequence[LedgerEntry],
    now: InForce,
    instances: Mapping[str, Mapping[str, Now]],
    reopened: set[str],
) -> Iterator[str]:
    for dag_id, there in instances.items():
        if dag_id in now.dags and dag_id not in reopened and there:
            found = standing(entries, now, dag_id)
            if found.added or found.removed:
                yield dag_id


def _reopened(dag_id: str, spec: ItemSpec, instance: str, why: tuple[str, ...]) -> Reopened:
    return Reopened(
        dag_id=dag_id,
        item_ref=spec.ref,
        text=spec.item.text,
        owner=spec.item.owner,
        cause=Cause.CHANGED,
        why=why,
        task_instance_id=instance,
    )
