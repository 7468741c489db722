"""Say whether a record counts for its item: it rests on what the launch runs by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checks.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.ledger.facts import Derived
    from launch_pipeline.ledger.schema import Record

_VARIABLE, _HOLDERS, _PERSON = "variable:", "holders:", "person"
_OF_THE_LAUNCH = frozenset(
    _VARIABLE + name for name in ("release", "release_sha", "previous_release", "launch_at", "launch_date")
)


def definition_of(names: Mapping[str, str]) -> str:
    """Return the digest of the definition that a record rests on: its names but the launch's and people's."""
    own = {
        name: said
        for name, said in names.items()
        if name not in _OF_THE_LAUNCH and name != _PERSON and not name.startswith(_HOLDERS)
    }
    return digest(own)


def of_its_item(record: Record, launch: Derived) -> bool:
    """Return whether a record is of its item as the plan in force has it."""
    item = launch.plan.item(record.dag_id, record.item_ref)
    if item is None:
        return False
    if item.definition and record.rests_on:
        ran_by = (record.dag_id, record.checklist_digest) in launch.checklists
        return ran_by and definition_of(record.rests_on) == item.definition
    return record.checklist_digest == launch.checklist_digests[record.dag_id]


def why_not(record: Record, launch: Derived) -> str | None:
    """Return why a record does not count, or None if it does."""
    if not of_its_item(record, launch):
        return "was decided under another version of the checklist"
    for name, value in launch.variables.items():
        said = record.rests_on.get(_VARIABLE + name)
        if said is not None and said != digest(value):
            return f"was decided for another {name}"
    return None
