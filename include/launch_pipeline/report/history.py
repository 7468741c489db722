"""Group the rows of a launch by item: the attempt that counts, those before it, and bypasses."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.checklist.sequence import title
from launch_pipeline.ledger.reopened import Cause, Reopened, VerifiedAgain
from launch_pipeline.ledger.reopened import Seen as SeenItem
from launch_pipeline.ledger.schema import EntryKind, Record, Seal, read_record
from launch_pipeline.report.model import (
    Attempt,
    Bypass,
    CheckLine,
    Look,
    Regression,
    Reopening,
    SealLine,
    Seen,
)
from launch_pipeline.report.words import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from launch_pipeline.checks.verdict import CheckResult
    from launch_pipeline.ledger.chain import Link
    from launch_pipeline.ledger.schema import Acknowledgement

HEADLINE = 300
"""The maximum length of a headline; the whole evidence is in the ledger."""


@dataclass
class ItemHistory:
    """Everything recorded about one item, in the order of the chain."""

    records: list[tuple[Record, Link]] = field(default_factory=list)
    bypass: Bypass | None = None
    """The bypass that a gate found after the latest record, if any."""
    reopenings: list[tuple[Reopened, Link]] = field(default_factory=list)

    @property
    def last(self) -> Record:
        """The record that counts."""
        return self.records[-1][0]

    def attempts(self) -> tuple[Attempt, ...]:
        """Return every outcome, with a decision that was carried over to another try only once."""
        found: list[Attempt] = []
        for record, link in self.records:
            again = self._between(found[-1].row if found else 0, link.position)
            if found and not again and _same(found[-1], record):
                found.pop()
            found.append(_attempt(record, link, again))
        return tuple(found)

    def _between(self, after: int, before: int) -> tuple[str, ...]:
        """Return why the item was verified again between two rows."""
        rows = [item for item, link in self.reopenings if after < link.position < before]
        return tuple(dict.fromkeys(one_line(why) for item in rows for why in item.why))

    @property
    def reopened(self) -> Reopening | None:
        """Return the reopening after the latest record, if any."""
        last = self.records[-1][1].position if self.records else 0
        found = [(item, link) for item, link in self.reopenings if link.position > last]
        if not found:
            return None
        item, link = found[-1]
        why = tuple(map(one_line, item.why))
        return Reopening(cause=item.cause, why=why, at=link.appended_at, row=link.position)

    def regressions(self) -> Iterator[Regression]:
        """Yield each time that the item was no longer true, until a record let it pass again."""
        last: Regression | None = None
        for item, link in self.reopenings:
            lasts = last is not None and (last.until is None or link.appended_at < last.until)
            if item.cause is not Cause.NO_LONGER_TRUE or lasts:
                continue
            last = Regression(
                ref=item.item_ref,
                text=one_line(item.text),
                owner=item.owner,
                why=tuple(map(one_line, item.why)),
                since=link.appended_at,
                until=next((at for at, row in self._passes() if row > link.position), None),
                row=link.position,
            )
            yield last

    def _passes(self) -> Iterator[tuple[datetime, int]]:
        return ((link.appended_at, link.position) for r, link in self.records if r.outcome.lets_pass)


@dataclass
class History:
    """A launch's rows, grouped by subject."""

    items: dict[str, ItemHistory] = field(default_factory=lambda: defaultdict(ItemHistory))
    seals: dict[str, SealLine] = field(default_factory=dict)
    """The latest seal of each Dag."""
    began_with: dict[str, str] = field(default_factory=dict)
    """The digest of each Dag's checklist at the start."""
    looks: list[Look] = field(default_factory=list)
    others: list[tuple[Link, dict[str, Any]]] = field(default_factory=list)
    """Rows about the launch, notifications and calls."""


def history_of(links: Iterable[Link]) -> History:
    """Read the rows of a launch; unreadable ones are left out, since the verification names them."""
    history = History()
    for link in links:
        try:
            content = json.loads(link.content)
            _READERS.get(link.kind, _other)(history, link, content)
        except (ValueError, RecursionError, AttributeError):
            # pydantic's errors are ValueErrors.
            continue
    return history


