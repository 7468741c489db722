"""Kind ``prometheus_query``: does this PromQL meet the threshold, for every series.

Facts per series: ``value, labels, count`` (of series)``, warnings``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Params, merged


class PrometheusQueryParams(Params):
    """A query, now or over a window."""

    conn_id: str = "prometheus"
    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    """PromQL."""
    window: Duration | None = None
    """Ask over this time up to now, and aggregate."""
    step: Duration = timedelta(seconds=30)
    """Between two points of the window."""
    aggregate: Literal["last", "min", "max", "avg"] = "last"
    """Which value of the window counts."""
    empty: Literal["fail", "pass"] = "fail"
    """``pass`` where no series is the good answer; otherwise no data is inconclusive."""


def criteria(params: PrometheusQueryParams) -> Criteria:
    """Take what the item expects; without that, require a value."""
    return merged({} if params.expect else {"value": "exists"}, params)


KIND = Kind(
    name="prometheus_query",
    params=PrometheusQueryParams,
    observe="launch_pipeline.checks.kinds.prometheus_query.observer:observe",
    criteria=criteria,
    default_conn_id="prometheus",
)
