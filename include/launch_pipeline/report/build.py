"""Build the report from a launch's rows, the checklists in force and the contacts, without any I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.checklist.sequence import title
from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.ledger.launch import Launch, LaunchState
from launch_pipeline.report import events
from launch_pipeline.report.contacts import contact_lines, rollback_lines
from launch_pipeline.report.document import Kind, boxes, lines_of, title_of
from launch_pipeline.report.history import History, ItemHistory, history_of
from launch_pipeline.report.model import (
    Chain,
    ChecklistLine,
    ItemLine,
    LaunchLine,
    Note,
    PhaseLines,
    Regression,
    Report,
    SectionLines,
    Status,
)
from launch_pipeline.report.words import NOT_YET, sort_of, status_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.checklist.model import Phase, Section
    from launch_pipeline.ledger.proof.verify import LaunchRows, Verified

_STATUS = {
    LaunchState.ACTIVE: Status.UNDER_WAY,
    LaunchState.COMPLETE: Status.COMPLETE,
    LaunchState.ABORTED: Status.ABORTED,
    LaunchState.NO_GO: Status.NO_GO,
    LaunchState.ROLLED_BACK: Status.ROLLED_BACK,
}


@dataclass(frozen=True)
class Sources:
    """Everything that a report is built from."""

    rows: LaunchRows
    verified: Verified
    launch: Launch | None
    """None if the table of launches has no such launch."""
    phases: Sequence[Phase]
    """The checklists in force at the end."""
    document: str
    made_at: datetime
    contacts: Contacts | None = None
    contacts_unread: str = ""
    checklists_unread: tuple[str, ...] = ()
    with_addresses: bool = False
    notes: tuple[Note, ...] = ()
    notes_unread: str = ""


def build(sources: Sources) -> Report:
    """Build the report."""
    return _Builder(sources).report()


class _Builder:
    def __init__(self, sources: Sources) -> None:
        self._from = given = sources
        self._history: History = history_of(sources.rows.links)
        self._known: set[str] = set()
        self._texts = {
            f"{phase.id}.{section.id}.{item.id}": item.text
            for phase in given.phases
            for section in phase.sections
            for item in section.items
        }
        self._lines = lines_of(sources.document)

    def report(self) -> Report:
        given, history = self._from, self._history
        phases = [self._phase(p) for p in given.phases if p.kind == "checklist"]
        found = boxes(self._lines, phases)
        in_document = {item.ref for item in found.values()}
        phases = [_marked(phase, in_document) for phase in phases]
        status = _STATUS[given.verified.state] if given.verified.state else Status.BROKEN
        decisions, signatures = self._gate(RequestKind.DECISION), self._gate(RequestKind.SIGNATURE)
        rollback = self._rollback()
        return Report(
            title=title_of(self._lines),
            launch=self._launch(),
            status=status,
            counts=_counts(phases, status),
            phases=tuple(phases),
            go_no_go=decisions,
            sign_off=signatures,
            rollback=rollback,
            strays=tuple(self._strays()),
            loose=tuple(
                line.label
                for number, line in enumerate(self._lines)
                if line.kind is Kind.BOX and number not in found
            ),
            seals=tuple(sorted(history.seals.values(), key=lambda seal: seal.title)),
            events=events.events_of(history, self._name_of, self._words_of),
            changes=events.changes_of(history, self._name_of, self._words_of),
            looks=tuple(history.looks),
            regressions=tuple(self._regressions()),
            told=events.told_of(history),
            nudges=events.nudges_of(history),
            notes=given.notes,
            notes_unread=given.notes_unread,
            contacts=contact_lines(given.contacts, with_addresses=given.with_addresses),
            rollback_contacts=rollback_lines(given.contacts, with_addresses=given.with_addresses),
            contacts_unread=given.contacts_unread,
            checklists=tuple(self._checklists()),
            checklists_unread=given.checklists_unread,
            chain=Chain(
                rows=given.verified.rows,
                head=given.verified.head,
                broken=str(given.verified.broken or ""),
            ),
            made_at=given.made_at,
        )

    def _phase(self, phase: Phase) -> PhaseLines:
        dags = dict.fromkeys(str(phase.dag or section.dag) for section in phase.sections)
        return PhaseLines(
            id=phase.id,
            title=phase.title,
            sections=tuple(self._section(phase, section) for section in phase.sections),
            seals=tuple(seal for dag in dags if (seal := self._history.seals.get(dag))),
        )

    def _section(self, phase: Phase, section: Section) -> SectionLines:
        return SectionLines(
            id=section.id,
            title=section.title,
            dag_id=str(phase.dag or section.dag),
            items=tuple(self._items(phase, section)),
        )

    def _items(self, phase: Phase, section: Section) -> Iterator[ItemLine]:
        for item in section.items:
            ref = f"{phase.id}.{section.id}.{item.id}"
            self._known.add(ref)
            line = ItemLine(
                ref=ref,
                text=item.text,
                owner=item.owner,
                mode=item.mode,
                gate=item.gate,
                severity=item.severity,
            )
            yield _with_history(line, self._history.items.get(ref))

    def _gate(self, gate: RequestKind) -> SectionLines | None:
        """Return the section of the sign-offs that asks for decisions, or for signatures."""
        for phase in self._from.phases:
            for section in phase.sections if phase.kind == "sign_offs" else ():
                if section.items[0].gate is gate:
                    return self._section(phase, section)
        return None

    def _rollback(self) -> PhaseLines | None:
        found = [self._phase(phase) for phase in self._from.phases if phase.kind == "rollback"]
        begun = [phase for phase in found if any(i.latest or i.bypass for i in phase.items)]
        return begun[0] if begun else None

    def _strays(self) -> Iterator[ItemLine]:
        for ref, history in self._history.items.items():
            if ref not in self._known and history.records:
                # It was removed by an amendment, or its checklist cannot be read.
                line = ItemLine(ref=ref, text=one_line(history.last.text), in_document=False)
                yield _with_history(line, history)

    def _regressions(self) -> Iterator[Regression]:
        found = [one for item in self._history.items.values() for one in item.regressions()]
        yield from sorted(found, key=lambda one: one.row)

    def _launch(self) -> LaunchLine:
        launch, rows = self._from.launch, self._from.rows
        if launch is None:
            first = next((h.last for h in self._history.items.values() if h.records), None)
            return LaunchLine(
                launch_id=rows.launch_id,
                environment=first.environment if first else "",
                rehearsal=first.rehearsal if first else False,
            )
        return LaunchLine(
            launch_id=launch.launch_id,
            environment=one_line(launch.environment),
            rehearsal=launch.rehearsal,
            release=one_line(launch.release),
            release_sha=one_line(launch.release_sha),
            previous_release=one_line(str(launch.conf.get("previous_release") or "")),
            launch_at=launch.launch_at,
            planned_at=launch.planned_at,
            started_by=one_line(self._name_of(launch.started_by)),
            started_at=launch.started_at,
            ended_at=launch.ended_at,
        )

    def _name_of(self, airflow_user: str) -> str:
        people = self._from.contacts
        person = people.by_airflow_user(airflow_user) if people else None
        return person.name if person else airflow_user

    def _words_of(self, ref: str) -> str:
        """Return the words of an item in force; anything else stays as it is."""
        return self._texts.get(ref, ref)

    def _checklists(self) -> Iterator[ChecklistLine]:
        launch = self._from.launch
        now = launch.checklist_digests if launch else {}
        for dag_id, began in (self._history.began_with or now).items():
            in_force = now.get(dag_id, "")
            yield ChecklistLine(dag_id=dag_id, title=title(dag_id), began_with=began, now=in_force)


def _with_history(line: ItemLine, history: ItemHistory | None) -> ItemLine:
    if history is None:
        return line
    attempts = history.attempts()
    said = one_line(history.last.text) if attempts else ""
    return line.model_copy(
        update={
            "latest": attempts[-1] if attempts else None,
            "earlier": attempts[:-1],
            "bypass": history.bypass,
            "reopened": history.reopened,
            "said": said if said != one_line(line.text) else "",
        }
    )


def _marked(phase: PhaseLines, in_document: set[str]) -> PhaseLines:
    sections = tuple(
        section.model_copy(
            update={
                "items": tuple(
                    item.model_copy(update={"in_document": item.ref in in_document}) for item in section.items
                )
            }
        )
        for section in phase.sections
    )
    return phase.model_copy(update={"sections": sections})


def _counts(phases: Sequence[PhaseLines], status: Status) -> dict[str, int]:
    """Count the items by status, the good ones first."""
    items = [item for phase in phases for item in phase.items]
    order = {"good": 0, "aside": 1, "bad": 2, "open": 3}
    ranked = sorted(items, key=lambda item: (order[sort_of(item)], status_text(item, status)))
    return dict(Counter(status_text(item, status) for item in ranked) or {NOT_YET: 0})
