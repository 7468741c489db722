"""The overlay ``overrides.yaml``: what a company changes of the shipped checklists, away from ``git pull``.

``variables`` replaces defaults of ``variables.yaml``. ``items`` changes items by their ref: each key given
replaces the item's own; ``null`` in place of an item leaves it out; a new id in a known section adds one.
"""

from __future__ import annotations

import difflib
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.files import Stamp, checklist_folder, read_yaml, stamp
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS, OVERRIDES = "variables.yaml", "overrides.yaml"


class Overrides(Frozen):
    """The content of ``overrides.yaml``; empty if there is no such file."""

    variables: dict[str, Any] = Field(default_factory=dict)
    items: dict[str, dict[str, Any] | None] = Field(default_factory=dict)
    """By ref ``phase.section.item``: the keys to replace, or None to leave the item out."""

    def of(self, phase_id: str) -> dict[str, dict[str, Any] | None]:
        """Return the changes to the items of a phase, by ``section.item``."""
        split = ((ref.partition("."), change) for ref, change in self.items.items())
        return {rest: change for (phase, _, rest), change in split if phase == phase_id}


def overrides(folder: Path | None = None) -> Overrides:
    """Read the overlay. Raises ConfigurationError naming the key and the fix."""
    path = (folder or checklist_folder()) / OVERRIDES
    return _overrides(path, stamp(path)) if path.exists() else Overrides()


def product_variables(folder: Path | None = None) -> dict[str, Any]:
    """Return the defaults of ``variables.yaml`` as the overlay changes them; ``${name}`` is not filled in."""
    path = (folder or checklist_folder()) / DEFAULTS
    defaults = _yaml(path, stamp(path)) if path.exists() else {}
    return {**defaults, **overrides(folder).variables}


def overlaid(raw: dict[str, Any], changes: Overrides) -> dict[str, Any]:
    """Return a phase as it is written, with the changes to its items made.

    Raises ConfigurationError for a ref of this phase whose section does not exist.
    """
    phase_id = str(raw.get("id"))
    mine = changes.of(phase_id)
    if not mine:
        return raw
    sections = [dict(section) for section in raw.get("sections", ())]
    for ref, change in mine.items():
        _change(sections, phase_id, ref, change)
    return {**raw, "sections": sections}


def _change(sections: list[dict[str, Any]], phase_id: str, ref: str, change: dict[str, Any] | None) -> None:
    section_id, _, item_id = ref.partition(".")
    section = next((one for one in sections if one.get("id") == section_id), None)
    known = [f"{one.get('id')}.{item.get('id')}" for one in sections for item in one.get("items", ())]
    if section is None or not item_id or (change is None and ref not in known):
        near = difflib.get_close_matches(ref, known, 1)
        fix = f"write '{phase_id}.{near[0]}'." if near else "write it as 'phase.section.item'."
        raise ConfigurationError(OVERRIDES, f"items.{phase_id}.{ref}", "names no item.", fix)
    items = list(section.get("items", ()))
    place = next((n for n, item in enumerate(items) if item.get("id") == item_id), len(items))
    before = items[place] if place < len(items) else {"id": item_id}
    items[place : place + 1] = [] if change is None else [{**before, **change}]
    section["items"] = items


def checklist_digest(path: Path) -> str:
    """Return ``sha256:<hex>`` of a checklist file, the variables and the overlay.

    A running launch compares it at each gate.
    """
    whole = hashlib.sha256(path.read_bytes())
    for name in (DEFAULTS, OVERRIDES):
        beside = path.with_name(name)
        whole.update(hashlib.sha256(beside.read_bytes() if beside.exists() else b"").digest())
    return f"sha256:{whole.hexdigest()}"


@lru_cache(maxsize=8)
def _yaml(path: Path, _stamp: Stamp) -> dict[str, Any]:
    return read_yaml(path)


@lru_cache(maxsize=8)
def _overrides(path: Path, state: Stamp) -> Overrides:
    try:
        return Overrides.model_validate(_yaml(path, state))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        problem = (
            f"{str(first['input'])[:80]!r} is not accepted: {first['msg'].removeprefix('Value error, ')}."
        )
        fix = "Write 'variables: {name: value}' and 'items: {phase.section.item: {owner: cto}}'."
        raise ConfigurationError(str(path), place, problem, fix) from error
