"""Run the checks of a shipped item against servers of a test, with made-up variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.engine.run import run_checks
from servers.checking import context, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checklist.model import CheckSpec, Item
    from launch_pipeline.checks.engine.context import ConnectionInfo
    from launch_pipeline.checks.verdict import CheckResult


def shipped_item(ref: str) -> Item:
    """Return an item by ``phase.section.item``."""
    phase_id, section_id, item_id = ref.split(".")
    (found,) = (
        item
        for phase in load_phases(parameter_models())
        if phase.id == phase_id
        for section, item in phase.items()
        if (section.id, item.id) == (section_id, item_id)
    )
    return found


def at_once(spec: CheckSpec) -> CheckSpec:
    """Return a check without its ``wait``: a test has its answer already."""
    params = {name: value for name, value in spec.params.items() if name not in {"wait", "interval"}}
    return spec.model_copy(update={"params": params})


def results(
    item: Item, connections: Mapping[str, ConnectionInfo], variables: Mapping[str, Any], **environment: Any
) -> list[CheckResult]:
    """Run the checks of an item once."""
    ctx = context(connections, variables=with_product(variables), **environment)
    return run(run_checks([at_once(check) for check in item.checks], ctx))
