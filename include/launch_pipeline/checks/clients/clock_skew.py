"""Compares the clock of an authority with ours: with a wrong clock, old values would look fresh."""

from __future__ import annotations

from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.language.comparisons import SKEW
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.engine.params import Params


def compares_ages(params: Params) -> bool:
    """Return whether the criteria compare an age."""
    return any(
        text.lstrip().startswith("age") for wanted in params.expect.values() for text in as_list(wanted)
    )


def refuse_skew(ctx: CheckContext, asked: str, headers: Mapping[str, str]) -> None:
    """Raise Inconclusive if the response's ``Date`` differs from our time by more than five minutes.

    A response without a valid date passes. The ``Age`` of a cached response is taken into account.
    """
    try:
        told = parsedate_to_datetime(headers.get("date", ""))
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told
        apart = ctx.clock() - told - timedelta(seconds=int(headers.get("age") or 0))
    except (ValueError, TypeError, OverflowError):
        return
    if abs(apart) > SKEW:
        way = "behind" if apart > timedelta() else "ahead of"
        by = format_duration(timedelta(minutes=round(abs(apart).total_seconds() / 60)))
        message = f"the clock of {asked} is {by} {way} this machine's; the check needs both clocks right"
        raise Inconclusive(message)
