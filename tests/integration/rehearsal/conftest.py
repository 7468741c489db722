"""One fake product over one PostgreSQL for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from breaks.stage import staged
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.registry import parameter_models
from launch_rehearsal.actors.scenario import DEFAULT
from servers.running_product import PRESENT, troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.verdict import CheckResult
    from launch_rehearsal.actors.scenario import Scenario
    from servers.running_product import RunningProduct


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Start a stand-in whose gateway was down for a moment, as in a rehearsal; nothing is broken now."""
    with staged(tmp_path_factory.mktemp("rehearsal") / "home") as running:
        yield running


@pytest.fixture(scope="package")
def checked_items() -> dict[str, Item]:
    """Every item of the document that has checks, by ref."""
    return {
        f"{phase.id}.{section.id}.{item.id}": item
        for phase in load_phases(parameter_models())
        if phase.kind == "checklist"
        for section, item in phase.items()
        if item.checks
    }


@pytest.fixture(scope="package")
def story() -> Scenario:
    """Return the story as it is told on this machine."""
    return DEFAULT.on(PRESENT)


@pytest.fixture(scope="package")
def results(
    product: RunningProduct, checked_items: dict[str, Item], story: Scenario
) -> dict[str, list[CheckResult]]:
    """Return what the checks of every item say of the whole stand-in."""
    found = product.check_all(checked_items)
    unexplained = [ref for ref, each in troubles(found).items() if story.excuse(ref, each) is None]
    # A busy machine answers some of so many checks late: those are asked once more, alone.
    return {**found, **product.check_all({ref: checked_items[ref] for ref in unexplained})}
