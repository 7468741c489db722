"""Kind ``log_query``: how many log lines match.

Facts: ``value, count, newest`` (of lines, not of a metric query)``, sample`` (at most 5
lines)``, elapsed_ms``. Unless ``expect`` only wants more than so many, the numbers are unknown where the
streams of the query have no line at all, or none of the last five minutes or tenth of the window.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Params, compares, merged
from launch_pipeline.checks.kinds.log_query.says import says


class LogQueryParams(Params):
    """A metric query over logs. Ingestion lags: look for a fresh line with ``wait: 2m``.

    Without a matching line, ``count`` is 0 and there is no ``value``. The index of Elasticsearch is ``index``
    in the connection's extra.
    """

    conn_id: str = "loki"
    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    """LogQL, or Lucene's query syntax for Elasticsearch."""
    backend: Literal["loki", "elasticsearch"] = "loki"
    """The log store."""
    window: Duration = timedelta(minutes=15)
    """How far back lines count, unless it is a metric query, which has its own range."""
    look_every: Duration = timedelta(minutes=1)
    """A search through logs is dear, and fresh lines take up to two minutes to arrive."""


def criteria(params: LogQueryParams) -> Criteria:
    """Require at least one line, unless the item compares the number itself, as ``count`` or as ``value``."""
    compared = any(compares(params.expect.get(name, "exists")) for name in ("count", "value"))
    return merged({} if compared else {"count": ">= 1"}, params)


KIND = Kind(
    name="log_query",
    params=LogQueryParams,
    observe="launch_pipeline.checks.kinds.log_query.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="loki",
)
