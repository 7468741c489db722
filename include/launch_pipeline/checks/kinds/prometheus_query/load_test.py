"""Asks about the time of a load test, and not about now.

"The last hour" forgets: a latency that was too high under load is good again an hour later, without load. The
stretch of a test stays what it was, so that only another test can change the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checks.reports.load import Load, Report, load_of

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.prometheus_query.definition import PrometheusQueryParams


async def load_test(params: PrometheusQueryParams, ctx: CheckContext) -> Load | None:
    """Return the load test of ``during``; None if the query is about now.

    Raises Inconclusive if its report does not prove load on the commit of ``subject``.
    """
    if params.during is None:
        return None
    return await load_of(Report(params.during, params.subject, params.max_age), ctx)


def placed(params: PrometheusQueryParams, load: Load) -> PrometheusQueryParams:
    """Return the parameters with the test's length and load in the query."""
    query = params.query.replace("$__range", f"{max(1, round(load.seconds))}s")
    return params.model_copy(update={"query": query.replace("$__load", f"{load.rate:.6f}")})


def told(load: Load | None) -> dict[str, str]:
    """Return what the evidence says of a test."""
    if load is None:
        return {}
    times = f"{load.begin:%Y-%m-%d %H:%M:%S} to {load.end:%H:%M:%S} UTC"
    return {"during": f"{times}, {load.requests:.0f} requests"}
