"""Represent one call of a method for its handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_rehearsal.slack_server.base.settings import BOT_USER
from launch_rehearsal.slack_server.base.workspace import ApiRefusal

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.base.settings import Token
    from launch_rehearsal.slack_server.base.workspace import Channel, Workspace


@dataclass(frozen=True)
class Call:
    """Arguments, token and workspace of one call."""

    workspace: Workspace
    given: dict[str, Any]
    token: Token | None
    base: str
    """The server's own address."""

    def text(self, name: str, default: str = "") -> str:
        """Return an argument as text."""
        return str(self.given.get(name) or default)

    def flag(self, name: str) -> bool:
        """Return an argument as a boolean, as forms and JSON write it."""
        return str(self.given.get(name, "")).lower() in {"1", "true"}

    def channel(self) -> Channel:
        """Find the channel by id or by name. Raises ApiRefusal."""
        return self.workspace.channel(self.text("channel"))

    def channel_by_id(self) -> Channel:
        """Find the channel by id; methods that read accept no name. Raises ApiRefusal."""
        channel = self.workspace.channels.get(self.text("channel"))
        if channel is None:
            raise ApiRefusal("channel_not_found")
        return channel

    def own_channel(self) -> Channel:
        """Find the channel, which must be open and have the bot as a member. Raises ApiRefusal."""
        channel = self.channel()
        if channel.is_archived:
            raise ApiRefusal("is_archived")
        if BOT_USER not in channel.members:
            raise ApiRefusal("not_in_channel")
        return channel

    def has_scope(self, scope: str) -> bool:
        """Return whether the token has the scope."""
        return self.token is not None and scope in self.token.scopes

    def need_scope(self, scope: str) -> None:
        """Require a scope. Raises ApiRefusal ``missing_scope``."""
        if not self.has_scope(scope):
            provided = ",".join(self.token.scopes) if self.token else ""
            raise ApiRefusal("missing_scope", needed=scope, provided=provided)

    def page(self, part: str, values: list[Any]) -> dict[str, Any]:
        """Return one page of a list by ``cursor`` and ``limit``."""
        start = int(self.text("cursor", "0"))
        end = start + min(int(self.text("limit", "100")), self.workspace.most_per_page)
        following = str(end) if end < len(values) else ""
        return {part: values[start:end], "response_metadata": {"next_cursor": following}}
