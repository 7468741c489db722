"""Runs checks: substitutes variables, validates, observes, judges, retries and polls.

Errors never raise and never pass: they make the result inconclusive.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.engine.context import CheckContext
from launch_pipeline.checks.engine.product import with_readable_product
from launch_pipeline.checks.engine.registry import kind, observer
from launch_pipeline.checks.engine.voice import voice_of
from launch_pipeline.checks.language.expect import weigh
from launch_pipeline.checks.language.headline import Voice, headline
from launch_pipeline.checks.language.variables import substituted, unset
from launch_pipeline.checks.limits import limit
from launch_pipeline.checks.redaction import redact, redact_finding
from launch_pipeline.checks.verdict import CheckResult, Finding, Observation, Verdict
from launch_pipeline.errors import ConfigurationError, Inconclusive, LaunchError, Unreachable

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.engine.kind import Kind
    from launch_pipeline.checks.engine.params import Params

_LOG = logging.getLogger(__name__)
ATTEMPTS = 3
"""Attempts before a check reports that the authority did not answer."""
_FIRST_PAUSE = 0.5
_SHORTEST_INTERVAL = 0.05
_SHORTEST_WAIT = 5.0
"""Minimum seconds of a wait, whatever the time scale of the environment."""
_HEADLINE = 1000
_MANY = (dict, list, tuple, set, frozenset)
_LIGHT = 16 * 1024
"""Characters and values of an observation that is judged in the loop itself."""

Observe = Callable[[Any, CheckContext], Awaitable[Observation]]


@dataclass(frozen=True)
class _Look:
    """One attempt: the observation and its verdict, or why there is none."""

    verdict: Verdict
    headline: str = ""
    """Why there is no observation; with one, the headline is made from the findings."""
    findings: tuple[Finding, ...] = ()
    observation: Observation | None = None
    light: bool = True


@dataclass
class _Running:
    """A running check."""

    spec: CheckSpec
    ctx: CheckContext
    started: datetime
    began: float
    params: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    read: Params | None = None
    """The parameters as their kind reads them."""


async def run_checks(
    specs: Sequence[CheckSpec], ctx: CheckContext, *, side_effects: bool | Iterable[str] = False
) -> list[CheckResult]:
    """Run an item's checks concurrently, but a command before the checks listed after it.

    Returns one result per check, in order. ``side_effects`` says whether the item has any, or names them;
    if the environment does not allow them, nothing runs and every check is inconclusive. Raises only
    on cancellation: every error is an inconclusive result.
    """
    ctx = _with_product(ctx, [spec.params for spec in specs])
    refusal = _side_effects_refused(ctx, side_effects)
    results: list[CheckResult] = []
    for batch in _batches(specs):
        results += await asyncio.gather(*(run_check(spec, ctx, refusal=refusal) for spec in batch))
    return results


def _with_product(ctx: CheckContext, written: Any) -> CheckContext:
    """Return the context with the product's names among its variables, if one that it lacks is used.

    Where the product's files cannot be read, the check says what is not set.
    """
    variables = ctx.environment.variables
    if not unset(written, variables):
        return ctx
    whole = ctx.environment.model_copy(update={"variables": with_readable_product(variables)})
    return replace(ctx, environment=whole)


def _side_effects_refused(ctx: CheckContext, side_effects: bool | Iterable[str]) -> str:
    named = [] if isinstance(side_effects, bool) else [str(effect) for effect in side_effects]
    if ctx.environment.allow_side_effects or not (named or side_effects is True):
        return ""
    what = f" ({', '.join(named)})" if named else ""
    return f"has side effects{what}; environment '{ctx.environment.name}' does not allow them"


def _batches(specs: Sequence[CheckSpec]) -> list[list[CheckSpec]]:
    batches: list[list[CheckSpec]] = [[]]
    for spec in specs:
        batches[-1].append(spec)
        if spec.kind == "command":
            batches.append([])
    return [batch for batch in batches if batch]


async def run_check(spec: CheckSpec, ctx: CheckContext, *, refusal: str = "") -> CheckResult:
    """Run one check; with a ``refusal`` nothing runs and the result is inconclusive for that reason."""
    own = replace(_with_product(ctx, spec.params), seen_secrets=set())
    running = _Running(spec, own, own.clock(), own.monotonic(), params=dict(spec.params))
    if refusal:
        return _result(running, _Look(Verdict.INCONCLUSIVE, refusal))
    try:
        look = await _looked(running)
    except LaunchError as error:
        look = _Look(Verdict.INCONCLUSIVE, str(error))
    except Exception as error:  # noqa: BLE001  a bug in a kind must not end the launch
        look = _bug(running, error)
    return _result(running, look) if look.light else await asyncio.to_thread(_result, running, look)


def _bug(running: _Running, error: Exception) -> _Look:
    """Log a bug, redacted: the text of an exception may hold a secret."""
    name, told = running.spec.kind, "".join(traceback.format_exception(error))
    _LOG.error("internal error in kind %s\n%s", name, redact(plain(told), running.ctx.seen_secrets))
    return _Look(
        Verdict.INCONCLUSIVE, f"internal error in kind {name}: {type(error).__name__}: {error}"[:_HEADLINE]
    )


async def _looked(running: _Running) -> _Look:
    of = kind(running.spec.kind)
    if of.observe is None:
        return _Look(Verdict.INCONCLUSIVE, f"checks of kind '{of.name}' cannot be run yet; a person decides")
    running.params = _with_variables(of, running.spec.params, running.ctx)
    params = running.read = _validated(of, running.params)
    if of.name == "command" and not running.ctx.environment.allow_commands:
        name = running.ctx.environment.name
        return _Look(Verdict.INCONCLUSIVE, f"runs a program; environment '{name}' does not allow commands")
    return await _polled(running, of, params, await _imported(of))


async def _imported(of: Kind) -> Observe:
    """Import the observer, the first time in a thread: libraries take a second to load."""
    known = (of.observe or "").partition(":")[0] in sys.modules
    found: Observe = observer(of) if known else await asyncio.to_thread(observer, of)
    return found


def _with_variables(of: Kind, given: dict[str, Any], ctx: CheckContext) -> dict[str, Any]:
    """Substitute variables in the parameters, and in defaults that use them."""
    defaults = {
        name: model_field.default
        for name, model_field in of.params.model_fields.items()
        if isinstance(model_field.default, str) and "${" in model_field.default
    }
    return substituted({**defaults, **given}, ctx.environment.variables)


def _validated(of: Kind, rendered: dict[str, Any]) -> Params:
    try:
        return of.params.model_validate(rendered)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "parameters"
        problem = f"{str(first['input'])[:80]!r} is not accepted."
        fix = f"{first['msg'].removeprefix('Value error, ')}."
        raise ConfigurationError(f"kind {of.name}", place, problem, fix) from error


async def _polled(running: _Running, of: Kind, params: Params, observe: Observe) -> _Look:
    """Poll until the verdict is ``passed`` or the wait is over; the last attempt counts."""
    ctx, pace = running.ctx, running.ctx.environment.pace
    wait = params.wait.total_seconds()
    # In a rehearsal minutes become milliseconds, too short for data to pass through a pipeline.
    deadline = ctx.monotonic() + max(wait * pace, min(wait, _SHORTEST_WAIT))
    interval = max(params.interval.total_seconds() * pace, _SHORTEST_INTERVAL)
    while True:
        look = await _retried(running, of, params, observe)
        left = deadline - ctx.monotonic()
        if look.verdict is Verdict.PASSED or left <= 0:
            return look
        await ctx.sleep(min(interval, left))


async def _retried(running: _Running, of: Kind, params: Params, observe: Observe) -> _Look:
    """Observe up to three times while the authority does not answer, with growing, jittered pauses."""
    for attempt in range(1, ATTEMPTS + 1):
        running.attempts += 1
        try:
            return await _once(of, params, observe, running.ctx)
        except Inconclusive as error:
            pause = _pause(error, attempt, params)
            if attempt == ATTEMPTS or pause is None:
                return _Look(Verdict.INCONCLUSIVE, error.reason)
        await running.ctx.sleep(pause)
    return _Look(Verdict.INCONCLUSIVE, "no attempt was made")


def _pause(error: Inconclusive, attempt: int, params: Params) -> float | None:
    """Return the seconds until the next attempt; None if a retry makes no sense."""
    if not error.retryable:
        return None
    if error.retry_after is not None:
        return error.retry_after if 0 <= error.retry_after <= params.timeout.total_seconds() else None
    return float(_FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311  (jitter)


async def _once(of: Kind, params: Params, observe: Observe, ctx: CheckContext) -> _Look:
    seconds = params.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            observation = await observe(params, ctx)
    except TimeoutError as error:
        reason = f"no answer within {seconds:g}s"
        raise Unreachable(reason, retryable=of.repeatable(params)) from error
    question = observation, of.criteria(params), ctx.clock()
    light = _light(observation)
    quick = light and not any("matches" in text for texts in question[1].values() for text in texts)
    verdict, findings = weigh(*question) if quick else await asyncio.to_thread(weigh, *question)
    return _Look(verdict, findings=findings, observation=observation, light=light)


def _light(seen: Observation) -> bool:
    """Return whether an observation is so small that a thread would cost more than judging it."""
    left = _LIGHT
    waiting: list[Any] = [seen.summary, *(subject.facts for subject in seen.subjects)]
    while waiting and left > 0:
        value = waiting.pop()
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, _MANY):
            left -= len(value)
            waiting += value.values() if isinstance(value, dict) else value
    return left > 0


def _said(running: _Running, look: _Look, findings: tuple[Finding, ...]) -> str:
    """Return the headline; what a kind cannot put into words is told by its comparisons."""
    seen = look.observation or Observation(subjects=(), authority="")
    try:
        return headline(look.verdict, seen, findings, voice_of(running.spec.kind, running.read, running.ctx))
    except Exception as error:  # noqa: BLE001  words decide nothing, so they must not end a check
        _bug(running, error)
        return headline(look.verdict, seen, findings, Voice(running.ctx.clock()))


def _result(running: _Running, look: _Look) -> CheckResult:
    """Build the result: redacted, plain JSON, bounded."""
    secrets = tuple(running.ctx.seen_secrets)
    findings = tuple(redact_finding(finding, secrets) for finding in look.findings)
    seen = look.observation
    said = _said(running, look, findings) if seen else look.headline
    result = CheckResult(
        kind=running.spec.kind,
        params=redact(plain(running.params), secrets),
        authority=redact(seen.authority, secrets) if seen else str(running.params.get("conn_id", "")),
        verdict=look.verdict,
        headline=redact(plain(said), secrets)[:_HEADLINE],
        findings=findings,
        observed=redact(plain(seen.summary), secrets) if seen else {},
        started_at=running.started,
        duration_ms=max(0, round((running.ctx.monotonic() - running.began) * 1000)),
        attempts=running.attempts,
    )
    return limit(result)
