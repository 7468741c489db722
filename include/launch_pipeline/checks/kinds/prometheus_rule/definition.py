"""Kind ``prometheus_rule``: is the alert rule loaded, healthy, and based on series that exist.

Facts: ``rules[{name, group, health, lastError, for, severity, lastEvaluation}], missing, unhealthy,
overdue`` (not evaluated for two of the group's own intervals and a minute, at least five minutes)``,
without_annotation, without_severity, unrouted, reads`` (the metrics that the rules' own expressions name)``,
absent_series`` (those of their selectors that choose no series now)``, unread_series, last_evaluation`` (the
oldest of all rules).

A rule on a series that does not exist is healthy and never fires. Of ``a or b`` one side must be there; a
metric that a target declares without a sample is there. Of Loki's rules the streams are looked for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, compares, merged
from launch_pipeline.checks.kinds.prometheus_rule.says import says

Metric = Annotated[str, Field(pattern=r"^([A-Za-z_:]|\$\{)[\w:.${}]*$", max_length=1000)]
"""A metric without labels: those are in the rule's own expression."""


class PrometheusRuleParams(Params):
    """Alert rules by name; ``conn_id: loki`` asks Loki's ruler.

    ``annotations: []`` is for a rule without a response, such as a watchdog: it needs no severity either.
    """

    conn_id: str = "prometheus"
    names: Names
    """Names of alert rules; each must be loaded."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that select among rules of the same name, such as ``severity: critical``."""
    annotations: tuple[Name, ...] = ("runbook_url",)
    """Annotations; each rule must have all of them."""
    series: tuple[Metric, ...] = ()
    """Metrics that one of the rules must read, itself or through recording rules, and that must exist.

    A name stands for the series of a histogram, a summary or a counter as well: ``_bucket``, ``_total``."""
    exported: bool | None = None
    """Whether every series that the rules read must exist; no before what exports them is deployed.

    Unless given, it is asked wherever the server says what its rules read, as Prometheus and Loki do."""
    routed_by: str = ""
    """The Alertmanager connection whose routes must leave the alerts a way to a receiver that notifies.

    Empty: not looked at. Labels that only the series have may match a route or not."""
    look_every: Duration = timedelta(seconds=30)
    """Prometheus evaluates rules once a minute by default (prometheus.io/docs, ``evaluation_interval``)."""


def criteria(params: PrometheusRuleParams) -> Criteria:
    """Require every rule healthy, annotated, over series that exist, and evaluated as its group should be.

    A comparison of ``last_evaluation`` replaces the limit that follows from the group's interval.
    """
    empty = ["missing", "unhealthy", "without_annotation"]
    if params.exported is not False:
        empty.append("absent_series")
    if params.series:
        empty.append("unread_series")
    if params.routed_by:
        empty.append("unrouted")
    if params.annotations:
        empty.append("without_severity")
    if not compares(params.expect.get("last_evaluation", "exists")):
        empty.append("overdue")
    return merged(dict.fromkeys(empty, "== []"), params)


KIND = Kind(
    name="prometheus_rule",
    params=PrometheusRuleParams,
    observe="launch_pipeline.checks.kinds.prometheus_rule.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="prometheus",
)
