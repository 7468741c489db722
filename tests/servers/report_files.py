"""Documents that real tools wrote, and what ``report`` makes of a document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.definition import ReportFormat, ReportParams, criteria
from launch_pipeline.checks.kinds.report.parse import parse_report
from launch_pipeline.checks.language.expect import judge
from launch_pipeline.checks.verdict import Observation, Subject, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checks.reports.parsed import Parsed

REPORTS = Path(__file__).parents[1] / "fixtures" / "reports"


def written(name: str) -> str:
    """Return a document as its tool wrote it."""
    return (REPORTS / name).read_text(encoding="utf-8")


def read(form: str, content: str, rules: Sequence[str] = (), require: Sequence[str] = ()) -> Parsed:
    """Read a document of a format; raises ValueError if it is none."""
    return parse_report(ReportFormat(form), content.encode(), rules, require)


def verdict(form: str, content: str, **params: Any) -> Verdict:
    """Judge a document as the check does, without its commit and its age."""
    given = ReportParams.model_validate({"uri": "r", "format": form, **params})
    try:
        parsed = read(form, content, given.rules, given.require)
    except ValueError:
        return Verdict.INCONCLUSIVE
    subject = Subject(name="r", facts=parsed.facts, unknown=dict(parsed.unknown))
    return judge(Observation(subjects=(subject,), authority="r"), criteria(given))[0]
