"""Bounds the size of a check's result."""

from __future__ import annotations

from typing import Any

from launch_pipeline.checks.canonical import CUT, canonical_json
from launch_pipeline.checks.verdict import CheckResult, Finding

LIMIT_BYTES = 16 * 1024
"""Bytes of one check's result, as JSON."""
_TEXT_LIMIT = 4096


def limit(result: CheckResult, most: int = LIMIT_BYTES) -> CheckResult:
    """Cut a result to ``most`` bytes of JSON; verdict and headline always stay.

    Long texts and lists are cut first, then comparisons that held, then all but the first that did not.
    """
    if len(result.model_dump_json().encode()) <= most // 2:
        return result  # the canonical form is not twice as long
    for texts, elements, findings in ((_TEXT_LIMIT, 100, 200), (512, 20, 40), (128, 5, 10), (64, 2, 1)):
        if len(canonical_json(result)) <= most:
            return result
        result = _trimmed(result, texts, elements, findings)
    if len(canonical_json(result)) <= most:
        return result
    return result.model_copy(update={"params": {"cut": CUT}, "observed": {"cut": CUT}, "findings": ()})


def _trimmed(result: CheckResult, texts: int, elements: int, findings: int) -> CheckResult:
    kept = sorted(result.findings, key=lambda finding: finding.holds)[:findings]
    update = {
        "headline": _cut(result.headline, 1000, elements),
        "authority": _cut(result.authority, 500, elements),
        "params": _cut(result.params, texts, elements),
        "observed": _cut(result.observed, texts, elements),
        "findings": tuple(Finding(**_cut(f.model_dump(), texts, elements)) for f in kept),
    }
    return result.model_copy(update=update)


def _cut(value: Any, texts: int, elements: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= texts else value[:texts] + CUT
    if isinstance(value, list):
        rest = [f"{CUT} {len(value) - elements} more"] if len(value) > elements else []
        return [_cut(item, texts, elements) for item in value[:elements]] + rest
    if isinstance(value, dict):
        kept = dict(list(value.items())[: max(elements, 20)])
        marker = {"cut": f"{len(value) - len(kept)} more"} if len(kept) < len(value) else {}
        return {_cut(name, 200, 1): _cut(item, texts, elements) for name, item in kept.items()} | marker
    return value
