"""Launches of the shipped checklist for reports: each item with an outcome of one's choice, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.contacts import Contacts, load_contacts
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.proof.verify import LaunchRows, verify_links
from launch_pipeline.ledger.schema import (
    Acknowledgement,
    DecidedBy,
    Entry,
    EntryKind,
    Outcome,
    read_record,
)
from launch_pipeline.report.build import Sources, build
from launch_pipeline.report.document import read_document
from servers.chains import a_chain, started
from servers.records import ADA, NOON, a_record, a_result, a_seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checklist.model import Item, Phase
    from launch_pipeline.ledger.plan import LaunchPlan
    from launch_pipeline.ledger.schema import Record
    from launch_pipeline.report.model import Report

LAUNCH = "production-2.4.0"
DIGEST = "sha256:" + "c" * 64


@dataclass(frozen=True)
class Place:
    """An item of the shipped checklist, with where it stands."""

    phase: Phase
    section_title: str
    dag_id: str
    ref: str
    item: Item


@lru_cache(maxsize=1)
def phases() -> tuple[Phase, ...]:
    """Load the shipped checklists."""
    return tuple(load_phases(parameter_models()))


@lru_cache(maxsize=1)
def example_contacts() -> Contacts:
    """Load the invented people."""
    return load_contacts(include_folder() / "contacts.example.yaml")


@lru_cache(maxsize=1)
def places() -> tuple[Place, ...]:
    """Every shipped item, in the document's order; then decisions, signatures and the rollback."""
    return tuple(
        Place(p, s.title, str(p.dag or s.dag), f"{p.id}.{s.id}.{item.id}", item)
        for p in phases()
        for s in p.sections
        for item in s.items
    )


def document_places() -> list[Place]:
    """Return the 272 places of the document."""
    return [place for place in places() if place.phase.kind == "checklist"]


def gate_places(gate: RequestKind) -> list[Place]:
    """Decisions or signatures, the rollback's aside."""
    return [p for p in places() if p.item.gate is gate and p.phase.kind == "sign_offs"]


def a_launch(**changes: Any) -> Launch:
    """Make a launch that is under way."""
    fields: dict[str, Any] = {
        "launch_id": LAUNCH,
        "environment": "production",
        "rehearsal": False,
        "release": "2.4.0",
        "release_sha": "9f2c1e7d0b3a4c5d6e7f8091a2b3c4d5e6f70819",
        "launch_at": NOON + timedelta(days=21),
        "planned_at": NOON + timedelta(days=21),
        "started_by": "rhea.operations",
        "started_at": NOON,
        "conf": {"previous_release": "2.3.6"},
        "checklist_digests": {place.dag_id: DIGEST for place in places()},
    }
    return Launch(**{**fields, **changes})


@lru_cache(maxsize=1)
def plan() -> LaunchPlan:
    """Return what a launch of the shipped checklist has to run."""
    return launch_plan(deployed_dags(), Policy())


def natural(place: Place) -> Outcome:
    """Give the outcome of an item when all is well."""
    return Outcome.APPROVED if place.item.mode.needs_person else Outcome.PASSED


def record_of(place: Place, outcome: Outcome | None = None, **fields: Any) -> Record:
    """Make the record of an item, by default as it is when all is well."""
    made = outcome or natural(place)
    by_machine = made in {Outcome.PASSED, Outcome.NOT_REACHED}
    looks = place.item.mode.has_checks and made is not Outcome.NOT_REACHED
    given = {
        "results": (a_result(headline=f"saw {place.item.id}"),) if looks else (),
        "role": None if by_machine else place.item.owner,
        "text": place.item.text,
        "signature": "Ada Lindqvist" if place.item.gate is RequestKind.SIGNATURE else "",
        **({} if by_machine or place.item.gate is RequestKind.APPROVAL else {"decided_by": holder(place)}),
        **fields,
    }
    return a_record(
        launch_id=LAUNCH, item_ref=place.ref, dag_id=place.dag_id,
        task_id=place.ref.partition(".")[2], task_instance_id=given.pop("instance", f"ti-{place.ref}"),
        outcome=made, **given,
    )  # fmt: skip


