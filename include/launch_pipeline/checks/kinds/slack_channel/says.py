"""Says how a channel is in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.units import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.kinds.slack_channel.definition import SlackChannelParams
    from launch_pipeline.checks.verdict import Finding

_WRONG = {
    "exists": "the channel does not exist, or the bot cannot see it",
    "archived": "the channel is archived",
    "member": "the bot is not a member of the channel",
    "message": "no message as wanted was posted",
}
_KNOWN = {*_WRONG, "missing_roles", "away"}


def says(params: SlackChannelParams, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or that the channel is open."""
    if finding is None:
        return _open(params)
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    if facts.get("exists") is False:
        return _WRONG["exists"]
    roles = finding.actual if isinstance(finding.actual, list) else []
    if roles and finding.expression == "missing_roles":
        return f"not in the channel: {named(list(map(str, roles)))}"
    if roles and finding.expression == "away":
        return f"in the channel but not active: {named(list(map(str, roles)))}"
    return _WRONG.get(finding.expression)


def _open(params: SlackChannelParams) -> str:
    said = ["open"]
    if params.roles:
        said.append("every role is in it" + (" and active" if params.present else ""))
    if params.posted:
        said.append("the message was posted")
    return ", ".join(said)
