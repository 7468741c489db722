"""Says how a certificate is in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import wanted
from launch_pipeline.checks.language.units import alone, counted, cut, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_VERIFIED = {
    "problem": "is not trusted",
    "chain_verified": "is not signed by a trusted authority",
    "hostname_verified": "is not for this host",
}
_KNOWN = {*_VERIFIED, "days_left", "legacy_protocols"}
_PROBLEM = 150


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or how long the certificate is valid."""
    if finding is None:
        return _valid(params, facts)
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    if finding.expression in _VERIFIED:
        problem = facts.get("problem")
        why = f"is not trusted: {cut(str(problem), _PROBLEM)}" if problem else _VERIFIED[finding.expression]
        return f"{_of(params)} {why}"
    if finding.expression == "days_left" and isinstance(finding.actual, int):
        return f"{_of(params)} {_expiry(finding.actual)}; wanted {wanted(finding)} days"
    if finding.expression == "legacy_protocols" and isinstance(finding.actual, list):
        return f"accepts {named(list(map(str, finding.actual)))}, older than {params.min_protocol}"
    return None


def _of(params: Any) -> str:
    host = alone(params.hosts, "")
    return f"the certificate of {host}" if host else "the certificate"


def _expiry(days: int) -> str:
    return f"expires in {counted(days, 'day')}" if days >= 0 else f"expired {counted(-days, 'day')} ago"


def _valid(params: Any, facts: Mapping[str, Any]) -> str | None:
    days, protocol = facts.get("days_left"), facts.get("protocol")
    spoken = f", speaks {protocol}" if protocol else ""
    return f"{_of(params)} is valid for {days} more days{spoken}" if isinstance(days, int) else None
