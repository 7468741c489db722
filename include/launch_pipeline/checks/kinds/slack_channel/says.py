"""Says how a channel is in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.units import alone, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_WRONG = {
    "exists": "does not exist, or the bot cannot see it",
    "archived": "is archived; wanted an open one",
    "member": "does not have the bot as a member",
    "message": "has no message as it was looked for",
}
_KNOWN = {*_WRONG, "missing_roles", "away"}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or that the channel is open."""
    if finding is None:
        return _open(params)
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    if facts.get("exists") is False:
        return f"{_channel(params)} {_WRONG['exists']}"
    roles = finding.actual if isinstance(finding.actual, list) else []
    if roles and finding.expression == "missing_roles":
        return f"{_channel(params)} lacks {named(list(map(str, roles)))}"
    if roles and finding.expression == "away":
        return f"{_channel(params)} has nobody active as {named(list(map(str, roles)))}"
    said = _WRONG.get(finding.expression)
    return f"{_channel(params)} {said}" if said else None


def _channel(params: Any) -> str:
    name = alone(params.channels, "")
    return f"channel {name}" if name else "the channel"


def _open(params: Any) -> str:
    said = [f"{_channel(params)} is open"]
    if params.roles:
        said.append("every role is in it" + (" and active" if params.present else ""))
    if params.posted:
        said.append("the message was posted")
    return ", ".join(said)
