"""What is told of a phase that ended, from its seal and its records. Pure: the same seal, the same note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.keys import phase_key, unsealed_key
from launch_pipeline.notifications.links import item_url, report_url, run_url
from launch_pipeline.notifications.model import PhaseNote, SetAside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from launch_pipeline.ledger.chain import Head
    from launch_pipeline.ledger.schema import KeptEntry, Record, Seal
    from launch_pipeline.notifications.model import Next

UNSEALED = (
    "It ended without a seal of its present gate: somebody ended it by hand, or its gate failed. "
    "Clear phase_gate with downstream, then clear the phase in the launch."
)
_ASIDE = (Outcome.WAIVED, Outcome.NOT_APPLICABLE, Outcome.NOT_MET)
_FAILING = (Outcome.REJECTED, Outcome.NOT_REACHED)
"""What keeps a phase from being complete, in the order in which it is told."""


class LaunchFacts(Frozen):
    """What every note says of its launch."""

    launch_id: str
    rehearsal: bool = False
    airflow_url: str = ""
    """Where people open Airflow; without it notes have no links."""


def phase_note_of(  # the launch, the phase, how it ended, and what comes
    launch: LaunchFacts,
    title: str,
    seal: Seal,
    records: Sequence[Record],
    following: Next | None = None,
    url: str = "",
    head: Head | None = None,
) -> PhaseNote:
    """Tell how a phase ended: counts, who let what pass and why, what fails, and who went around it.

    ``records`` may be any records of the launch; those that the seal names count. The key is that of the
    seal, so the announcer and the bridge tell it once between them.
    """
    counted = _sealed(seal, records)
    return PhaseNote(
        key=phase_key(seal),
        launch_id=launch.launch_id,
        rehearsal=launch.rehearsal,
        phase_title=title,
        complete=seal.complete,
        counts=seal.counts,
        waivers=_listed(launch, [r for r in counted if r.outcome in _ASIDE]),
        failing=failing_of(launch, seal, counted),
        bypasses=_bypassed(seal, counted),
        problems=_unexplained(seal),
        next=following,
        url=url or run_url(launch.airflow_url, seal.dag_id, launch.launch_id),
        # A rollback that is complete is the end of its launch.
        report=report_url(launch.airflow_url, launch.launch_id)
        if seal.dag_id == ROLLBACK and seal.complete
        else "",
        head=head,
    )


def unsealed_note(
    launch: LaunchFacts, title: str, dag_id: str, started_at: datetime | None, following: Next | None = None
) -> PhaseNote:
    """Tell of a phase that ended without a seal; ``started_at`` is the start of its run."""
    return PhaseNote(
        key=unsealed_key(launch.launch_id, dag_id, started_at),
        launch_id=launch.launch_id,
        rehearsal=launch.rehearsal,
        phase_title=title,
        complete=False,
        counts={},
        problems=(UNSEALED,),
        next=following,
        url=run_url(launch.airflow_url, dag_id, launch.launch_id),
    )


def records_of(entries: Iterable[KeptEntry]) -> tuple[Record, ...]:
    """Give the records among a launch's ledger entries."""
    return tuple(record for entry in entries if (record := entry.record))


def failing_of(launch: LaunchFacts, seal: Seal, records: Sequence[Record]) -> tuple[SetAside, ...]:
    """List what keeps a phase from being complete: rejected first, then not reached; bypasses are apart."""
    failing = [r for r in _sealed(seal, records) if r.outcome in _FAILING and r.item_ref not in seal.bypasses]
    return _listed(launch, sorted(failing, key=lambda record: _FAILING.index(record.outcome)))


def deciders(seal: Seal, records: Sequence[Record], outcome: Outcome) -> tuple[str, ...]:
    """Name who gave a phase's items that outcome, each once."""
    given = [r.decided_by for r in _sealed(seal, records) if r.outcome is outcome and r.decided_by]
    return tuple(dict.fromkeys(person.name for person in given))


def _sealed(seal: Seal, records: Sequence[Record]) -> list[Record]:
    """Pick the records that the seal names, in its order, each once."""
    known = {(record.item_ref, record.digest): record for record in records}
    return [known[one.item_ref, one.digest] for one in seal.records if (one.item_ref, one.digest) in known]


def _listed(launch: LaunchFacts, records: Iterable[Record]) -> tuple[SetAside, ...]:
    return tuple(
        SetAside(
            text=record.text,
            outcome=record.outcome,
            by=record.decided_by.name if record.decided_by else "",
            reason=record.reason,
            headline=record.headline,
            url=item_url(launch.airflow_url, record.dag_id, record.launch_id, record.task_id),
        )
        for record in records
    )


def _bypassed(seal: Seal, records: Iterable[Record]) -> tuple[str, ...]:
    """Name bypassed items by their texts, which the gate's own records carry."""
    texts = {record.item_ref: record.text for record in records}
    return tuple(texts.get(ref, ref) for ref in seal.bypasses)


def _unexplained(seal: Seal) -> tuple[str, ...]:
    """Leave out the problems that are told as a failing item or a bypass."""
    refs = [one.item_ref for one in seal.records if one.outcome in _FAILING]
    told = tuple(f"{ref} was " for ref in (*refs, *seal.bypasses))
    return tuple(problem for problem in seal.problems if not problem.startswith(told))
