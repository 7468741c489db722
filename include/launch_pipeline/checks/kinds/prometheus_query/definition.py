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
    """Query a range of this length up to now, and aggregate it."""
    step: Duration = timedelta(seconds=30)
    """Step between two points of the window."""
    aggregate: Literal["last", "min", "max", "avg"] = "last"
    """The value of the window that counts."""
    empty: Literal["fail", "pass"] = "fail"
    """``pass`` if no series is the good result; otherwise no data is inconclusive."""


def criteria(params: PrometheusQueryParams) -> Criteria:
    """Return the item's expectations; without any, require a value."""
    return merged({} if params.expect else {"value": "exists"}, params)


KIND = Kind(
    name="prometheus_query",
    params=PrometheusQueryParams,
    observe="launch_pipeline.checks.kinds.prometheus_query.observer:observe",
    criteria=criteria,
    default_conn_id="prometheus",
)
