"""Observes ``report``: its commit, its age, and its results.

A report that is missing, stale, about another commit or image or without commit and time is inconclusive,
since it proves nothing about this release.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.report.parse import Malformed, parse_report
from launch_pipeline.checks.language.image_references import is_of
from launch_pipeline.checks.reports.fetching import fetched
from launch_pipeline.checks.reports.proof import origin
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.report.definition import ReportParams


async def observe(params: ReportParams, ctx: CheckContext) -> Observation:
    """Read each report; raises Inconclusive if one proves nothing about this commit or its image."""
    one_by_one = [params.model_copy(update={"uri": uri}) for uri, _ in params.targets]
    read = await together(_read_one(one, ctx) for one in one_by_one)
    for (uri, image), (subject, _) in zip(params.targets, read, strict=True):
        _about_this_image(uri, image, subject)
    subjects = tuple(subject for subject, _ in read)
    whole = {subject.name: summary for subject, summary in read}
    return Observation(
        subjects=subjects, authority=params.uri, summary=whole if params.images else read[0][1]
    )


async def _read_one(params: ReportParams, ctx: CheckContext) -> tuple[Subject, dict[str, Any]]:
    """Read the report at ``uri``: what it says, and a summary of it."""
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
    summary = {**facts, **({"unknown": unknown} if unknown else {}), "worst": parsed.worst}
    return Subject(name=params.uri, facts=facts, unknown=unknown), summary


def _about_this_image(uri: str, image: str, subject: Subject) -> None:
    """Raise Inconclusive where a report is about another image than the one it stands for."""
    if not image:
        return
    scanned = subject.facts.get("images") or ()
    if not any(is_of(name, image) for name in scanned):
        told = ", ".join(scanned)[:100] or "no image"
        message = f"{uri} is about {told}, not {image}"
        raise Inconclusive(message)
