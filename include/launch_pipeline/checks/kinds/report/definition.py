"""Kind ``report``: what does the tool's report say about this commit.

Facts: ``tool, subject, generated_at`` and per format

* junit: ``tests, ran, passed, failures, errors, skipped, flaky, time, missing``
* cobertura, jacoco, lcov, istanbul: ``line_rate, branch_rate, lines, covered``
* sarif, trivy, zap, npm_audit: ``critical, high, medium, low, total, suppressed``
* sarif, zap: ``warnings``, by which the tool says that its search might not be whole
* sarif: ``files``, the number of files that it lists
* zap: ``sites``, the names of all sites in the report, and ``active_rules``, the number of active rules that
  ran on any of them
* trivy: ``images``, the names of the image that was scanned, and ``revision``, the commit in its label
* k6: ``vus_max, requests, error_rate, p95_ms, duration_s, iterations, dropped_iterations, checks,
  thresholds, threshold_names, failed_thresholds``; ``vus_max`` is the most users that were active at once,
  while k6's metric of that name is what it reserved
* locust: ``requests, error_rate, p95_ms, duration_s``
* gatling: ``requests, error_rate, percentiles1_ms`` to ``percentiles4_ms, duration_s``

A fact that the report cannot tell is unknown, and a comparison of it inconclusive.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, compares, merged
from launch_pipeline.checks.kinds.report.says import says

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReportFormat(StrEnum):
    """The supported report formats."""

    JUNIT = "junit"
    COBERTURA = "cobertura"
    JACOCO = "jacoco"
    LCOV = "lcov"
    ISTANBUL = "istanbul"
    SARIF = "sarif"
    TRIVY = "trivy"
    ZAP = "zap"
    K6 = "k6"
    LOCUST = "locust"
    GATLING = "gatling"
    NPM_AUDIT = "npm_audit"


_REQUIRE, _RULES, _IMAGES = "require", "rules", "images"
IMAGE = "{image}"
"""Stands in the address of reports for the last name of an image."""
_USES: Mapping[ReportFormat, frozenset[str]] = {
    ReportFormat.JUNIT: frozenset({_REQUIRE}),
    ReportFormat.SARIF: frozenset({_RULES}),
    ReportFormat.TRIVY: frozenset({_RULES, _IMAGES}),
    ReportFormat.ZAP: frozenset({_RULES}),
}
"""The parameters that a format can use, of those that not every format can."""
_INSTEAD = {
    _REQUIRE: "only a report of tests has tests that must have run: {formats}",
    _RULES: "only a report of findings names the rule of each: {formats}; write 'require:' for tests",
    _IMAGES: "only a report of an image names one: {formats}",
}
"""What to write in place of a parameter that a format cannot use."""
_DEFAULTS: Mapping[ReportFormat, Criteria] = {
    ReportFormat.JUNIT: {
        "tests": [">= 1"],
        "failures": ["== 0"],
        "errors": ["== 0"],
        "passed": [">= 1"],
        "missing": ["== []"],
    },
    ReportFormat.SARIF: {"critical": ["== 0"], "high": ["== 0"]},
    ReportFormat.TRIVY: {"critical": ["== 0"], "high": ["== 0"]},
    ReportFormat.ZAP: {"high": ["== 0"]},
    ReportFormat.NPM_AUDIT: {"critical": ["== 0"], "high": ["== 0"]},
    ReportFormat.K6: {"failed_thresholds": ["== []"], "thresholds": [">= 1"]},
}
"""The pass criterion of each format that has one of its own."""
_NOT_MEASURED = {"tool", "subject", "generated_at", "failed_thresholds", "threshold_names"}


class ReportParams(Params):
    """A report, and the commit it must be about."""

    conn_id: str = "reports"
    uri: Name
    """``https://``, ``s3://bucket/key``, ``file://`` or a path; with ``images``, ``{image}`` for each."""
    format: ReportFormat
    """The tool that wrote it."""
    max_age: Duration = timedelta(days=7)
    """Maximum age of the report."""
    subject: str = "${release_sha}"
    """The commit that the report must be about; empty for a report without one, such as a drill's."""
    require: tuple[Name, ...] = ()
    """Tests that must have run and passed (junit); of several tests of one name, all of them."""
    rules: tuple[Name, ...] = ()
    """Globs of the rules whose findings count; each must have run (sarif, trivy, zap)."""
    images: tuple[Name, ...] = ()
    """Images, each with a report of its own that is about it (trivy).

    ``shop/api`` has the report of ``uri`` with ``api`` in place of ``{image}``.
    """
    look_every: Duration = timedelta(minutes=5)
    """A report is about one commit, and only another run of CI changes it."""

    @model_validator(mode="after")
    def _fits_the_format(self) -> Self:
        for name in (_REQUIRE, _RULES, _IMAGES):
            if getattr(self, name) and name not in _USES.get(self.format, ()):
                raise ValueError(_unusable(name, self.format))
        if self.format not in _DEFAULTS and not self.expect:
            message = f"format {self.format} has no pass criterion of its own; add 'expect:'"
            raise ValueError(message)
        if (IMAGE in self.uri) != bool(self.images):
            message = f"'images:' and '{IMAGE}' in 'uri:' need each other: one report for each image"
            raise ValueError(message)
        if len(dict(self.targets)) < len(self.targets):
            message = f"'images:' names two images whose reports are at the same '{self.uri}'"
            raise ValueError(message)
        return self

    @property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """Return the address of each report, with the image that it must be about, if any."""
        if not self.images:
            return ((self.uri, ""),)
        return tuple((self.uri.replace(IMAGE, image.rpartition("/")[2]), image) for image in self.images)


def _unusable(name: str, form: ReportFormat) -> str:
    formats = ", ".join(one for one, used in _USES.items() if name in used)
    return f"format {form} cannot use '{name}:'; remove it, since {_INSTEAD[name].format(formats=formats)}"


def criteria(params: ReportParams) -> Criteria:
    """Require tests without a failure, no severe finding, or no crossed threshold, by format.

    A load test without thresholds of its own is judged by what the item expects of its measurements.
    """
    defaults = dict(_DEFAULTS.get(params.format, {}))
    compared = {path for path, wanted in params.expect.items() if compares(wanted)}
    if compared - _NOT_MEASURED:
        defaults.pop("thresholds", None)
    return merged(defaults, params)


KIND = Kind(
    name="report",
    params=ReportParams,
    observe="launch_pipeline.checks.kinds.report.observer:observe",
    criteria=criteria,
    says=says,
    runs_on="worker",
    default_conn_id="reports",
    later={"max_age": "520w"},
)
