"""A second product of the same shape, with other names: one overlay, and the same items verify themselves.

The fake product stands behind a proxy that knows the second product's names only. A name of the first one
that is left in a check means nothing there.
"""

from __future__ import annotations

import json
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.docs.variables import unused
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import parameter_models
from launch_rehearsal.product.base.plan import SERVICES
from launch_rehearsal.product.service.certificates import server_context
from servers.running_product import troubles
from servers.translation import Dictionary, translating

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.verdict import CheckResult
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration

OVERLAY = Path(__file__).parents[2] / "fixtures" / "second_product" / "overrides.yaml"
PROXIED = (*SERVICES, "edge", "authorities", "cloud")
CHANNELS = {"war_room_channel", "announcements_channel", "incidents_channel"}
SITE = {"namespace": "azora", "domain": "azora.test"}


def words(before: dict[str, Any], after: dict[str, Any], names: set[str]) -> Dictionary:
    """Pair what the variables say here with what they say of the second product."""
    pairs: dict[str, str] = {}
    for name in names & after.keys():
        old, new = before[name], after[name]
        several = isinstance(new, list)
        pairs |= dict(zip(new, old, strict=False)) if several else {str(new): str(old)}
    # k6 keeps the metric and the condition of a threshold apart.
    pairs |= {new.split(": ")[0]: old.split(": ")[0] for new, old in pairs.items() if ": " in new}
    sites = set(SITE.values())
    return Dictionary({n: o for n, o in pairs.items() if n != o and o not in sites and '"' not in o})


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Deploy the shipped checklists with the overlay."""
    shutil.copytree(checklist_folder(), tmp_path / "include" / "checklists")
    shutil.copy(OVERLAY, tmp_path / "include" / "checklists")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(tmp_path / "include"))
    return tmp_path


@pytest.fixture
def dictionary(include: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dictionary, Dictionary]:
    """Translate names of the product, and names of Slack channels."""
    assert include.is_dir()
    after = with_product(SITE)
    with monkeypatch.context() as patch:
        patch.delenv("LAUNCH_INCLUDE")
        before = with_product(SITE)
    names = set(after) - CHANNELS
    return words(before, after, names), words(before, after, CHANNELS)


@pytest.fixture
def renamed(
    product: RunningProduct,
    include: Path,
    dictionary: tuple[Dictionary, Dictionary],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RunningProduct]:
    """Put the proxy before the product, and translate its reports and its site."""
    ours, channels = dictionary
    ports = {name: product.plan.ports[name] for name in PROXIED}
    tls = {ports["edge"]: server_context(product.plan.folder / "edge.pem")}
    slack = int(product.slack.api_url.rsplit(":", 1)[1].split("/")[0])
    open_ = AsyncExitStack()
    behind = product.do(open_.enter_async_context(translating(ports.values(), ours, tls)))
    to_slack = product.do(open_.enter_async_context(translating([slack], channels, {})))
    reports = translated(product.plan.reports, include / "reports", ours)

    def site(made: dict[str, Any]) -> dict[str, Any]:
        named = json.loads(ours.answered(json.dumps(made["variables"])))
        return {**made, "variables": {**named, "reports": str(reports)}}

    moved = {**product.plan.ports, **{name: behind[port] for name, port in ports.items()}}
    monkeypatch.setattr(product, "plan", product.plan.model_copy(update={"ports": moved}))
    monkeypatch.setattr(product, "amend", site)
    monkeypatch.setattr(
        product, "slack_url", product.slack.api_url.replace(f":{slack}", f":{to_slack[slack]}")
    )
    yield product
    product.do(open_.aclose())


def translated(source: Path, target: Path, dictionary: Dictionary) -> Path:
    """Write the reports of CI as the second product's."""
    for file in filter(Path.is_file, source.rglob("*")):
        place = target / dictionary.answered(str(file.relative_to(source)))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(dictionary.answered(file.read_text(encoding="utf-8")), encoding="utf-8")
    return target


def test_overlay_is_short_and_every_name_in_it_is_used(include: Path) -> None:
    """Adapting the checklist takes one file of about 80 lines."""
    assert len(OVERLAY.read_text(encoding="utf-8").splitlines()) <= 80
    assert (include / "include" / "checklists" / OVERLAY.name).exists()
    assert list(unused(load_phases(parameter_models()))) == []


def test_second_product_verifies_the_same_items(
    renamed: RunningProduct, results: dict[str, list[CheckResult]]
) -> None:
    """What verifies itself for the first product does so for the second one, without a changed check."""
    items: dict[str, Item] = {
        f"{phase.id}.{section.id}.{item.id}": item
        for phase in load_phases(parameter_models())
        if phase.kind == "checklist"
        for section, item in phase.items()
        if item.checks
    }
    found = renamed.check_all(items)
    lost = {ref: each for ref, each in troubles(found).items() if ref not in troubles(results)}
    again = troubles(renamed.check_all({ref: items[ref] for ref in lost}))
    assert [(ref, one.headline) for ref, each in again.items() for one in each] == []
