"""Each part of the stand-in: broken, its items turn red; repaired, they turn green again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.registry import parameter_models
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.rehearsal.standin.plan import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checklist.model import Item
    from servers.standin import RunningStandIn

pytestmark = pytest.mark.integration

ITEMS = {
    f"{section.id}.{item.id}": item
    for phase in load_phases(parameter_models())
    for section, item in phase.items()
}
RED = {
    Part.GATEWAY: ("smoke_tests.api_gateway_health", "security.api_authentication"),
    Part.CONSTITUTIONAL_AI: ("smoke_tests.constitutional_ai_health", "constitutional_ai.bias_detector"),
    Part.KNOWLEDGE_OCEAN: ("smoke_tests.knowledge_ocean_health", "knowledge_ocean.retriever"),
    Part.AI_ROUTING: ("smoke_tests.ai_routing_health", "ai_routing.query_classifier"),
    Part.EDGE_TLS: ("security.tls_certificates_valid", "security.security_headers"),
    Part.DNS: ("networking.dns_configured", "t_0.dns_updated"),
    Part.METRICS: ("monitoring.metrics_collection", "metrics.application_metrics"),
    Part.REPORTS: ("testing.unit_tests", "code_quality.code_coverage"),
    Part.REPOSITORY: ("requirements_design_review.data_models_finalized",),
    Part.DATABASE: ("smoke_tests.database_connectivity", "database.schema_verified"),
}


@pytest.fixture
def broken(product: RunningStandIn, request: pytest.FixtureRequest) -> Iterator[Part]:
    part: Part = request.param
    product.turn(part, works=False)
    product.await_samples()
    yield part
    product.turn(part, works=True)


def verdict(product: RunningStandIn, item: Item) -> Verdict:
    return Verdict.of([result.verdict for result in product.check(item)])


@pytest.mark.parametrize("broken", RED, indirect=True)
def test_broken_part_turns_its_items_red(product: RunningStandIn, broken: Part) -> None:
    """No item that looks at a broken part passes; once it is repaired they pass again."""
    items = [ITEMS[name] for name in RED[broken]]
    assert [verdict(product, item) for item in items if verdict(product, item) is Verdict.PASSED] == []
    product.turn(broken, works=True)
    product.await_samples()
    assert {verdict(product, item) for item in items} == {Verdict.PASSED}


@pytest.mark.parametrize("broken", [Part.DNS], indirect=True)
def test_other_items_stay_green(product: RunningStandIn, broken: Part) -> None:
    """A broken part touches its own items only."""
    assert broken is Part.DNS
    assert verdict(product, ITEMS["smoke_tests.api_gateway_health"]) is Verdict.PASSED
