"""The shipped items that read a scanner's or a load test's report: they pass by what they say, by no less."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.delivery.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKLISTS = Path(__file__).parents[4] / "include" / "checklists"
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
    Reports(folder, "a" * 40).write()
    return folder


def asked(check: Object) -> Object:
    return {key: check[key] for key in ("expect", "rules") if key in check}


@pytest.mark.parametrize("check", [check for _, check in SHIPPED], ids=NAMES)
def test_item_passes_by_the_report_of_the_rehearsal(
    judged: Callable[..., Any], product: Path, check: Object
) -> None:
    """Each item passes by a report that shows all that it asks for."""
    document = yaml.safe_load((product / check["uri"].removeprefix("${reports}/")).read_text())
    verdict, headline = judged(check["format"], document, **asked(check))
    assert verdict is Verdict.PASSED, headline


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


ACTIVE = {"owasp_top_10", "owasp_scan", "sql_injection", "sql_injection_tests", "xss", "xss_tests", "csrf"}
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
