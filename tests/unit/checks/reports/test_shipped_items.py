"""The shipped items that read a scanner's or a load test's report: they pass by what they say, by no less."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.language.variables import substitute, substitute_expectations
from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.base.plan import DOMAIN
from launch_rehearsal.product.delivery.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKLISTS = Path(__file__).parents[4] / "include" / "checklists"
COMMIT = "a" * 40
Object = dict[str, Any]
_SCANNED = {"sarif", "trivy", "zap", "k6", "locust", "gatling", "npm_audit"}


def shipped() -> Iterator[tuple[str, Object]]:
    """Give each such check with the id of its item."""
    for path in sorted(CHECKLISTS.glob("*.yaml")):
        phase = yaml.safe_load(path.read_text(encoding="utf-8"))
        for item in (item for section in phase.get("sections", ()) for item in section["items"]):
            for check in item.get("checks") or []:
                if check.get("report", {}).get("format") in _SCANNED:
                    yield item["id"], check["report"]


SHIPPED = list(shipped())
NAMES = [f"{item}: {check['format']}" for item, check in SHIPPED]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the reports of the rehearsal's product."""
    folder = tmp_path_factory.mktemp("reports")
    Reports(folder, COMMIT).write()
    return folder


def asked(check: Object) -> Object:
    """Return what a check asks of a report, as the rehearsal's environment fills it in."""
    known = with_product({"domain": DOMAIN, "release_sha": COMMIT})
    expect = substitute_expectations(check.get("expect", {}), known)
    return {"expect": expect, **{key: check[key] for key in ("rules",) if key in check}}


def places(check: Object) -> list[str]:
    """Return the paths of the reports that a check reads."""
    images = substitute(check.get("images", []), with_product({}))
    uri = check["uri"].removeprefix("${reports}/")
    return [uri.replace("{image}", image.rpartition("/")[2]) for image in images] or [uri]


@pytest.mark.parametrize("check", [check for _, check in SHIPPED], ids=NAMES)
def test_item_passes_by_the_report_of_the_rehearsal(
    judged: Callable[..., Any], product: Path, check: Object
) -> None:
    """Each item passes by a report that shows all that it asks for."""
    for place in places(check):
        document = yaml.safe_load((product / place).read_text())
        verdict, headline = judged(check["format"], document, **asked(check))
        assert verdict is Verdict.PASSED, (place, headline)


LESS: dict[str, Object] = {
    "sarif": {"runs": [{"tool": {"driver": {"name": "CodeQL"}}, "results": None}]},
    "trivy": {"Results": [{"Target": "shop (debian 12)", "Class": "os-pkgs", "Type": "debian"}]},
    "zap": {"site": [{"@name": "https://shop.example", "alerts": []}]},
    "k6": {"metrics": {"http_reqs": {"count": 9, "rate": 0.1}, "vus_max": {"value": 1000, "max": 1000}}},
}


@pytest.mark.parametrize("check", [check for _, check in SHIPPED], ids=NAMES)
def test_item_does_not_pass_by_a_report_of_nothing(judged: Callable[..., Any], check: Object) -> None:
    """No item passes by a report in which nothing was looked at."""
    assert judged(check["format"], LESS[check["format"]], **asked(check))[0] is not Verdict.PASSED


OTHER_SITE = "https://localhost:3000"


OF_SITES = [check for _, check in SHIPPED if "sites" in check.get("expect", {})]
assert len(OF_SITES) >= 5


@pytest.mark.parametrize("check", OF_SITES)
def test_item_does_not_pass_by_a_scan_of_another_site(
    judged: Callable[..., Any], product: Path, check: Object
) -> None:
    """A scan of another host proves nothing about the sites that the item is about."""
    document = yaml.safe_load((product / places(check)[0]).read_text())
    for site in document["site"]:
        site["@name"] = OTHER_SITE
    assert judged("zap", document, **asked(check))[0] is not Verdict.PASSED


@pytest.mark.parametrize("check", [check for _, check in SHIPPED if check["format"] == "trivy"])
@pytest.mark.parametrize("labels", [None, {}, {"org.opencontainers.image.revision": "b" * 40}])
def test_item_does_not_pass_by_an_image_of_another_commit(
    judged: Callable[..., Any], product: Path, check: Object, labels: Object | None
) -> None:
    """An image whose label names another commit, or none, is not shown to be the release's."""
    document = yaml.safe_load((product / places(check)[0]).read_text())
    document["Metadata"]["ImageConfig"]["config"]["Labels"] = labels
    assert judged("trivy", document, **asked(check))[0] is not Verdict.PASSED


ACTIVE = {"owasp_top_10", "owasp_scan", "sql_injection", "sql_injection_tests", "xss", "xss_tests"}
PASSIVE = {
    "site": [
        {
            "@name": "https://shop.example",
            "alerts": [{"pluginid": "10038", "riskcode": "1", "confidence": "3"}],
            "statistics": {"stats.code.200": 90},
        }
    ],
    "statistics": {"stats.pscan.10038.time": 12, "stats.pscan.10202.time": 9},
}


@pytest.mark.parametrize("item", sorted(ACTIVE))
def test_active_item_does_not_pass_by_a_passive_scan(judged: Callable[..., Any], item: str) -> None:
    """An item about attacks does not pass by a scan that made none, with or without statistics."""
    checks = [check for name, check in SHIPPED if name == item and check["format"] == "zap"]
    assert checks
    for document in (PASSIVE, {key: value for key, value in PASSIVE.items() if key != "statistics"}):
        assert judged("zap", document, **asked(checks[0]))[0] is not Verdict.PASSED
