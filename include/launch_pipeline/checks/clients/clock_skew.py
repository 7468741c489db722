"""Whether an authority's clock and ours agree: where times are compared, a wrong one makes old look new."""

from __future__ import annotations

from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.language.expect import SKEW, as_list
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.engine.params import Params


def compares_ages(params: Params) -> bool:
    """Whether the item asks how long ago something was."""
    return any(
        text.lstrip().startswith("age") for wanted in params.expect.values() for text in as_list(wanted)
    )


def refuse_skew(ctx: CheckContext, asked: str, headers: Mapping[str, str]) -> None:
    """Raise Inconclusive where the answer's ``Date`` is more than five minutes from our time.

    An answer without a date, or with one that cannot be read, is let by. A cache says how old its answer is.
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
        message = f"the clock of {asked} is {by} {way} this machine's, and times are compared: set both right"
        raise Inconclusive(message)
