"""Finds out of a load test's report when the test ran, and how much load there was.

Locust states when the last request was sent. Neither a summary of k6 nor Gatling's statistics do, so the
sidecar may state ``started_at`` and ``ended_at``; without them the test ended when the report was generated,
and took as long as the report says.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.reports.fetching import SIDECAR, fetched
from launch_pipeline.checks.reports.gatling import read_gatling
from launch_pipeline.checks.reports.k6 import read_k6
from launch_pipeline.checks.reports.locust import read_locust
from launch_pipeline.checks.reports.proof import origin, when
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.reports.parsed import Parsed

_LONGER = 1.5
_AROUND = timedelta(minutes=2)
"""How much longer than the load itself a test may say that it took: tool and workers start and end."""
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Report:
    """Where the report of a load test is, and what it must be about."""

    uri: str
    subject: str
    max_age: timedelta
    conn_id: str = "reports"


@dataclass(frozen=True)
class Load:
    """When a load test ran, and how many requests it sent."""

    begin: datetime
    end: datetime
    requests: float

    @property
    def seconds(self) -> float:
        """Return how long it ran."""
        return (self.end - self.begin).total_seconds()

    @property
    def rate(self) -> float:
        """Return the requests a second."""
        return self.requests / self.seconds


async def load_of(report: Report, ctx: CheckContext) -> Load:
    """Read when the test ran; raises Inconclusive if the report does not prove load on this commit."""
    found = await fetched(report, ctx)
    parsed = await asyncio.to_thread(_parsed, report, found.content)
    stated = origin(report, found.sidecar, parsed, ctx.clock())
    requests = parsed.facts.get("requests") or parsed.facts.get("iterations") or 0.0
    begin, end = _times(report, found.sidecar, parsed, stated.generated_at)
    return Load(begin, end, float(requests))


def _parsed(report: Report, content: bytes) -> Parsed:
    """Read a report of any tool; raises Inconclusive if it is not whole, or holds no request."""
    try:
        document = json.loads(content.decode("utf-8-sig"))
        return _reader(document)(document)
    except _BROKEN as error:
        message = f"{report.uri} is no whole report of k6, Locust or Gatling: {error}"
        raise Inconclusive(message[:300]) from error


def _reader(document: Any) -> Callable[[Any], Parsed]:
    if isinstance(document, list):
        return read_locust
    return read_k6 if "metrics" in document else read_gatling


def _times(
    report: Report, sidecar: dict[str, Any], parsed: Parsed, generated: datetime
) -> tuple[datetime, datetime]:
    lasted = parsed.facts.get("duration_s")
    end = when(sidecar.get("ended_at")) or when(parsed.generated_at) or generated
    begin = when(sidecar.get("started_at")) or (end - timedelta(seconds=lasted) if lasted else None)
    if begin is None:
        message = f"{report.uri} does not say how long the test ran; write 'started_at' into its {SIDECAR}"
        raise Inconclusive(message)
    if not begin < end <= generated + _AROUND:
        message = f"{report.uri} says that its test ran from {begin.isoformat()} to {end.isoformat()}"
        raise Inconclusive(f"{message}, and that it was generated at {generated.isoformat()}"[:300])
    if lasted and end - begin > _LONGER * timedelta(seconds=lasted) + _AROUND:
        said = format_duration(timedelta(seconds=round(lasted)))
        message = f"{report.uri} holds a load of {said}, but its {SIDECAR} says that it took"
        raise Inconclusive(f"{message} {format_duration(end - begin)}"[:300])
    return begin, end