def _record(history: History, link: Link, content: dict[str, Any]) -> None:
    record = read_record(content)
    if record is None:
        return
    item = history.items[link.item_ref]
    item.records.append((record, link))
    # A gate appends the bypass after its record.
    item.bypass = None


def _bypass(history: History, link: Link, content: dict[str, Any]) -> None:
    seen = str(content.get("seen_by_gate_at", ""))
    state = one_line(str(content.get("state", "")))
    history.items[link.item_ref].bypass = Bypass(state=state, seen_at=seen, row=link.position)


def _reopened(history: History, link: Link, content: dict[str, Any]) -> None:
    history.items[link.item_ref].reopenings.append((Reopened.model_validate(content), link))


def _look(history: History, link: Link, content: dict[str, Any]) -> None:
    look = VerifiedAgain.model_validate(content)
    history.looks.append(
        Look(
            looked_at=look.looked_at,
            still_true=look.still_true,
            no_longer_true=tuple(map(_seen, look.no_longer_true)),
            not_looked_at=tuple(map(_seen, look.not_looked_at)),
            row=link.position,
        )
    )


def _seen(one: SeenItem) -> Seen:
    text, headline = one_line(one.text), _short(one.headline)
    return Seen(ref=one.item_ref, text=text, owner=one.owner, headline=headline)


def _seal(history: History, link: Link, content: dict[str, Any]) -> None:
    seal = Seal.model_validate(content)
    history.seals[link.dag_id] = SealLine(
        dag_id=link.dag_id,
        title=title(link.dag_id),
        complete=seal.complete,
        sealed_at=seal.sealed_at,
        try_number=seal.try_number,
        problems=tuple(map(one_line, seal.problems)),
        row=link.position,
        digest=link.content_digest,
    )


def _other(history: History, link: Link, content: dict[str, Any]) -> None:
    if link.kind == EntryKind.LAUNCH_STARTED:
        digests = content.get("checklist_digests") or {}
        history.began_with = {str(dag_id): str(digest) for dag_id, digest in digests.items()}
    if isinstance(content, dict):
        history.others.append((link, content))


_READERS: dict[str, Callable[[History, Link, dict[str, Any]], None]] = {
    EntryKind.DECISION: _record,
    EntryKind.MACHINE_PASS: _record,
    EntryKind.NOT_REACHED: _record,
    EntryKind.BYPASS: _bypass,
    EntryKind.SEAL: _seal,
    EntryKind.REOPENED: _reopened,
    EntryKind.VERIFIED_AGAIN: _look,
}


def _attempt(record: Record, link: Link, again: tuple[str, ...]) -> Attempt:
    person = record.decided_by
    return Attempt(
        outcome=record.outcome,
        headline=_short(record.headline),
        checks=tuple(map(_check, record.results)),
        decided_by=one_line(person.name) if person else "",
        person=person.id if person else "",
        role=record.role,
        recorded_by=record.recorded_by,
        decided_at=record.decided_at,
        reason=one_line(record.reason),
        signature=one_line(record.signature),
        rounds=tuple(map(_round, record.rounds)),
        try_number=record.try_number,
        task_instance_id=record.task_instance_id,
        evidence_digest=record.evidence_digest,
        again=again,
        verified_at=link.appended_at if record.confirms else None,
        row=link.position,
        digest=link.content_digest,
    )


def _round(one: Acknowledgement) -> str:
    by = f" by {one_line(one.decided_by.name)}" if one.decided_by else ""
    return f"{moment(one.decided_at)}{by}"


def _check(result: CheckResult) -> CheckLine:
    return CheckLine(
        kind=result.kind,
        verdict=result.verdict,
        headline=_short(result.headline),
        authority=_short(result.authority),
    )


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= HEADLINE else f"{line[: HEADLINE - 1]}…"


def _same(attempt: Attempt, record: Record) -> bool:
    """Whether the record repeats the decision of the attempt, appended by another try."""
    return (
        record.decided_by is not None
        and attempt.person == record.decided_by.id
        and (attempt.outcome, attempt.decided_at) == (record.outcome, record.decided_at)
    )
