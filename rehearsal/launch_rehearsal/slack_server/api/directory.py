"""Answer ``users.*`` and ``conversations.*``: members and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_rehearsal.slack_server.base.settings import BOT_USER
from launch_rehearsal.slack_server.base.workspace import ApiRefusal

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.api.call import Call
    from launch_rehearsal.slack_server.base.workspace import Channel, Posted


def user_info(call: Call) -> dict[str, Any]:
    """Answer ``users.info``: the e-mail only with its own scope."""
    return {"user": _shown(call, call.workspace.user(call.text("user")))}


def user_by_email(call: Call) -> dict[str, Any]:
    """Answer ``users.lookupByEmail``."""
    wanted = call.text("email").casefold()
    for user in call.workspace.users.values():
        if wanted and user["profile"].get("email", "").casefold() == wanted and not user["deleted"]:
            return {"user": _shown(call, user)}
    raise ApiRefusal("users_not_found")


def _shown(call: Call, user: dict[str, Any]) -> dict[str, Any]:
    if call.has_scope("users:read.email"):
        return user
    return user | {"profile": {name: value for name, value in user["profile"].items() if name != "email"}}


def presence(call: Call) -> dict[str, Any]:
    """Answer ``users.getPresence``."""
    away = call.workspace.user(call.text("user"))["id"] in call.workspace.away
    return {"presence": "away" if away else "active"}


def channel_info(call: Call) -> dict[str, Any]:
    """Answer ``conversations.info``."""
    return {"channel": _document(_seen(call))}


def channel_list(call: Call) -> dict[str, Any]:
    """Answer ``conversations.list``: public channels, and the bot's private ones if ``types`` asks."""
    types = call.text("types", "public_channel").split(",")
    if "private_channel" in types:
        call.need_scope("groups:read")
    wanted = [_document(c) for c in call.workspace.channels.values() if _listed(c, types)]
    return call.page(
        "channels", [c for c in wanted if not (call.flag("exclude_archived") and c["is_archived"])]
    )


def _listed(channel: Channel, types: list[str]) -> bool:
    if channel.is_private:
        return "private_channel" in types and BOT_USER in channel.members
    return "public_channel" in types


def channel_members(call: Call) -> dict[str, Any]:
    """Answer ``conversations.members``."""
    return call.page("members", sorted(_seen(call).members))


def history(call: Call) -> dict[str, Any]:
    """Answer ``conversations.history``: newest first, without replies; only if the bot is a member."""
    channel = call.channel_by_id()
    if BOT_USER not in channel.members:
        raise ApiRefusal("not_in_channel")
    oldest = float(call.text("oldest", "0"))
    said = [m for m in channel.messages if m.only_for is None and m.thread_ts in {None, m.ts}]
    return call.page("messages", [m.document() for m in reversed(said) if float(m.ts) > oldest])


def replies(call: Call) -> dict[str, Any]:
    """Answer ``conversations.replies``: a thread, its root first."""
    channel = call.own_channel()
    thread: list[Posted] = [
        m for m in channel.messages if m.only_for is None and call.text("ts") in {m.ts, m.thread_ts}
    ]
    if not thread:
        raise ApiRefusal("thread_not_found")
    return call.page("messages", [m.document() for m in thread])


def _seen(call: Call) -> Channel:
    channel = call.channel_by_id()
    if channel.is_private and BOT_USER not in channel.members:
        raise ApiRefusal("channel_not_found")
    return channel


def _document(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.is_private,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_member": BOT_USER in channel.members,
        "num_members": len(channel.members),
    }
