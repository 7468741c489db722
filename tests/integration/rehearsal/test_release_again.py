"""A release on a new commit: all that is made of a commit follows, and what rests on it sees the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.basis import variables_used
from servers.running_product import troubles

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.verdict import CheckResult
    from launch_rehearsal.actors.scenario import Scenario
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration

COMMIT_TOLD = {
    "application_deployment.build_deployment.images_pushed": Verdict.FAILED,
    "pre_launch_requirements.testing.unit_tests": Verdict.INCONCLUSIVE,
}
"""Items that read the commit of an image, and of a report; a report of another commit says nothing."""


@pytest.fixture(scope="module")
def resting(checked_items: dict[str, Item], results: dict[str, list[CheckResult]]) -> dict[str, Item]:
    """Return the items that pass and rest on the release's commit."""
    green = results.keys() - troubles(results).keys()
    return {ref: i for ref, i in checked_items.items() if ref in green and "release_sha" in variables_used(i)}


@pytest.fixture(scope="module")
def old(product: RunningProduct, resting: dict[str, Item]) -> str:
    """Release again, and return the commit of before."""
    assert resting
    before = product.fake.release_sha
    product.release_again()
    return before


def test_old_commit_is_no_longer_what_was_built_and_tested(
    product: RunningProduct, resting: dict[str, Item], old: str
) -> None:
    """A launch that is not retargeted sees that images and reports are of another commit."""
    now, product.fake.release_sha = product.fake.release_sha, old
    try:
        found = troubles(product.check_all(resting))
    finally:
        product.fake.release_sha = now
    verdicts = {ref: Verdict.of([r.verdict for r in each]) for ref, each in found.items()}
    assert {ref: verdicts.get(ref) for ref in COMMIT_TOLD} == COMMIT_TOLD


def test_new_commit_is_what_was_built_tested_and_deployed(
    product: RunningProduct, resting: dict[str, Item], old: str, story: Scenario
) -> None:
    """All items that rest on the commit pass on the new one."""
    assert product.fake.release_sha != old
    found = troubles(product.check_all(resting))
    lasting = troubles(product.check_all({ref: resting[ref] for ref in found}))
    unexplained = {ref: each for ref, each in lasting.items() if story.excuse(ref, each) is None}
    assert {(ref, one.headline) for ref, each in unexplained.items() for one in each} == set()


def test_failure_of_the_regression_is_seen_as_one(
    product: RunningProduct, checked_items: dict[str, Item], story: Scenario
) -> None:
    """The broken part turns its item false; it is neither unknown, nor still true."""
    turn = story.regression
    assert turn is not None
    product.turn(turn.part, works=False)
    try:
        seen = [result.verdict for result in product.check(checked_items[turn.ref])]
    finally:
        product.turn(turn.part, works=True)
    assert Verdict.of(seen) is Verdict.FAILED
