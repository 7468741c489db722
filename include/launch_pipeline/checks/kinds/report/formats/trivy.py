"""Trivy JSON: vulnerabilities, misconfigurations and secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.findings import Hit, graded
from launch_pipeline.checks.kinds.report.formats.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_trivy(document: dict[str, Any], rules: Sequence[str]) -> Parsed:
    """Grade the findings of every target."""
    targets = document["Results"]
    if not targets:
        message = "nothing was scanned"
        raise ValueError(message)
    hits = [hit for target in targets for hit in _trivy_hits(target)]
    facts, worst = graded(hits, rules)
    return Parsed("trivy", facts, generated_at=_seconds_only(document.get("CreatedAt")), worst=worst)


def _seconds_only(text: Any) -> Any:
    """Drop the nanoseconds, which Go writes and Python cannot parse."""
    return re.sub(r"\.\d+", "", text) if isinstance(text, str) else text


def _trivy_hits(target: dict[str, Any]) -> list[Hit]:
    hits = [_trivy_hit(v, v["VulnerabilityID"]) for v in target.get("Vulnerabilities") or []]
    failing = [m for m in target.get("Misconfigurations") or [] if m.get("Status", "FAIL") == "FAIL"]
    hits += [_trivy_hit(m, m["ID"]) for m in failing]
    hits += [_trivy_hit(s, s["RuleID"]) for s in target.get("Secrets") or []]
    ignored = target.get("ExperimentalModifiedFindings") or []
    return hits + [Hit("", "low", "", suppressed=True) for _ in ignored]


def _trivy_hit(entry: dict[str, Any], rule: str) -> Hit:
    text = f"{entry.get('PkgName', '')} {entry.get('Title', '')}".strip()
    return Hit(rule, str(entry.get("Severity", "UNKNOWN")).lower(), text)
