"""Searches the break of each condition of one check: the smallest that fails it, and if possible it alone."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from breaks.candidates import Asked, candidates
from breaks.hints import hints_for, reason_for
from breaks.places import places_of
from breaks.repository import repository_breaks
from breaks.table import Effect, Row
from launch_pipeline.checks.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from breaks.conditions import Check, Condition
    from breaks.places import Place
    from breaks.stage import Outcome, Stage
    from launch_rehearsal.tampering.breaks import Break

_ADDRESS = re.compile(r"\w+://[\w.]+:\d+\S*")
_PATIENCE = 3.0
"""Seconds for one try; a break that takes longer would make the replay slow."""
TRIES = 400
"""Breaks that are tried for one check."""
_BY_HAND = {"dns_record", "git_repository", "tls_certificate", "tcp_port"}
"""Kinds whose few breaks are all known: the facts of their answers are not altered one by one."""
_LONG = 150
"""Tries without a better break after which the breaks that fail several conditions are good enough."""


@dataclass
class _Search:
    """What was found so far for the conditions of one check."""

    check: Check
    found: dict[Condition, Row]
    tries: int = 0
    last: int = 0
    """The try at which something was learned last."""

    def learn(self, changes: tuple[Break, ...], outcome: Outcome) -> None:
        for row in rows_of(self.check, changes, outcome):
            known = self.found.get(row.condition)
            if known is None or row.rank < known.rank:
                self.found[row.condition] = row
                self.last = self.tries

    @property
    def tired(self) -> bool:
        """Return whether each condition fails under some break, and no better one was found for long."""
        red = all(self.found[one].effect is Effect.FAILED for one in self.open if one in self.found)
        return red and all(one in self.found for one in self.open) and self.tries - self.last > _LONG

    @property
    def open(self) -> list[Condition]:
        return [one for one in self.check.conditions if one not in self.found or not self.found[one].exact]


def rows_of(check: Check, changes: tuple[Break, ...], outcome: Outcome) -> Iterable[Row]:
    """Return what a break shows of each condition; nothing where the check passes all the same."""
    if outcome.verdict is Verdict.PASSED:
        return
    unmet = outcome.unmet if outcome.conditions else list(check.conditions)
    for one in unmet:
        others = tuple(other for other in unmet if other is not one)
        failed = outcome.conditions.get(one) is Verdict.FAILED
        yield Row(one, changes, Effect.FAILED if failed else Effect.INCONCLUSIVE, others)


def differs(row: Row, outcome: Outcome) -> str:
    """Return how an outcome differs from what a row says; empty if it does not."""
    if row.effect is Effect.NONE:
        return ""
    seen = outcome.conditions.get(row.condition, Verdict.INCONCLUSIVE)
    more = [f"{one.path} {one.wanted}" for one in outcome.unmet if one not in {row.condition, *row.others}]
    if Verdict(row.effect) is not seen or outcome.verdict is Verdict.PASSED or more:
        also = f"; these do not hold either: {more}" if more else ""
        return (
            f"{row.condition}: {seen} under {', '.join(map(str, row.breaks))}{also} {outcome.reason}".strip()
        )
    return ""


def _without(check: Check, one: Condition) -> Row:
    return Row(one, (), Effect.NONE, (), reason_for(check, one) or "no break was found")


def _breaks(check: Check, before: Outcome, places: Sequence[Place]) -> Iterator[tuple[Break, ...]]:
    """Yield what to try: what is written by hand, what suits the kind, then every fact that was told."""
    yield from hints_for(check, places)
    if check.spec.kind == "git_repository":
        yield from repository_breaks(before.params, places)
    asked = [Asked(*before.asked[one]) for one in check.conditions]
    if check.spec.kind not in _BY_HAND or "unmet_values" in {one.path for one in asked}:
        yield from candidates(places, asked)


async def search(
    stage: Stage, check: Check, tries: int = TRIES, without: Collection[tuple[Break, ...]] = ()
) -> list[Row]:
    """Return the best row of each condition for which there is one, and not the breaks to do without."""
    before, heard = await stage.look(check)
    if before.verdict is not Verdict.PASSED and check.ref not in stage.limits:
        # What it looks for is over, or what it must not see is not: let the outage come again.
        stage.renew()
        before, heard = await stage.look(check)
    if not before.conditions:
        reason = _ADDRESS.sub("the product", before.reason)
        return [Row(one, (), Effect.NONE, (), reason) for one in check.conditions]
    asleep = {row.condition: row for row in rows_of(check, (), before)}
    state = _Search(check, dict(asleep))
    for changes in _breaks(check, before, places_of(heard)):
        if not [one for one in state.open if one not in asleep] or state.tries >= tries or state.tired:
            break
        if changes in without:
            continue
        state.tries += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                state.learn(changes, await stage.ask(check, changes))
    return [state.found.get(one, _without(check, one)) for one in check.conditions]
