"""Every condition of the shipped checks is turned red by its break of the fake product."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from breaks.conditions import every_check, every_condition
from breaks.search import differs
from breaks.stage import Stage, trusting
from breaks.table import Effect, read_table
from launch_pipeline.checks.engine.client_pool import close_clients

if TYPE_CHECKING:
    from breaks.table import Row
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Return the committed table, as far as it speaks of conditions of today."""
    return read_table(every_condition())


def test_every_condition_is_in_the_table(rows: list[Row]) -> None:
    """A changed checklist needs a new table: run 'make breaks'."""
    missing = set(every_condition()) - {row.condition for row in rows}
    assert sorted(map(str, missing)) == []


def test_what_has_no_break_says_why(rows: list[Row]) -> None:
    """A condition that was not turned red has its reason, in the table and on the page."""
    assert [str(row.condition) for row in rows if row.effect is Effect.NONE and not row.reason] == []


def test_every_break_turns_its_condition_red(product: RunningProduct, rows: list[Row]) -> None:
    """Each break fails its condition, and no other of the check than the table says."""
    patch = trusting(product)
    try:
        wrong = asyncio.run(_replayed(Stage(product), rows))
    finally:
        patch.undo()
    assert wrong == []


async def _replayed(stage: Stage, rows: list[Row]) -> list[str]:
    """Replay the table; a row that differs is asked once more, since a busy machine answers late."""
    checks = {(check.ref, check.number): check for check in every_check()}
    wrong = []
    try:
        for row in rows:
            check = checks[row.condition.ref, row.condition.check]
            for _ in range(2):
                if not (told := differs(row, await stage.ask(check, row.breaks))):
                    break
            wrong += [told] if told else []
    finally:
        await close_clients()
    return wrong
