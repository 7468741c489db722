"""Says whether a port is open in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.units import plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.kinds.tcp_port.definition import TcpPortParams
    from launch_pipeline.checks.verdict import Finding

_STATES = {
    "open": "is open",
    "refused": "refuses connections",
    "filtered": "does not answer",
    "unreachable": "cannot be reached",
    "unresolved": "has a name that does not resolve",
}


def says(params: TcpPortParams, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say the state of a port, and what was wanted."""
    state = str(facts.get("state"))
    told = _STATES.get(state, f"is {plainly(state)}")
    if finding is None:
        return told
    if finding.expression != "state":
        return None
    return "" if finding.holds else f"{told}; wanted {params.state.replace('_', ' ')}"
