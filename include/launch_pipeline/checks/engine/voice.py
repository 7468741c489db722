"""Builds the voice of a check: what its item and its kind say in their own words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.headline import Voice
from launch_pipeline.checks.language.says import Sentences

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.engine.params import Params


def voice_of(name: str, params: Params | None, ctx: CheckContext) -> Voice:
    """Return the voice of a check of this kind; without its parameters only comparisons speak."""
    if params is None:
        return Voice(ctx.clock())
    return Voice(
        now=ctx.clock(),
        sentences=Sentences.of(params.says),
        kind=partial(kind(name).says, params),
        own=frozenset(params.expect),
        variables=ctx.environment.variables,
        secrets=tuple(ctx.seen_secrets),
    )
