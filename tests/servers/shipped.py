"""The checks that the shipped checklists hold, to be run against servers on which they must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.product import named
from launch_pipeline.checks.engine.registry import parameter_models

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import CheckSpec


def shipped(kind: str) -> dict[str, CheckSpec]:
    """Every check of a kind with the names of the product, by its item's id and its place in the item."""
    found = {}
    for phase in map(named, load_phases(parameter_models())):
        for section in phase.sections:
            for item in section.items:
                for number, spec in enumerate(item.checks):
                    if spec.kind == kind:
                        found[f"{phase.id}.{item.id}.{number}"] = spec
    return found
