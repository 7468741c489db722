"""Observes ``report``: its commit, its age, and its results.

A report that is missing, stale, about another commit or without commit and time is inconclusive, since it
proves nothing about this release.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.report.parse import Malformed, parse_report
from launch_pipeline.checks.reports.fetching import fetched
from launch_pipeline.checks.reports.proof import origin
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.report.definition import ReportParams


async def observe(params: ReportParams, ctx: CheckContext) -> Observation:
    """Read the report; raises Inconclusive if it proves nothing about this commit."""
    found = await fetched(params, ctx)
    try:
        parsed = await asyncio.to_thread(
            parse_report, params.format, found.content, params.rules, params.require
        )
    except ValueError as error:
        what = f"is not a {params.format} report" if isinstance(error, Malformed) else "proves nothing"
        message = f"{params.uri} {what}: {error}"[:300]
        raise Inconclusive(message) from error
    stated = origin(params, found.sidecar, parsed, ctx.clock())
    facts = {
        **parsed.facts,
        "tool": parsed.tool,
        "subject": stated.commit,
        "generated_at": stated.generated_at.isoformat(),
    }
    unknown = dict(parsed.unknown)
    subject = Subject(name=params.uri, facts=facts, unknown=unknown)
    summary = {**facts, **({"unknown": unknown} if unknown else {}), "worst": parsed.worst}
    return Observation(subjects=(subject,), authority=params.uri, summary=summary)
