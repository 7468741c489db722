"""The middleware's item asks the audit table for its own request, which nothing else writes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.base.logs import Logs
from launch_rehearsal.product.service.audit import Audit

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration
SECTION = "application_deployment.constitutional_ai"


@pytest.mark.parametrize("item", ["constitutional_middleware", "constitutional_audit_logging"])
def test_validations_of_others_do_not_count(
    product: RunningProduct, checked_items: dict[str, Item], item: str
) -> None:
    """While visitors are validated all the time, a request that was never sent is not found."""
    whole = checked_items[f"{SECTION}.{item}"]
    audit = whole.checks[1]
    alone = audit.model_copy(update={"params": {**audit.params, "wait": "0s"}})
    (seen,) = product.check(whole.model_copy(update={"checks": (alone,)}))
    assert seen.verdict is Verdict.FAILED, seen.headline


def test_request_through_the_gateway_is_found(
    product: RunningProduct, checked_items: dict[str, Item]
) -> None:
    """The item's own request arrives in the audit table."""
    results = product.check(checked_items[f"{SECTION}.constitutional_middleware"])
    assert [result.verdict for result in results] == [Verdict.PASSED] * 2


async def kept(product: RunningProduct, query: str, answer: str) -> None:
    """Write an entry as the constitutional AI does."""
    audit = Audit(product.plan, product.fake.store, Logs())
    await audit.keep(answer, {"complianceScore": 90}, query)
    await audit.close()


def test_model_need_not_repeat_the_nonce(product: RunningProduct, checked_items: dict[str, Item]) -> None:
    """The user's words tell the request, where the model answers with other words."""
    product.do(kept(product, "Repeat exactly: middleware 4711", "No address here."))
    whole = checked_items[f"{SECTION}.constitutional_middleware"]
    audit = whole.checks[1]
    own = audit.model_copy(update={"params": {**audit.params, "params": ["middleware 4711"], "wait": "0s"}})
    (seen,) = product.check(whole.model_copy(update={"checks": (own,)}))
    assert seen.verdict is Verdict.PASSED, seen.headline
