"""What ``report`` requires by itself, and what it refuses to be asked."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from launch_pipeline.checks.kinds.report.definition import ReportFormat, ReportParams, criteria


def wanted(form: str, **params: Any) -> dict[str, list[str]]:
    return criteria(ReportParams.model_validate({"uri": "r", "format": form, **params}))


@pytest.mark.parametrize(
    ("form", "expect", "kept"),
    [
        ("junit", {"time": "< 60"}, {"tests", "passed", "failures", "errors", "missing"}),
        ("junit", {"failures": "<= 1"}, {"tests", "passed", "errors", "missing"}),
        ("sarif", {"total": "== 0"}, {"critical", "high"}),
        ("sarif", {"high": "<= 3"}, {"critical"}),
        ("trivy", {"tool": "== trivy"}, {"critical", "high"}),
        ("zap", {"medium": "== 0"}, {"high"}),
        ("k6", {"p95_ms": "< 500"}, {"failed_thresholds"}),
        ("k6", {"p95_ms": "exists"}, {"failed_thresholds", "thresholds"}),
        ("k6", {"tool": "== k6"}, {"failed_thresholds", "thresholds"}),
        ("k6", {"threshold_names": "contains a"}, {"failed_thresholds", "thresholds"}),
    ],
)
def test_default_stays_unless_that_fact_is_compared(
    form: str, expect: dict[str, str], kept: set[str]
) -> None:
    """An expectation of one fact says nothing about another."""
    defaults, merged = wanted(form), wanted(form, expect=expect)
    assert {path for path in merged if merged[path] == defaults.get(path)} == kept
    assert set(expect) <= set(merged)


@pytest.mark.parametrize("form", [form for form in ReportFormat if form is not ReportFormat.JUNIT])
def test_only_tests_can_be_required(form: ReportFormat) -> None:
    """Format by format, ``require`` is refused with the format that can use it."""
    with pytest.raises(ValidationError, match=r"cannot use 'require:'.*junit"):
        wanted(form, require=["flow"], expect={"total": "== 0"})


@pytest.mark.parametrize("form", ["junit", "cobertura", "jacoco", "lcov", "istanbul", "k6", "locust"])
def test_only_findings_have_rules(form: str) -> None:
    """A format that does not name the rules that ran cannot be asked for one."""
    with pytest.raises(ValidationError, match=r"cannot use 'rules:'.*sarif, trivy, zap.*write 'require:'"):
        wanted(form, rules=["r*"], expect={"total": "== 0"})


@pytest.mark.parametrize("form", ["junit", "sarif", "zap", "k6"])
def test_only_trivy_names_images(form: str) -> None:
    """A format that does not name the image that was looked at cannot be asked for one."""
    with pytest.raises(ValidationError, match=r"cannot use 'images:'.*trivy"):
        wanted(form, uri="r-{image}", images=["shop/api"], expect={"total": "== 0"})


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"uri": "r", "images": ["shop/api"]}, "need each other"),
        ({"uri": "r-{image}"}, "need each other"),
        ({"uri": "r-{image}", "images": []}, "need each other"),
        ({"uri": "r-{image}", "images": ["shop/api", "tool/api"]}, "two images"),
    ],
)
def test_each_image_has_a_report_of_its_own(params: dict[str, Any], why: str) -> None:
    """One report cannot stand for two images, and none for no image."""
    with pytest.raises(ValidationError, match=why):
        wanted("trivy", **params)
