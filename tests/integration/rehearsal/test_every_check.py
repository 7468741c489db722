"""Every item with checks, run against the fake product: it passes, or the scenario has the reason."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from launch_rehearsal.actors.scenario import DEFAULT
from launch_rehearsal.product.base.plan import Part
from servers.plain_words import signs_in
from servers.running_product import PRESENT, troubles

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.verdict import CheckResult
    from launch_rehearsal.actors.scenario import Scenario
from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration

LEAST, LEAST_WITHOUT_REDIS = 245, 233
"""Of 272 items, 257 of them with checks, those that their own checks verify in a rehearsal."""


@pytest.mark.usefixtures("results")
def test_trust_ends_with_the_checks(product: RunningProduct) -> None:
    """The product's authority is trusted by its own checks only: other tests follow in this process."""
    assert os.environ.get("SSL_CERT_FILE") != str(product.plan.trust_file)


def test_whatever_does_not_pass_has_its_own_reason(
    results: dict[str, list[CheckResult]], story: Scenario
) -> None:
    """Nothing fails or stays open for a reason that is not on the closed list of the story."""
    unexplained = {
        ref: [(r.kind, r.verdict.value, r.headline) for r in each]
        for ref, each in troubles(results).items()
        if story.excuse(ref, each) is None
    }
    assert unexplained == {}


def test_headlines_are_for_people(results: dict[str, list[CheckResult]]) -> None:
    """What the checks see of the whole product is told without operators, paths and sentinels."""
    told = {f"{ref}: {one.headline}" for ref, each in results.items() for one in each}
    assert {text for text in told if signs_in(text)} == set()


def test_every_reason_is_needed(results: dict[str, list[CheckResult]], story: Scenario) -> None:
    """An entry of the closed list that nothing needs any more has to go."""
    found = troubles(results)
    idle = {ref for ref, limit in story.limits.items() if not any(map(limit.excuses, found.get(ref, [])))}
    assert idle == set()
    said = [one for each in found.values() for one in each]
    idle_absences = {absence.says for absence in story.absent if not any(map(absence.excuses, said))}
    assert idle_absences == ({"not connected: redis"} if Part.REDIS in PRESENT else set())


def test_most_items_are_verified_by_themselves(results: dict[str, list[CheckResult]]) -> None:
    """At least as many items as promised are verified by their own checks."""
    verified = results.keys() - troubles(results).keys()
    assert len(verified) >= (LEAST if Part.REDIS in PRESENT else LEAST_WITHOUT_REDIS)


def test_machine_without_redis_is_told_apart(
    product: RunningProduct, checked_items: dict[str, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no Redis is installed, whatever asks it has its own reason; nothing else changes."""
    asking = {ref: item for ref, item in checked_items.items() if "redis" in f"{item.checks}"}
    assert len(asking) >= 12
    monkeypatch.setattr(product, "plan", product.plan.model_copy(update={"redis": ""}))
    story = DEFAULT.on([part for part in Part if part is not Part.REDIS])
    found = troubles(product.check_all(asking))
    assert [ref for ref, each in found.items() if story.excuse(ref, each) is None] == []
    assert {r.headline for each in found.values() for r in each if r.kind == "redis_info"} == {
        "not connected: redis"
    }
