"""Whether a kept row holds together: record and evidence, seal and records, columns and content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from launch_pipeline.checks.evidence import canonical_json
from launch_pipeline.record.launches import LaunchState
from launch_pipeline.record.schema import Entry, EntryKind, Record, Seal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from launch_pipeline.record.chain import Link

_COLUMNS = ("kind", "launch_id", "dag_id", "item_ref", "task_instance_id", "try_number")


class KeptRecord(NamedTuple):
    """What a seal says of a record, and a row of the ledger has to bear out."""

    item_ref: str
    task_instance_id: str
    digest: str


def kept_record(link: Link) -> KeptRecord:
    """Give what a later seal may list of this row."""
    return KeptRecord(link.item_ref, link.task_instance_id, link.content_digest)


def content_problem(link: Link, before: Collection[KeptRecord]) -> str | None:
    """Say what is wrong with a row's content; ``before`` are the rows that were kept before it.

    Records: the evidence's digest is that of the evidence, and the columns say what the record says. Seals:
    every record that is listed is there. All: the text is the canonical JSON of an object.
    """
    try:
        content = json.loads(link.content)
        if canonical_json(content).decode() != link.content:
            return "its content is not written in canonical JSON"
        if not isinstance(content, dict):
            return "its content is no JSON object"
        judge = _JUDGES.get(link.kind)
        return judge(link, content, before) if judge else None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"its content does not hold together: {f'{place}: ' if place else ''}{first['msg']}"
    except (ValueError, RecursionError) as error:
        return f"its content cannot be read: {error}"


def ended_as(link: Link) -> LaunchState | None:
    """Give the state in which a row says that its launch ended, None where it says nothing of it."""
    if link.kind == EntryKind.LAUNCH_ABORTED:
        return LaunchState.ABORTED
    if link.kind != EntryKind.LAUNCH_ENDED:
        return None
    return LaunchState(json.loads(link.content).get("state"))


def _record_problem(link: Link, content: dict[str, Any], _: Collection[KeptRecord]) -> str | None:
    return _differs(link, Entry.of_record(Record.model_validate(content)))


def _seal_problem(link: Link, content: dict[str, Any], before: Collection[KeptRecord]) -> str | None:
    seal = Seal.model_validate(content)
    for sealed in seal.records:
        if KeptRecord(sealed.item_ref, sealed.task_instance_id, sealed.digest) not in before:
            return f"it seals a record of {sealed.item_ref} ({sealed.digest}) that no row before it holds"
    return _differs(link, Entry.of_seal(seal, link.task_instance_id))


def _end_problem(link: Link, *_: object) -> str | None:
    # Raises ValueError where it is none of the words.
    ended_as(link)
    return None


def _differs(link: Link, said: Entry) -> str | None:
    for name in _COLUMNS:
        column, word = getattr(link, name), getattr(said, name)
        if column != word:
            return f"the row says {name} {column!r}, its content {word!r}"
    return None


_JUDGES: dict[str, Callable[[Link, dict[str, Any], Collection[KeptRecord]], str | None]] = {
    EntryKind.DECISION: _record_problem,
    EntryKind.MACHINE_PASS: _record_problem,
    EntryKind.NOT_REACHED: _record_problem,
    EntryKind.SEAL: _seal_problem,
    EntryKind.LAUNCH_ENDED: _end_problem,
}
