"""The checklists of this deployment, read again when a file changes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from launch_pipeline.checklist.load import checklist_files, load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.registry import parameter_models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checklist.plan import DagPlan


def deployed_plans() -> Mapping[str, DagPlan]:
    """Every Dag's plan, by Dag id in the document's order; takes seconds where a file is new.

    Raises InvalidChecklist.
    """
    return _plans(tuple((str(path), path.stat().st_mtime_ns) for path in checklist_files()))


@lru_cache(maxsize=2)
def _plans(_stamps: tuple[tuple[str, int], ...]) -> Mapping[str, DagPlan]:
    return plan_dags(load_phases(parameter_models()))
