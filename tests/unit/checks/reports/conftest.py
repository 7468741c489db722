"""Judge a report as the kind does, without a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.kinds.report.definition import ReportFormat, ReportParams, criteria
from launch_pipeline.checks.kinds.report.parse import parse_report
from launch_pipeline.checks.language.expect import judge
from launch_pipeline.checks.verdict import Observation, Subject, Verdict
from servers.checking import compared

if TYPE_CHECKING:
    from collections.abc import Callable

REPORTS = Path(__file__).parents[3] / "fixtures" / "reports"
Judged = tuple[Verdict, str]
"""A verdict, and the headline with the comparisons as they are written."""


@pytest.fixture(scope="session")
def judged() -> Callable[..., Judged]:
    """Read a document, or a file of the fixtures, and judge it: verdict and headline."""

    def of(form: str, document: Any, **params: Any) -> Judged:
        raw = (
            (REPORTS / document).read_bytes() if isinstance(document, str) else json.dumps(document).encode()
        )
        wanted = ReportParams.model_validate({"uri": "r", "format": form, **params})
        try:
            parsed = parse_report(ReportFormat(form), raw, wanted.rules, wanted.require)
        except ValueError as error:
            return Verdict.INCONCLUSIVE, str(error)
        assert not set(parsed.facts) & set(parsed.unknown)
        assert all(parsed.unknown.values())
        subject = Subject(name="r", facts=parsed.facts, unknown=dict(parsed.unknown))
        seen = Observation(subjects=(subject,), authority="r")
        verdict, findings, headline = judge(seen, criteria(wanted))
        return verdict, f"{headline}\n{compared(findings)}"

    return of