def holder(place: Place) -> DecidedBy:
    """Give who holds the item's role."""
    return DecidedBy.of(example_contacts().holders(place.item.owner)[0])


def entries_of(place: Place) -> list[Entry]:
    """Make the rows of an item when all is well: its rounds, then its record."""
    record = record_of(place)
    if not place.item.repeat:
        return [Entry.of_record(record)]
    said = {"decided_by": ADA, "decided_at": NOON, "evidence_digest": record.evidence_digest}
    rounds = [Acknowledgement(number=n, **said) for n in range(1, place.item.repeat.times + 1)]
    kept = [
        Entry(
            kind=EntryKind.ROUND, launch_id=LAUNCH, dag_id=place.dag_id, item_ref=place.ref,
            task_instance_id=f"{record.task_instance_id}#round-{one.number}",
            content={**one.model_dump(mode="json"), "life": 0},
        )
        for one in rounds[:-1]
    ]  # fmt: skip
    return [*kept, Entry.of_record(record.model_copy(update={"rounds": tuple(rounds)}))]


def a_whole_launch() -> list[Entry]:
    """Everything passed or was approved, go was said, four signed, every phase is sealed."""
    entries = []
    for dag_id in plan().phases:
        mine = [p for p in places() if p.dag_id == dag_id]
        kept = [entry for place in mine for entry in entries_of(place)]
        records = [r for entry in kept if (r := read_record(entry.content))]
        seal = a_seal(*records, launch_id=LAUNCH, dag_id=dag_id, phase_id=mine[0].phase.id)
        entries += [*kept, Entry.of_seal(seal, f"gate-{dag_id}")]
    return entries


def ended(state: str) -> Entry:
    """Make the row of an end."""
    return happened(EntryKind.LAUNCH_ENDED, state=state, ended_at="2030-05-06T12:00:00.123456Z")


def happened(kind: EntryKind, number: int = 0, **content: Any) -> Entry:
    """Make an entry of the launch itself."""
    return Entry(
        kind=kind, launch_id=LAUNCH, task_instance_id=f"launch/{LAUNCH}", try_number=number, content=content
    )


def bypassed(place: Place, number: int = 1) -> list[Entry]:
    """Return what a gate keeps of a task that was marked by hand."""
    record = record_of(place, Outcome.NOT_REACHED, reason="state success when the phase was sealed")
    content = {"state": "success", "text": place.item.text, "seen_by_gate_at": NOON.isoformat()}
    around = Entry(
        kind=EntryKind.BYPASS, launch_id=LAUNCH, dag_id=place.dag_id, item_ref=place.ref,
        task_instance_id=record.task_instance_id, try_number=number, content=content,
    )  # fmt: skip
    return [Entry.of_record(record), around]


def report_of(
    entries: Iterable[Entry],
    launch: Launch | None = None,
    *,
    conducted: bool = True,
    in_force: Launch | None = None,
    **changes: Any,
) -> Report:
    """Build the report of these rows behind the first; not ``conducted``: without the first, and unknown.

    ``in_force`` is the launch as it is at the end, if it was changed.
    """
    of = launch or a_launch()
    links = tuple(a_chain([*([started(of, plan())] if conducted else []), *entries]))
    given: dict[str, Any] = {
        "rows": LaunchRows(launch_id=LAUNCH, links=links, launch=of if conducted else None),
        "verified": verify_links(LAUNCH, links),
        "launch": (in_force or of) if conducted else None,
        "phases": phases(),
        "document": read_document(),
        "made_at": NOON + timedelta(days=22),
        "contacts": example_contacts(),
        **changes,
    }
    return build(Sources(**given))


def shipped_document() -> bytes:
    """Return the document as it is on disk."""
    path = include_folder() / "checklists" / "production-launch-checklist.md"
    return path.read_bytes()
