"""Kind ``slack_channel``: does the channel exist, are the roles in it, was something posted.

Facts per channel: ``exists, archived, member, missing_roles, away, message{ts, at, permalink, text}``. The
token needs channels:read, channels:history and users:read; with groups:read private channels are seen too.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.language.patterns import guard_pattern


class SlackChannelParams(Params):
    """Channels by name or id."""

    conn_id: str = "slack_check"
    channels: Names
    """Names without ``#``, or ids."""
    roles: tuple[Role, ...] = ()
    """Of each, the holder or a backup must be in the channel."""
    present: bool = False
    """Of each of ``roles``, somebody in the channel must be active now; a weak sign."""
    posted: Name | None = None
    """A pattern that a message must match."""
    since: Name | None = None
    """A time with zone, or how long ago at most, such as ``7d``; 30 days unless given."""

    @model_validator(mode="after")
    def _posted_is_a_pattern(self) -> Self:
        if self.posted and "${" not in self.posted:
            guard_pattern(self.posted)
        if self.since and not self.posted:
            message = "'since' says from when a message counts; add 'posted:'"
            raise ValueError(message)
        return self


def criteria(params: SlackChannelParams) -> Criteria:
    """There, in use, with us and the roles in it; the message found where asked."""
    defaults = {"exists": "== true", "archived": "== false", "member": "== true"}
    if params.roles:
        defaults["missing_roles"] = "== []"
    if params.present:
        defaults["away"] = "== []"
    if params.posted:
        defaults["message"] = "exists"
    return merged(defaults, params)


KIND = Kind(
    name="slack_channel",
    params=SlackChannelParams,
    observe="launch_pipeline.checks.kinds.slack_channel.observer:observe",
    criteria=criteria,
    default_conn_id="slack_check",
)
