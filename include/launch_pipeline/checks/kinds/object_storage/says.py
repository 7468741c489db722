"""Says how a bucket and its newest object are in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.duration import format_duration
from launch_pipeline.checks.language.phrases import Label, right, wrong
from launch_pipeline.checks.language.units import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_LABELS = {
    "newest.size": Label("the size of the newest object", "bytes"),
    "newest.age_s": Label("the age of the newest object", "duration"),
    "newest.encryption": Label("the encryption of the newest object"),
    "encryption": Label("the encryption of the bucket"),
    "versioning": Label("versioning"),
    "lifecycle_days": Label("the number of days that objects are kept"),
    "region": Label("the region"),
}
_PUBLIC = ("not public", "the bucket is public; wanted private")


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or how old and large the newest object is."""
    if finding is None:
        return None
    if finding.expression == "exists":
        return "" if finding.holds else f"the bucket {params.bucket} does not exist"
    if finding.expression == "early_rules" and isinstance(finding.actual, list):
        return _early(params, finding.actual)
    if finding.expression == "public" and isinstance(finding.actual, bool):
        return _PUBLIC[finding.actual]
    if finding.expression.startswith("newest.") and "newest" in facts and facts["newest"] is None:
        return f"there is no object below {params.bucket}/{params.prefix}"
    label = _LABELS.get(finding.expression)
    return (right if finding.holds else wrong)(finding, label) if label else None


def _early(params: Any, rules: list[Any]) -> str:
    kept = f"{format_duration(params.keep)}"
    if not rules:
        return f"no lifecycle rule deletes before {kept}"
    return f"lifecycle rules delete too early: {named(list(map(str, rules)))}; wanted not before {kept}"
