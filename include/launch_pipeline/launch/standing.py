"""Say which records and seals of a launch still stand: what has changed since they were made. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.launch.basis import in_force_for, rests_on, stale_because
from launch_pipeline.ledger.reopened import open_again
from launch_pipeline.ledger.schema import OUTCOMES, EntryKind, Seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.launch.in_force import Settings
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.reopened import Reopened
    from launch_pipeline.ledger.schema import LedgerEntry, Record


@dataclass(frozen=True)
class InForce:
    """Everything that a launch runs by at one moment."""

    launch: LaunchContext
    dags: Mapping[str, DeployedDag]
    settings: Settings
    contacts: Contacts | None
    """None where the contacts cannot be read; people are then not compared."""


@dataclass(frozen=True)
class Stale:
    """An item whose latest record no longer rests on what is in force."""

    dag_id: str
    spec: ItemSpec
    record: Record
    why: tuple[str, ...]


@dataclass(frozen=True)
class PhaseStanding:
    """What keeps the latest seal of a phase from standing."""

    seal: Seal | None
    """The latest seal; None if the phase has none."""
    reopened: tuple[Reopened, ...] = ()
    """Items that are verified again and were not sealed since."""
    stale: tuple[Stale, ...] = ()
    added: tuple[str, ...] = ()
    """Items in force that the seal does not list."""
    removed: tuple[str, ...] = ()
    """Items that the seal lists and that are no longer in force."""
    otherwise: tuple[str, ...] = ()
    """Items whose latest record does not let a phase pass."""

    @property
    def stands(self) -> bool:
        """Whether the phase is sealed complete, and nothing that its seal rests on has changed."""
        return self.seal is not None and self.seal.complete and not self.changed and not self.otherwise

    @property
    def changed(self) -> bool:
        """Whether something of it is verified again, or has to be."""
        return bool(self.reopened or self.stale or self.added or self.removed)


def standing(entries: Sequence[LedgerEntry], now: InForce, dag_id: str) -> PhaseStanding:
    """Return what the rows of a launch say about one of its phases."""
    seal = _latest_seal(entries, dag_id)
    listed = [sealed.item_ref for sealed in seal.records] if seal else []
    specs = {spec.ref: spec for spec in now.dags[dag_id].specs.values()}
    records = latest_records(entries)
    return PhaseStanding(
        seal=seal,
        reopened=tuple(one for one in open_again(entries) if one.dag_id == dag_id),
        stale=stale(entries, now, dag_id),
        added=tuple(ref for ref in specs if seal and ref not in listed),
        removed=tuple(ref for ref in listed if ref not in specs),
        otherwise=tuple(r for r in specs if r in records and not records[r].outcome.lets_pass),
    )


def stale(entries: Sequence[LedgerEntry], now: InForce, *dag_ids: str) -> tuple[Stale, ...]:
    """Return every item whose latest record lets it pass but no longer rests on what is in force.

    Without ``dag_ids`` those of all phases.
    """
    return tuple(_stale(entries, now, dag_ids or tuple(now.dags)))


def not_done_again(entries: Sequence[LedgerEntry], dag_id: str) -> tuple[Reopened, ...]:
    """Return the items of a phase that were reopened and have no record since."""
    since = {entry.item_ref: entry.kind for entry in entries if entry.kind in {*OUTCOMES, EntryKind.REOPENED}}
    found = (one for one in open_again(entries) if one.dag_id == dag_id)
    return tuple(one for one in found if since[one.item_ref] is EntryKind.REOPENED)


def reopened_since_seal(entries: Sequence[LedgerEntry], dag_id: str) -> bool:
    """Return whether an item of a phase was reopened after the phase's latest seal."""
    kinds = [entry.kind for entry in entries if entry.dag_id == dag_id]
    last = [kind for kind in kinds if kind in {EntryKind.SEAL, EntryKind.REOPENED}][-1:]
    return last == [EntryKind.REOPENED]


def latest_records(entries: Sequence[LedgerEntry]) -> dict[str, Record]:
    """Return the latest record of each item, by its ref."""
    kept = [(entry.item_ref, entry.record) for entry in entries if entry.kind in OUTCOMES]
    return {ref: record for ref, record in kept if record}


def _latest_seal(entries: Sequence[LedgerEntry], dag_id: str) -> Seal | None:
    seals = [e for e in entries if e.kind is EntryKind.SEAL and e.dag_id == dag_id]
    return Seal.model_validate(seals[-1].content) if seals else None


def _stale(entries: Sequence[LedgerEntry], now: InForce, dag_ids: Sequence[str]) -> Iterator[Stale]:
    variables = now.settings.lasting(now.launch.variables())
    records, began = latest_records(entries), _launch_variables_then(entries)
    for dag_id in dag_ids:
        for spec in now.dags[dag_id].specs.values():
            record = records.get(spec.ref)
            if record is None or not record.outcome.lets_pass:
                continue
            then = record.rests_on or _names_then(record, spec, now, began)
            why = stale_because(then, in_force_for(record, spec.item, variables, now.contacts))
            if why:
                yield Stale(dag_id, spec, record, why)


def _names_then(
    record: Record, spec: ItemSpec, now: InForce, began: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return what a record of an older package rests on: the launch's facts when it was appended.

    One of another version of its checklist rests on nothing that is known.
    """
    if record.checklist_digest != spec.checklist_digest:
        return {}
    facts = {**now.launch.variables(), **began.get(record.task_instance_id, {})}
    return rests_on(spec.item, now.settings.lasting(facts))


def _launch_variables_then(entries: Sequence[LedgerEntry]) -> dict[str, dict[str, Any]]:
    """Return the launch's own variables when each record was appended, by task instance."""
    facts: dict[str, Any] = {}
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        content: Any = entry.content
        if entry.kind is EntryKind.LAUNCH_STARTED:
            facts = {name: content.get(name) for name in ("release", "release_sha")}
            facts |= _times(content.get("launch_at"))
        elif entry.kind is EntryKind.LAUNCH_POSTPONED:
            facts |= _times(content.get("to"))
        elif entry.kind is EntryKind.LAUNCH_RETARGETED:
            facts |= content.get("to")
        elif entry.kind in OUTCOMES:
            found[entry.task_instance_id] = dict(facts)
    return found


def _times(launch_at: Any) -> dict[str, str]:
    # As a context writes it: with +00:00, where a row may have Z.
    written = str(launch_at).replace("Z", "+00:00")
    return {"launch_at": written, "launch_date": written[:10]}
