"""One more look at everything: what was true is still true without the time that it took to become true."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.airflow.triggers.look_again import look_with
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.looking import Look, LookedAt, Truth, needs_worker, not_repeated
from servers.running_product import troubles

if TYPE_CHECKING:
    from launch_pipeline.checks.verdict import CheckResult
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration


def every_item() -> list[LookedAt]:
    """Give all items that have checks."""
    return [
        LookedAt(dag_id, spec)
        for dag_id, dag in deployed_dags().items()
        for spec in dag.specs.values()
        if dag.plan.phase.kind == "checklist" and spec.item.mode.has_checks
    ]


def looked(product: RunningProduct, items: list[LookedAt], *, in_worker: bool) -> list[Look]:
    async def looking() -> list[Look]:
        try:
            return await look_with(product.context(), items, in_worker=in_worker)
        finally:
            await close_clients()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(product.plan.trust_file))
        return asyncio.run(looking())


def test_what_has_passed_is_still_true_at_another_look(
    product: RunningProduct, results: dict[str, list[CheckResult]]
) -> None:
    """Side by side, in one loop; what a busy machine answers late is asked once more, as the watch does."""
    passed = results.keys() - troubles(results).keys()
    items = [one for one in every_item() if one.spec.ref in passed and not not_repeated(one)]
    here = [one for one in items if not needs_worker(one)]
    there = [one for one in items if needs_worker(one)]
    assert (len(here) > 100, len(there) > 50) == (True, True)
    looks = [*looked(product, here, in_worker=False), *looked(product, there, in_worker=True)]
    wrong = [look.item for look in looks if look.truth is not Truth.STILL_TRUE]
    again = looked(product, wrong, in_worker=True)
    assert {one.item.spec.ref: one.headline for one in again if one.truth is not Truth.STILL_TRUE} == {}
