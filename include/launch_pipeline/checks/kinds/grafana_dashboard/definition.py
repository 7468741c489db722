"""Kind ``grafana_dashboard``: does the dashboard exist, with data, visible to the team.

Facts per dashboard: ``exists, title, folder, updated, panels, empty_panels, queried_panels,
missing_viewers``; panels in collapsed rows count. A panel is empty if its queries return no value with the
variables' saved values, or if one of them ends in an error. Empty panels of ``may_be_empty`` count in
neither list. A team without members views nothing, unless every viewer does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.grafana_dashboard.says import says


class GrafanaDashboardParams(Params):
    """Dashboards by uid."""

    conn_id: str = "grafana"
    uids: Names
    """Uids of the dashboards, as in their URLs."""
    min_panels: Annotated[int, Field(ge=0)] = 1
    """The minimum number of panels in each dashboard."""
    require_data: bool = False
    """Whether panels must show data."""
    max_empty_panels: Annotated[int, Field(ge=0)] = 0
    """How many panels may be empty with ``require_data``."""
    may_be_empty: tuple[Name, ...] = ()
    """Titles of panels that are empty while all is well, such as errors by route; an error in one counts."""
    window: Duration = timedelta(hours=1)
    """The time range of the panels' queries."""
    viewers: tuple[Name, ...] = ()
    """Teams, roles or users that must be able to view the dashboard."""
    look_every: Duration = timedelta(minutes=1)
    """Every panel asks its datasource, which people wait for as well."""


def criteria(params: GrafanaDashboardParams) -> Criteria:
    """Require enough panels, with data if wanted, visible to every viewer."""
    defaults = {"exists": "== true", "panels": f">= {params.min_panels}"}
    if params.require_data and params.max_empty_panels:
        defaults["length(empty_panels)"] = f"<= {params.max_empty_panels}"
    elif params.require_data and "length(empty_panels)" not in params.expect:
        defaults["empty_panels"] = "== []"
    if params.require_data:
        defaults["queried_panels"] = ">= 1"
    if params.viewers:
        defaults["missing_viewers"] = "== []"
    return merged(defaults, params)


KIND = Kind(
    name="grafana_dashboard",
    params=GrafanaDashboardParams,
    observe="launch_pipeline.checks.kinds.grafana_dashboard.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="grafana",
)
