"""Says whether a port is open in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.units import alone, plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_STATES = {
    "open": "is open",
    "refused": "refuses connections",
    "filtered": "does not answer",
    "unreachable": "cannot be reached",
    "unresolved": "has a name that does not resolve",
}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say the state of a port, and what was wanted."""
    state = plainly(facts.get("state"))
    told = f"{alone(params.targets, '')} {_STATES.get(state, f'is {state}')}".strip()
    if finding is None:
        return told
    if finding.expression != "state":
        return None
    return "" if finding.holds else f"{told}; wanted {params.state.replace('_', ' ')}"
