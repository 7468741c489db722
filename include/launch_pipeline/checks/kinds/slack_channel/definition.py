"""Kind ``slack_channel``: does the channel exist, are the roles in it, was a message posted.

Facts per channel: ``exists, archived, member, missing_roles, away, message{ts, at, permalink, text}``. The
token needs channels:read, channels:history and users:read; with groups:read it finds private channels too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.slack_channel.says import says
from launch_pipeline.checks.language.patterns import guard_pattern


class SlackChannelParams(Params):
    """Channels by name or id."""

    conn_id: str = "slack_check"
    channels: Names
    """Names without ``#``, or ids."""
    roles: tuple[Role, ...] = ()
    """Roles whose holder or backup must be in the channel."""
    present: bool = False
    """Whether a person of each role in the channel must be active now; a weak sign."""
    posted: Name | None = None
    """A pattern that a message must match: its text, attachments, blocks and titles of files, as they are
    shown.
    """
    since: Name | None = None
    """The oldest message that counts: a time with zone, or an age such as ``7d``; 30 days unless given."""
    look_every: Duration = timedelta(minutes=1)
    """Slack lets an app list channels 20 times a minute, and each page of the list counts
    (docs.slack.dev/apis/web-api/rate-limits, tier 2)."""

    @model_validator(mode="after")
    def _posted_is_a_pattern(self) -> Self:
        if self.posted and "${" not in self.posted:
            guard_pattern(self.posted)
        if self.since and not self.posted:
            message = "'since' limits the age of a message; add 'posted:'"
            raise ValueError(message)
        return self


def criteria(params: SlackChannelParams) -> Criteria:
    """Require the channel with the bot and the roles as members, and the message if wanted."""
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
    looks_for_people=True,
    params=SlackChannelParams,
    observe="launch_pipeline.checks.kinds.slack_channel.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="slack_check",
)
