"""From the Go until T+4h: look at every blocking machine item again and again, without a worker.

An item is no longer true when two looks in succession say so; the second one follows at once. It is then
reopened, which holds the next window. Before T-0 has opened, the Go is taken back as well. What cannot be
looked at is neither true nor false: it stays as it is, and is looked at again.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from launch_pipeline.airflow.triggers.look_again import AT_ONCE, look_again
from launch_pipeline.approvals.deployed import policy
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checklist.sequence import AFTER_GO, GO_NO_GO, T_0
from launch_pipeline.checklist.vocabulary import Mode, Severity
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.launch.looking import Truth, due, to_look_at
from launch_pipeline.launch.standing import latest_records
from launch_pipeline.launch.windows import opened_at_row
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import timedelta

    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.launch.looking import Look, LookedAt
    from launch_pipeline.launch.standing import InForce
    from launch_pipeline.ledger.schema import LedgerEntry, Record

log = logging.getLogger(__name__)

T_PLUS_4H = AFTER_GO[-1]


class StillTrue:
    """The looks of one launch, side by side; each item is looked at in a rhythm of its own."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._begun: dict[str, datetime] = {}
        """When the latest look at each item began."""
        self._doubted: set[str] = set()
        """Items whose latest look said that they are no longer true."""
        self._running: dict[str, asyncio.Task[list[Look]]] = {}
        self._watched: dict[str, tuple[LookedAt, Record]] = {}
        self._decisions: tuple[Reopened, ...] = ()
        self._launched = False
        self._places = asyncio.Semaphore(AT_ONCE)

    def note(self, entries: Sequence[LedgerEntry], now: InForce) -> None:
        """Note what has to hold from now on."""
        self._launched = opened_at_row(entries, T_0) is not None
        self._watched = _watched(entries, now, self._launched) if between_go_and_t_plus_4h(entries) else {}
        self._decisions = tuple(_decisions(entries, now))
        self._doubted &= self._watched.keys()

    def wrong(self) -> tuple[Reopened, ...]:
        """Return what was found no longer true since the last call, with the decisions that it takes back."""
        # An item that was decided, reopened or changed while it was looked at is no longer watched.
        looks = [look for look in self._ended() if look.item.spec.ref in self._watched]
        found = tuple(self._reopened(look) for look in looks if self._is_wrong(look))
        return (*found, *(() if self._launched else _taken_back(self._decisions, found)))

    def begin(self, now: InForce) -> None:
        """Begin the looks that are due, in the running loop."""
        for item, _ in self._watched.values():
            self._begin(item, now)

    @property
    def running(self) -> Collection[asyncio.Task[list[Look]]]:
        """The looks that are under way."""
        return self._running.values()

    def _reopened(self, look: Look) -> Reopened:
        item, record = self._watched[look.item.spec.ref]
        return _again(item.dag_id, item.spec, record, Cause.NO_LONGER_TRUE, (look.seen.headline,))

    def stop(self) -> None:
        """End the looks that are under way."""
        for task in self._running.values():
            task.cancel()

    def _ended(self) -> Iterator[Look]:
        for ref in [ref for ref, task in self._running.items() if task.done()]:
            yield from self._running.pop(ref).result()

    def _is_wrong(self, look: Look) -> bool:
        ref = look.item.spec.ref
        if look.truth is Truth.UNKNOWN:
            log.info("%s cannot be looked at: %s", ref, look.headline)
            return False
        if look.truth is Truth.STILL_TRUE:
            self._doubted.discard(ref)
            return False
        if ref in self._doubted:
            self._doubted.discard(ref)
            return True
        self._doubted.add(ref)
        del self._begun[ref]
        return False

    def _begin(self, item: LookedAt, now: InForce) -> None:
        ref, at = item.spec.ref, self._clock()
        pace = now.settings.environment.pace
        if ref in self._running or not due(item, self._begun.get(ref), at, watch_every(), pace):
            return
        self._begun[ref] = at
        self._running[ref] = asyncio.create_task(self._look(item, now))

    async def _look(self, item: LookedAt, now: InForce) -> list[Look]:
        async with self._places:
            return await look_again(now.launch, now.settings, [item])


def watch_every() -> timedelta:
    """Return the interval between two looks at one item."""
    try:
        return policy().watch_every
    except ConfigurationError:
        return Policy().watch_every


def between_go_and_t_plus_4h(entries: Sequence[LedgerEntry]) -> bool:
    """Return whether a Go was sealed, and T+4h not yet."""
    complete = {e.dag_id for e in entries if e.kind is EntryKind.SEAL and e.content.get("complete") is True}
    return GO_NO_GO in complete and T_PLUS_4H not in complete


def _watched(
    entries: Sequence[LedgerEntry], now: InForce, launched: bool
) -> dict[str, tuple[LookedAt, Record]]:
    """Return the items that must hold now, by ref, each with the record that says so."""
    records = latest_records(entries)
    items = to_look_at(entries, now, now.dags, launched=launched)
    return {one.spec.ref: (one, records[one.spec.ref]) for one in items if _blocks(one)}


def _blocks(one: LookedAt) -> bool:
    item = one.spec.item
    return item.mode is Mode.CHECK and item.severity is Severity.BLOCKING and not item.side_effects


def _decisions(entries: Sequence[LedgerEntry], now: InForce) -> Iterator[Reopened]:
    """Yield the decisions that have been made, as they are taken back."""
    records = latest_records(entries)
    for spec in now.dags[GO_NO_GO].specs.values():
        if record := records.get(spec.ref):
            yield _again(GO_NO_GO, spec, record, Cause.GO_TAKEN_BACK, ())


def _taken_back(decisions: Sequence[Reopened], found: Sequence[Reopened]) -> Iterator[Reopened]:
    why = tuple(f"“{one.text}” is no longer true: {'; '.join(one.why)}" for one in found)
    return (one.model_copy(update={"why": why}) for one in decisions if found)


def _again(dag_id: str, spec: ItemSpec, record: Record, cause: Cause, why: tuple[str, ...]) -> Reopened:
    return Reopened(
        dag_id=dag_id,
        item_ref=spec.ref,
        text=spec.item.text,
        owner=spec.item.owner,
        cause=cause,
        why=why,
        task_instance_id=record.task_instance_id,
    )
