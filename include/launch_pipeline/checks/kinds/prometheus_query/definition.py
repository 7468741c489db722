"""Kind ``prometheus_query``: does this PromQL meet the threshold, for every series.

Facts per series: ``value, labels, count`` (of series)``, warnings, coverage`` (the share, 0 to 1, of a window
or of a range of more than five minutes that samples cover; NaN covers nothing). The value is unknown if more
than a tenth is not covered, unless ``expect`` compares ``coverage``: write ``coverage: '> 0'`` where some
samples are enough. It is unknown as well where a quantile lies above the highest bucket of its histogram, for
which Prometheus gives that bucket's bound; where that bound already breaks ``expect``, the check fails. With
``during`` the evidence says when the test ran.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.clients.promql import read
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, merged
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.language.variables import placeholders


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
    """``pass`` if no series is the good result; otherwise no data is inconclusive. The series that the query
    selects from must be there all the same."""
    guard: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    """PromQL that must return series all the time that the query looks at, such as ``up{job="api"}``. It
    shows that what the query counts is watched at all, where the query's own series may be missing."""
    during: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """URI of the report of a load test (k6, Locust, Gatling) of ``subject``. The query then looks at
    the end of that test instead of at now, ``$__range`` in it is the test's length, and ``$__load`` its
    requests a second. When a test ran, its sidecar may say: ``started_at`` and ``ended_at``; else it ended
    when its report was generated."""
    subject: str = ""
    """The commit that the report of ``during`` must be about, as ``${release_sha}``."""
    max_age: Duration = timedelta(days=1)
    """Maximum age of the report of ``during``."""

    since: Name | None = None
    """A time with zone: the check is inconclusive until everything that the query looks at lies after it."""
    look_every: Duration = timedelta(seconds=15)
    """Samples are as old as the last scrape, which is a minute apart by default (``scrape_interval`` in
    prometheus.io/docs/prometheus/latest/configuration/configuration); few set less than 15 seconds."""

    @field_validator("since", mode="after")
    @classmethod
    def _is_a_moment(cls, since: str | None) -> str | None:
        if since and not placeholders(since) and moment(since) is None:
            message = f"{since!r} is not a time with zone; write for example 2026-01-31T09:00:00+01:00"
            raise ValueError(message)
        return since

    @model_validator(mode="after")
    def _window_has_points(self) -> Self:
        if self.window is not None and self.step * 2 > self.window:
            message = "'window' must be at least two steps long: two points show no window; shorten 'step'"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _looks_at_the_test(self) -> Self:
        if self.during is None and "$__" in self.query:
            message = "'query' uses $__range or $__load, which need 'during': the report of a load test"
            raise ValueError(message)
        if self.during is not None and (self.window is not None or "[$__range]" not in self.query):
            message = "with 'during', 'query' must look at [$__range] and have no 'window'"
            raise ValueError(message)
        if bool(self.during) != bool(self.subject):
            message = (
                "'during' and 'subject' need each other; write 'subject: ${release_sha}' beside 'during'"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _guard_can_be_missing(self) -> Self:
        guard = read(self.guard or "up")
        if guard.made or not guard.looks:
            message = "'guard' has a result without any series, so that it guards nothing; select a series"
            raise ValueError(message)
        return self


def criteria(params: PrometheusQueryParams) -> Criteria:
    """Require a value unless the item compares it."""
    return merged({"value": "exists"}, params)


KIND = Kind(
    name="prometheus_query",
    params=PrometheusQueryParams,
    observe="launch_pipeline.checks.kinds.prometheus_query.observer:observe",
    criteria=criteria,
    default_conn_id="prometheus",
    later={"since": None, "max_age": "520w"},
)
