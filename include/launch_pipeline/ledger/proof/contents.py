"""What a row's content is: read in the one way it can be read, as what its kind says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from launch_pipeline.ledger.canonical_json import read_canonical, written
from launch_pipeline.ledger.facts import Aborted, Ended, Postponed, Started
from launch_pipeline.ledger.schema import Entry, EntryKind, Record, Round, Seal

if TYPE_CHECKING:
    from pydantic import BaseModel

    from launch_pipeline.ledger.chain import Link

_COLUMNS = ("kind", "launch_id", "dag_id", "item_ref", "task_instance_id", "try_number")
_MODELS: dict[str, type[BaseModel]] = {
    EntryKind.DECISION: Record,
    EntryKind.MACHINE_PASS: Record,
    EntryKind.NOT_REACHED: Record,
    EntryKind.SEAL: Seal,
    EntryKind.ROUND: Round,
    EntryKind.LAUNCH_STARTED: Started,
    EntryKind.LAUNCH_POSTPONED: Postponed,
    EntryKind.LAUNCH_ABORTED: Aborted,
    EntryKind.LAUNCH_ENDED: Ended,
}
"""Kinds that prove something; of all others only the chain is proved."""


def read_content(link: Link) -> Any:
    """Read the content of a row: the model of its kind, or an object of plain JSON.

    Raises ValueError with the reason where it can be read in another way, or says something else than the
    row's own columns.
    """
    value = read_canonical(link.content)
    if not isinstance(value, dict):
        message = "it is no JSON object"
        raise ValueError(message)  # noqa: TRY004 - as every other reason
    model = _MODELS.get(link.kind)
    if model is None:
        return value
    said = model.model_validate(value)
    # Neither "1" for 1 nor another way to write a time: what a reader sees is what is judged.
    if written(json.loads(said.model_dump_json(by_alias=True))) != link.content:
        message = "it is not written as the pipeline writes it"
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
    """Give what the columns have to say, as far as the content knows."""
    if isinstance(said, Record):
        return Entry.of_record(said).model_dump(include=set(_COLUMNS))
    if isinstance(said, Seal):
        return Entry.of_seal(said, link.task_instance_id).model_dump(include=set(_COLUMNS))
    if isinstance(said, Round):
        return {}
    return {"dag_id": "", "item_ref": "", "task_instance_id": f"launch/{link.launch_id}"}
