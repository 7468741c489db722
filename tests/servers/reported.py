"""Launches of the shipped checklist for reports: each item with an outcome of one's choice, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.files import include_folder
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.words import GateStyle
from launch_pipeline.checks.registry import parameter_models
from launch_pipeline.people.contacts import Contacts, load_contacts
from launch_pipeline.record.launches import Launch
from launch_pipeline.record.report.build import Sources, build
from launch_pipeline.record.report.document import read_document
from launch_pipeline.record.schema import Entry, EntryKind, Outcome
from launch_pipeline.record.verify import Kept, verify_links
from servers.chains import a_chain
from servers.records import NOON, a_record, a_result, a_seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checklist.model import Item, Phase
    from launch_pipeline.record.report.model import Report
    from launch_pipeline.record.schema import Record

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
    """The shipped checklists."""
    return tuple(load_phases(parameter_models()))


@lru_cache(maxsize=1)
def example_contacts() -> Contacts:
    """The invented people."""
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
    """The 272 of the document."""
    return [place for place in places() if place.phase.kind == "checklist"]


def gate_places(gate: GateStyle) -> list[Place]:
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


def record_of(place: Place, outcome: Outcome = Outcome.PASSED, **fields: Any) -> Record:
    """Make the record of an item."""
    asks = place.item.gate is not GateStyle.APPROVAL or outcome is Outcome.NOT_REACHED
    given = {
        "results": () if asks else (a_result(headline=f"saw {place.item.id}"),),
        "role": None if outcome in {Outcome.PASSED, Outcome.NOT_REACHED} else place.item.owner,
        "text": place.item.text,
        "signature": "Ada Lindqvist" if place.item.gate is GateStyle.SIGNATURE else "",
        **fields,
    }
    return a_record(
        launch_id=LAUNCH, item_ref=place.ref, dag_id=place.dag_id,
        task_id=place.ref.partition(".")[2], task_instance_id=given.pop("instance", f"ti-{place.ref}"),
        outcome=outcome, **given,
    )  # fmt: skip


def a_whole_launch() -> list[Entry]:
    """Everything passed or was approved, go was said, four signed, every phase is sealed."""
    decided = [p for p in places() if p.phase.kind == "sign_offs"]
    outcomes = {place.ref: Outcome.APPROVED for place in decided}
    entries = []
    for dag_id in dict.fromkeys(p.dag_id for p in places() if p.phase.kind != "rollback"):
        mine = [p for p in places() if p.dag_id == dag_id]
        records = [record_of(p, outcomes.get(p.ref, Outcome.PASSED)) for p in mine]
        seal = a_seal(*records, launch_id=LAUNCH, dag_id=dag_id, phase_id=mine[0].phase.id)
        entries += [*map(Entry.of_record, records), Entry.of_seal(seal, f"gate-{dag_id}")]
    return entries


def happened(kind: EntryKind, number: int = 0, **content: Any) -> Entry:
    """Make an entry of the launch itself."""
    return Entry(
        kind=kind, launch_id=LAUNCH, task_instance_id=f"launch/{LAUNCH}", try_number=number, content=content
    )


def bypassed(place: Place, number: int = 1) -> list[Entry]:
    """What a gate keeps of a task that somebody has marked by hand."""
    record = record_of(place, Outcome.NOT_REACHED, reason="state success when the phase was sealed")
    content = {"state": "success", "text": place.item.text, "seen_by_gate_at": NOON.isoformat()}
    around = Entry(
        kind=EntryKind.BYPASS, launch_id=LAUNCH, dag_id=place.dag_id, item_ref=place.ref,
        task_instance_id=record.task_instance_id, try_number=number, content=content,
    )  # fmt: skip
    return [Entry.of_record(record), around]


def report_of(
    entries: Iterable[Entry], launch: Launch | None = None, *, conducted: bool = True, **changes: Any
) -> Report:
    """Build the report of these rows; not ``conducted``: somebody triggered a phase on its own."""
    links = tuple(a_chain(list(entries)))
    started = launch or a_launch()
    given: dict[str, Any] = {
        "kept": Kept(launch_id=LAUNCH, links=links, state=started.state if conducted else None),
        "verified": verify_links(LAUNCH, links),
        "launch": started if conducted else None,
        "phases": phases(),
        "digests": {place.dag_id: DIGEST for place in places()},
        "document": read_document(),
        "made_at": NOON + timedelta(days=22),
        "contacts": example_contacts(),
        **changes,
    }
    return build(Sources(**given))


def shipped_document() -> bytes:
    """The document as it is on disk."""
    path = include_folder() / "checklists" / "production-launch-checklist.md"
    return path.read_bytes()
