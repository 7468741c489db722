"""Run every check of a shipped item once, in an environment of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from servers.checking import context, run
from servers.one_item import items

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.engine.context import ConnectionInfo
    from launch_pipeline.checks.verdict import CheckResult


def at_once(spec: CheckSpec) -> CheckSpec:
    """Return a check without its ``wait``: a test has its answer already."""
    params = {name: value for name, value in spec.params.items() if name not in {"wait", "interval"}}
    return spec.model_copy(update={"params": params})


def results(
    ref: str, connections: Mapping[str, ConnectionInfo], variables: Mapping[str, Any], **environment: Any
) -> list[CheckResult]:
    """Run all checks of an item once, in an environment of its own."""
    ctx = context(connections, variables=with_product(variables), **environment)
    return run(run_checks([at_once(check) for check in items()[ref].checks], ctx))
