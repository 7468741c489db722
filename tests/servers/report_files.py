"""Documents that real tools wrote, and what ``report`` makes of a document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.definition import ReportParams, criteria
from launch_pipeline.checks.kinds.report.parse import parse_report
from launch_pipeline.checks.language.expect import judge
from launch_pipeline.checks.verdict import Observation, Subject, Verdict

if TYPE_CHECKING:
    from launch_pipeline.checks.kinds.report.formats.parsed import Parsed

REPORTS = Path(__file__).parents[1] / "fixtures" / "reports"


def written(name: str) -> str:
    """Return a document as its tool wrote it."""
    return (REPORTS / name).read_text(encoding="utf-8")


def read(form: str, content: str, **params: Any) -> Parsed:
    """Read a document of a format; raises ValueError if it is none."""
    given = _params(form, params)
    return parse_report(given.format, content.encode(), given.rules, given.require)


def verdict(form: str, content: str, **params: Any) -> Verdict:
    """Judge a document as the check does, without its commit and its age."""
    try:
        parsed = read(form, content, **params)
    except ValueError:
        return Verdict.INCONCLUSIVE
    subject = Subject(name="r", facts=parsed.facts, unknown=dict(parsed.unknown))
    given = criteria(_params(form, params))
    return judge(Observation(subjects=(subject,), authority="r"), given)[0]


def _params(form: str, params: dict[str, Any]) -> ReportParams:
    return ReportParams.model_validate({"uri": "r", "format": form, **params})
