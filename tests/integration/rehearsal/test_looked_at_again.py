"""What a watched launch looks at again and again stays true on the rehearsal's product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.vocabulary import Mode, Severity
from launch_pipeline.checks.engine.again import later
from servers.running_product import troubles

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.verdict import CheckResult
    from launch_rehearsal.actors.scenario import Scenario
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration


def _again(item: Item) -> Item:
    return item.model_copy(update={"checks": tuple(map(later, item.checks))})


def test_later_looks_find_what_the_first_found(
    product: RunningProduct,
    checked_items: dict[str, Item],
    results: dict[str, list[CheckResult]],
    story: Scenario,
) -> None:
    """Neither the next look nor the one after turns an item red on a product that has not changed."""
    watched = {
        ref: _again(item)
        for ref, item in checked_items.items()
        if item.mode is Mode.CHECK and item.severity is Severity.BLOCKING and not item.seen_once
    }
    assert len(watched) > 150
    assert len(results) > len(watched)
    for _ in range(2):
        found = troubles(product.check_all(watched))
        red = {ref for ref, each in found.items() if story.excuse(ref, each) is None}
        # A busy machine answers some of so many late; red twice in succession counts.
        lasting = troubles(product.check_all({ref: watched[ref] for ref in red}))
        assert {(ref, one.headline) for ref, each in lasting.items() for one in each} == set()
