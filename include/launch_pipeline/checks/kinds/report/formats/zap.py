"""ZAP JSON: the alerts of a scan of web sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.findings import Hit, graded
from launch_pipeline.checks.kinds.report.formats.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_zap(document: dict[str, Any], rules: Sequence[str]) -> Parsed:
    """Grade the alerts of every site."""
    sites = document["site"]
    if not sites:
        message = "no site was scanned"
        raise ValueError(message)
    grades = {"3": "high", "2": "medium", "1": "low", "0": "informational"}
    hits = [
        # Confidence 0 marks a false positive.
        Hit(
            str(a["pluginid"]),
            grades[str(a["riskcode"])],
            str(a.get("name", "")),
            str(a.get("confidence")) == "0",
        )
        for site in sites
        for a in site["alerts"]
    ]
    facts, worst = graded(hits, rules)
    return Parsed(
        "zap", facts, generated_at=document.get("created") or document.get("@generated"), worst=worst
    )
