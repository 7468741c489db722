"""Searches the break of each condition of one check: the smallest that fails it, and if possible it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from breaks.candidates import Asked, candidates
from breaks.places import places_of
from breaks.table import Effect, Row
from launch_pipeline.checks.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from breaks.conditions import Check, Condition
    from breaks.stage import Outcome, Stage
    from launch_rehearsal.tampering.breaks import Break

TRIES = 400
"""Breaks that are tried for one check."""
_SEVERAL = 2
"""Others that may fail too before the search goes on for a break that fails fewer."""


@dataclass
class _Search:
    """What was found so far for the conditions of one check."""

    check: Check
    found: dict[Condition, Row]
    tries: int = 0

    def learn(self, change: Break, outcome: Outcome) -> None:
        for row in rows_of(self.check, change, outcome):
            known = self.found.get(row.condition)
            if known is None or row.rank < known.rank:
                self.found[row.condition] = row

    @property
    def open(self) -> list[Condition]:
        return [one for one in self.check.conditions if one not in self.found or not self.found[one].exact]


def rows_of(check: Check, change: Break, outcome: Outcome) -> Iterable[Row]:
    """Return what a break shows of each condition; nothing where the check passes all the same."""
    if outcome.verdict is Verdict.PASSED:
        return
    unmet = outcome.unmet if outcome.conditions else list(check.conditions)
    for one in unmet:
        others = tuple(other for other in unmet if other is not one)
        failed = outcome.conditions.get(one) is Verdict.FAILED
        yield Row(one, (change,), Effect.FAILED if failed else Effect.INCONCLUSIVE, others)


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


async def search(stage: Stage, check: Check, hints: Iterable[Break] = (), tries: int = TRIES) -> list[Row]:
    """Return the best row of each condition for which there is one."""
    with stage.product.fake.tampering.listening() as heard:
        before = await stage.ask(check)
    if not before.conditions:
        return [Row(one, (), Effect.NONE, (), before.reason) for one in check.conditions]
    asleep = {
        one: Row(one, (), Effect.NONE, (), "the rehearsal's product does not meet it as it is")
        for one in before.unmet
    }
    state = _Search(check, dict(asleep))
    everything = [*hints, *candidates(places_of(heard), [Asked(*before.asked[one]) for one in state.open])]
    for change in everything:
        if not [one for one in state.open if one not in asleep] or state.tries >= tries:
            break
        state.tries += 1
        state.learn(change, await stage.ask(check, (change,)))
    return [
        state.found.get(one, Row(one, (), Effect.NONE, (), "no break was found")) for one in check.conditions
    ]
