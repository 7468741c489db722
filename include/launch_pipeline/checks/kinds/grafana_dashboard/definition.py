"""Kind ``grafana_dashboard``: does the dashboard exist, with data, visible to the team.

Facts per dashboard: ``exists, title, folder, updated, panels, empty_panels, missing_viewers``; a panel counts
wherever a row hides it, and is empty where its own queries, with the variables' saved values, give no value.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged


class GrafanaDashboardParams(Params):
    """Dashboards by uid."""

    conn_id: str = "grafana"
    uids: Names
    """Of the dashboards, as in their addresses."""
    min_panels: Annotated[int, Field(ge=0)] = 1
    """How many panels each must have."""
    require_data: bool = False
    """Whether panels must show values."""
    max_empty_panels: Annotated[int, Field(ge=0)] = 0
    """How many may be without, where they must."""
    window: Duration = timedelta(hours=1)
    """How far back a value counts."""
    viewers: tuple[Name, ...] = ()
    """Teams, roles or users that must at least be able to view it."""


def criteria(params: GrafanaDashboardParams) -> Criteria:
    """Enough panels, with data where asked, visible to every viewer."""
    defaults = {"exists": "== true", "panels": f">= {params.min_panels}"}
    if params.require_data and params.max_empty_panels:
        defaults["length(empty_panels)"] = f"<= {params.max_empty_panels}"
    elif params.require_data:
        defaults["empty_panels"] = "== []"
    if params.viewers:
        defaults["missing_viewers"] = "== []"
    return merged(defaults, params)


KIND = Kind(
    name="grafana_dashboard",
    params=GrafanaDashboardParams,
    observe="launch_pipeline.checks.kinds.grafana_dashboard.observer:observe",
    criteria=criteria,
    default_conn_id="grafana",
)
