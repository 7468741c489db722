"""The checks that the shipped checklists hold, to be run against servers on which they must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.language.variables import (
    derived,
    placeholders,
    substitute,
    substitute_expectations,
)

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import CheckSpec


def shipped(kind: str, **variables: Any) -> dict[str, CheckSpec]:
    """Every check of a kind, by its item's id and its place in the item, with the product's names in it.

    Variables that neither the product nor the caller has stay as they are.
    """
    names = with_product(variables)
    found = {}
    for phase in load_phases(parameter_models()):
        for section in phase.sections:
            for item in section.items:
                for number, spec in enumerate(item.checks):
                    if spec.kind == kind:
                        found[f"{phase.id}.{item.id}.{number}"] = _named(spec, names)
    return found


def _named(spec: CheckSpec, names: dict[str, Any]) -> CheckSpec:
    known = {name: _value(name, names) for name in placeholders(spec.params)}
    params = {key: value for key, value in spec.params.items() if key != "expect"}
    filled = substitute(params, known)
    if "expect" in spec.params:
        filled["expect"] = substitute_expectations(spec.params["expect"], known)
    return spec.model_copy(update={"params": filled})


def _value(name: str, names: dict[str, Any]) -> Any:
    value = names.get(name, derived(name, names))
    return f"${{{name}}}" if value is None else value
