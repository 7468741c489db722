"""Kind ``report``: what does the tool's report say about this commit.

Facts: ``tool, subject, generated_at`` and per format

* junit: ``tests, failures, errors, skipped, time, missing``
* cobertura: ``line_rate, branch_rate``
* sarif, trivy, zap: ``critical, high, medium, low, total, suppressed``
* k6, locust: ``vus_max, requests, error_rate, p95_ms, duration_s, thresholds, failed_thresholds``
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, defaults_unless_expected, merged
from launch_pipeline.checks.kinds.report.says import says


class ReportFormat(StrEnum):
    """The supported report formats."""

    JUNIT = "junit"
    COBERTURA = "cobertura"
    SARIF = "sarif"
    TRIVY = "trivy"
    ZAP = "zap"
    K6 = "k6"
    LOCUST = "locust"


_DEFAULTS = {
    ReportFormat.SARIF: {"critical": "== 0", "high": "== 0"},
    ReportFormat.TRIVY: {"critical": "== 0", "high": "== 0"},
    ReportFormat.ZAP: {"high": "== 0"},
    ReportFormat.K6: {"failed_thresholds": "== []", "thresholds": ">= 1"},
}


class ReportParams(Params):
    """A report, and the commit it must be about."""

    conn_id: str = "reports"
    uri: Name
    """``https://``, ``s3://bucket/key``, ``file://`` or a path."""
    format: ReportFormat
    """The tool that wrote it."""
    max_age: Duration = timedelta(days=7)
    """Maximum age of the report."""
    subject: str = "${release_sha}"
    """The commit that the report must be about; empty for a report without one, such as a drill's."""
    require: tuple[Name, ...] = ()
    """Tests that must have run and passed (junit)."""
    rules: tuple[Name, ...] = ()
    """Globs of the rules whose findings count (sarif, trivy, zap)."""

    @model_validator(mode="after")
    def _fits_the_format(self) -> Self:
        if self.require and self.format is not ReportFormat.JUNIT:
            message = "only format junit has tests to require; remove 'require:'"
            raise ValueError(message)
        if self.format in {ReportFormat.COBERTURA, ReportFormat.LOCUST} and not self.expect:
            message = f"format {self.format} has no pass criterion of its own; add 'expect:'"
            raise ValueError(message)
        return self


def criteria(params: ReportParams) -> Criteria:
    """Require tests without a failure, no severe finding, or no crossed threshold, by format."""
    if params.format is ReportFormat.JUNIT:
        tests = {"tests": ">= 1", "failures": "== 0", "errors": "== 0", "missing": "== []"}
        return merged(tests, params)
    return defaults_unless_expected(_DEFAULTS.get(params.format, {}), params)


KIND = Kind(
    name="report",
    params=ReportParams,
    observe="launch_pipeline.checks.kinds.report.observer:observe",
    criteria=criteria,
    says=says,
    runs_on="worker",
    default_conn_id="reports",
)
