"""Read a row's content as the model of its kind, and refuse any ambiguous form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from launch_pipeline.ledger.canonical_json import read_canonical, written
from launch_pipeline.ledger.facts import (
    Aborted,
    Amended,
    Ended,
    Held,
    Postponed,
    Proposed,
    Resumed,
    Retargeted,
    Started,
)
from launch_pipeline.ledger.reopened import Reopened
from launch_pipeline.ledger.schema import Entry, EntryKind, Record, Round, Seal

if TYPE_CHECKING:
    from pydantic import BaseModel

    from launch_pipeline.ledger.chain import Link

_COLUMNS = ("kind", "launch_id", "dag_id", "item_ref", "task_instance_id", "try_number")
_NO_PLACE = {"dag_id": "", "item_ref": ""}
_MODELS: dict[str, type[BaseModel]] = {
    EntryKind.DECISION: Record,
    EntryKind.MACHINE_PASS: Record,
    EntryKind.NOT_REACHED: Record,
    EntryKind.SEAL: Seal,
    EntryKind.ROUND: Round,
    EntryKind.REOPENED: Reopened,
    EntryKind.LAUNCH_STARTED: Started,
    EntryKind.LAUNCH_POSTPONED: Postponed,
    EntryKind.AMENDMENT_PROPOSED: Proposed,
    EntryKind.LAUNCH_AMENDED: Amended,
    EntryKind.LAUNCH_RETARGETED: Retargeted,
    EntryKind.LAUNCH_HELD: Held,
    EntryKind.LAUNCH_RESUMED: Resumed,
    EntryKind.LAUNCH_ABORTED: Aborted,
    EntryKind.LAUNCH_ENDED: Ended,
}
"""The kinds that prove something; of other rows only the chain is verified."""


def read_content(link: Link) -> Any:
    """Read the content of a row as the model of its kind, or as plain JSON.

    Raises ValueError with the reason if the content is ambiguous or contradicts the row's own columns.
    """
    value = read_canonical(link.content)
    if not isinstance(value, dict):
        message = "it is not a JSON object"
        raise ValueError(message)  # noqa: TRY004 - like every other reason
    model = _MODELS.get(link.kind)
    if model is None:
        return value
    said = model.model_validate(value)
    # Neither "1" for 1 nor another form of a time: what a reader sees is what is checked.
    if written(json.loads(said.model_dump_json(by_alias=True))) != link.content:
        message = "it is not in the form that the pipeline writes"
        raise ValueError(message)
    _columns_or_refuse(link, said)
    return said


def _columns_or_refuse(link: Link, said: BaseModel) -> None:
    for name, word in _expected(link, said).items():
        column = getattr(link, name)
        if column != word:
            message = f"the row says {name} {column!r}, its content {word!r}"
            raise ValueError(message)


def _expected(link: Link, said: BaseModel) -> dict[str, object]:
    """Return the column values that follow from the content."""
    if isinstance(said, Record):
        return Entry.of_record(said).model_dump(include=set(_COLUMNS))
    if isinstance(said, Seal):
        return Entry.of_seal(said, link.task_instance_id).model_dump(include=set(_COLUMNS))
    if isinstance(said, Round):
        return {}
    of = {"dag_id": said.dag_id, "item_ref": said.item_ref} if isinstance(said, Reopened) else _NO_PLACE
    return {**of, "task_instance_id": f"launch/{link.launch_id}"}
