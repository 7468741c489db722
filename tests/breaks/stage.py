"""The stage: one fake product, and its checks one at a time under a break, without any waiting."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from breaks.conditions import every_check, flat
from breaks.parts import broken, read_by
from launch_pipeline.checks.engine import run
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.expect import weigh
from launch_pipeline.checks.verdict import Observation, Verdict
from launch_pipeline.errors import LaunchError
from launch_rehearsal.actors.scenario import DEFAULT
from launch_rehearsal.product.base.plan import Part, ProductPlan
from servers.running_product import PRESENT, RunningProduct, postgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from breaks.conditions import Check, Condition
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_rehearsal.tampering.breaks import Break
    from launch_rehearsal.tampering.web import Exchange

PACE = 1 / 240_000
"""Ten times as fast as a rehearsal, so that what is over leaves the metrics' windows soon."""
_A_MOMENT = 0.02
WINDOW = 3.0
"""Seconds that metrics look back here: even the week before."""


@contextmanager
def staged(home: Path) -> Iterator[RunningProduct]:
    """Run a whole product: its gateway was down for a moment, as in a rehearsal; nothing is broken now."""
    with postgres(home) as dsn:
        plan = ProductPlan.make(home / "product", dsn, pace=PACE, window=WINDOW, broken=(Part.GATEWAY,))
        with RunningProduct(plan) as running:
            mend(running)
            running.write_up()
            running.say(DEFAULT.posts.values())
            yield running


def mend(product: RunningProduct) -> None:
    """Repair the gateway once its outage was seen, and wait until it leaves what the metrics look back at."""
    product.await_samples()
    product.turn(Part.GATEWAY, works=True)
    product.await_samples(WINDOW + 1)


@dataclass(frozen=True)
class Outcome:
    """What a check said, and each of its conditions alone."""

    verdict: Verdict
    conditions: Mapping[Condition, Verdict] = field(default_factory=dict)
    reason: str = ""
    """Why there is nothing that could be judged."""
    asked: Mapping[Condition, tuple[str, str]] = field(default_factory=dict)
    """Path and comparison of each condition, filled in."""

    params: Any = None
    seen: Observation | None = None

    @property
    def unmet(self) -> list[Condition]:
        return [one for one, verdict in self.conditions.items() if verdict is not Verdict.PASSED]


class Clock:
    """Time that passes as fast as it is waited for."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    async def sleep(self, seconds: float) -> None:
        """Let the product answer in the meantime, and skip the rest of the wait."""
        self._skipped += max(0.0, seconds - _A_MOMENT)
        await asyncio.sleep(min(seconds, _A_MOMENT))


class Stage:
    """Runs single checks against a product; those of one item share what identifies a run."""

    def __init__(self, product: RunningProduct) -> None:
        self.product = product
        self._context: tuple[str, CheckContext] | None = None
        self.limits = DEFAULT.on(PRESENT).limits
        """Items that the product does not pass as it is."""

    def renew(self) -> None:
        """Let the gateway be down for a moment once more; a launch begins anew."""
        self.product.turn(Part.GATEWAY, works=False)
        mend(self.product)
        self._context = None

    async def look(self, check: Check) -> tuple[Outcome, list[Exchange]]:
        """Run one check without a break; return also everything that it was answered and that it read."""
        with self.product.fake.tampering.listening() as heard:
            outcome = await self.ask(check)
        return outcome, [*read_by(self.product, outcome), *heard]

    async def ask(self, check: Check, breaks: Iterable[Break] = ()) -> Outcome:
        """Run one check as the engine does, while the breaks are set."""
        ctx = self.context(check.ref)
        for earlier in earlier_checks(check):
            await self._run(earlier, ctx)
        with broken(self.product, ctx.environment, tuple(breaks)) as environment:
            return await self._run(check, replace(ctx, environment=environment))

    def context(self, ref: str) -> CheckContext:
        """Return the context of an item."""
        if self._context is None or self._context[0] != ref:
            clock = Clock()
            made = replace(_settled(self.product.context()), sleep=clock.sleep, monotonic=clock.monotonic)
            self._context = ref, made
        return self._context[1]

    async def _run(self, check: Check, context: CheckContext) -> Outcome:
        self.product.fake.calm()
        spec = check.spec.model_copy(update={"params": {**check.spec.params, "wait": "0s"}})
        ctx = replace(context, seen_secrets=set())
        running = run._Running(spec, ctx, ctx.clock(), ctx.monotonic(), params=dict(spec.params))
        try:
            look = await run._looked(running)
        except LaunchError as error:
            return Outcome(Verdict.INCONCLUSIVE, reason=str(error))
        except Exception as error:  # noqa: BLE001 - as the engine does: a bug in a kind is inconclusive
            return Outcome(Verdict.INCONCLUSIVE, reason=f"internal error: {type(error).__name__}: {error}")
        if look.observation is None:
            return Outcome(Verdict.INCONCLUSIVE, reason=look.headline)
        return _judged(check, running, look)


def _settled(ctx: CheckContext) -> CheckContext:
    """Let the item have begun a minute ago: what counts from now on has been measured by then."""
    begun = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    variables = {**ctx.environment.variables, "now": begun}
    return replace(ctx, environment=ctx.environment.model_copy(update={"variables": variables}))


def earlier_checks(check: Check) -> list[Check]:
    """Return the checks of the item that leave what this one looks for: a request, found by its nonce."""
    if check.number == 1 or "run_nonce" not in str(check.spec.params):
        return []
    return [one for one in every_check() if one.ref == check.ref and one.number < check.number]


def _judged(check: Check, running: Any, look: Any) -> Outcome:
    """Judge each condition alone: of several that do not hold, one may be unknown and another wrong."""
    asked = list(flat(kind(check.spec.kind).criteria(running.read)))
    now = datetime.now(UTC)
    judged = [weigh(look.observation, {path: [wanted]}, now)[0] for path, wanted in asked]
    return Outcome(
        look.verdict,
        dict(zip(check.conditions, judged, strict=True)),
        asked=dict(zip(check.conditions, asked, strict=True)),
        params=running.read,
        seen=look.observation,
    )


def trusting(product: RunningProduct) -> pytest.MonkeyPatch:
    """Trust the product's authority, as the rehearsal's processes do; undo it at the end."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SSL_CERT_FILE", str(product.plan.trust_file))
    return patch
