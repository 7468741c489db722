"""Build the message about a phase that ended, from its seal and records. Pure: same seal, same note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.checks.verdict import headline_of
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.keys import phase_key, unsealed_key
from launch_pipeline.notifications.links import item_url
from launch_pipeline.notifications.model import PhaseNote, SetAside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from launch_pipeline.ledger.chain import Head
    from launch_pipeline.ledger.schema import LedgerEntry, Record, Seal
    from launch_pipeline.notifications.model import LaunchFacts, Next

UNSEALED = (
    "The phase ended without a seal of its current gate: its state was set by hand, or the gate failed. "
    "Clear phase_gate with downstream, then clear the phase's step in the launch."
)
_WAIVERS = (Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.NOT_MET)
_FAILING = (Outcome.REJECTED, Outcome.NOT_REACHED)
"""Outcomes that keep a phase from completing, in the order in which they are listed."""


def phase_note_of(
    launch: LaunchFacts,
    title: str,
    seal: Seal,
    records: Sequence[Record],
    following: Next | None = None,
    head: Head | None = None,
) -> PhaseNote:
    """Build the note of a sealed phase: counts, waivers with reasons, failing items and bypasses.

    ``records`` may be any records of the launch; only those that the seal names are used. The key comes
    from the seal, so that a worker and the bridge post the note once between them.
    """
    sealed = _sealed(seal, records)
    ends_launch = seal.dag_id == ROLLBACK and seal.complete
    return PhaseNote(
        key=phase_key(seal),
        launch_id=launch.launch_id,
        rehearsal=launch.rehearsal,
        phase_title=title,
        complete=seal.complete,
        counts=seal.counts,
        waivers=set_aside_of(launch.airflow_url, [r for r in sealed if r.outcome in _WAIVERS]),
        failing=failing_of(launch, seal, sealed),
        bypasses=_bypassed(seal, sealed),
        problems=_unlisted(seal),
        next=following,
        url=launch.page(seal.dag_id),
        report=launch.report if ends_launch else "",
        head=head,
    )


def unsealed_note(
    launch: LaunchFacts, title: str, dag_id: str, started_at: datetime | None, following: Next | None = None
) -> PhaseNote:
    """Build the note of a phase that ended without a seal; ``started_at`` is the start of its run."""
    return PhaseNote(
        key=unsealed_key(launch.launch_id, dag_id, started_at),
        launch_id=launch.launch_id,
        rehearsal=launch.rehearsal,
        phase_title=title,
        complete=False,
        counts={},
        problems=(UNSEALED,),
        next=following,
        url=launch.page(dag_id),
    )


def records_of(entries: Iterable[LedgerEntry]) -> tuple[Record, ...]:
    """Return the records among a launch's ledger entries."""
    return tuple(record for entry in entries if (record := entry.record))


def failing_of(launch: LaunchFacts, seal: Seal, records: Sequence[Record]) -> tuple[SetAside, ...]:
    """List the items that keep a phase from completing: rejected, then not reached. Bypasses are excluded."""
    failing = [r for r in _sealed(seal, records) if r.outcome in _FAILING and r.item_ref not in seal.bypasses]
    failing.sort(key=lambda record: _FAILING.index(record.outcome))
    return set_aside_of(launch.airflow_url, failing)


def deciders(seal: Seal, records: Sequence[Record], outcome: Outcome) -> tuple[str, ...]:
    """Return the names of the people who gave a phase's items this outcome, each once."""
    given = [r.decided_by for r in _sealed(seal, records) if r.outcome is outcome and r.decided_by]
    return tuple(dict.fromkeys(person.name for person in given))


def set_aside_of(airflow_url: str, records: Iterable[Record]) -> tuple[SetAside, ...]:
    """Describe the items of these records, each with a link to its page in Airflow."""
    return tuple(
        SetAside(
            text=record.text,
            outcome=record.outcome,
            by=record.decided_by.name if record.decided_by else "",
            reason=record.reason,
            headline=headline_of(record.results),
            url=item_url(airflow_url, record.dag_id, record.launch_id, record.task_id),
        )
        for record in records
    )


def _sealed(seal: Seal, records: Sequence[Record]) -> list[Record]:
    """Return the records that the seal names, in its order, each once."""
    known = {(record.item_ref, record.digest): record for record in records}
    return [known[one.item_ref, one.digest] for one in seal.records if (one.item_ref, one.digest) in known]


def _bypassed(seal: Seal, records: Iterable[Record]) -> tuple[str, ...]:
    """Return the texts of bypassed items, which the gate's own records carry."""
    texts = {record.item_ref: record.text for record in records}
    return tuple(texts.get(ref, ref) for ref in seal.bypasses)


def _unlisted(seal: Seal) -> tuple[str, ...]:
    """Return the problems that no failing item and no bypass shows already."""
    refs = [one.item_ref for one in seal.records if one.outcome in _FAILING]
    listed = tuple(f"{ref} was " for ref in (*refs, *seal.bypasses))
    return tuple(problem for problem in seal.problems if not problem.startswith(listed))
