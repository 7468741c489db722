"""Observes ``slack_channel``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.clock_skew import refuse_skew
from launch_pipeline.checks.clients.slack import Slack, slack
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.slack_channel.words import words_of
from launch_pipeline.checks.language.patterns import found as occurs
from launch_pipeline.checks.language.values import duration, moment, number
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.checks.engine.context import CheckContext, Holder
    from launch_pipeline.checks.kinds.slack_channel.definition import SlackChannelParams

_ID = re.compile(r"[CG][A-Z0-9]{6,}")
_LIST = "1000"
_MESSAGES = "100"
_PRIVATE = "groups:read"
_UNSEEN = "a private channel is seen only with the scope groups:read, by a bot that is in it"
_GONE = {"channel_not_found"}
_DEFAULT_SINCE = timedelta(days=30)
_SHOWN = 200

Channel = dict[str, Any]
Facts = dict[str, Any]


@dataclass(frozen=True)
class _Question:
    """What to look for in every channel."""

    people: dict[Role, list[Holder]]
    present: bool
    posted: str
    oldest: datetime


async def observe(params: SlackChannelParams, ctx: CheckContext) -> Observation:
    """Look up every channel, its members and its messages; one subject per channel.

    Raises Unreachable if Slack does not answer, Inconclusive if the token lacks a scope (which it
    names) or the contacts have no Slack member for a role.
    """
    question = _Question(
        await _people(params, ctx), params.present, params.posted or "", _oldest(params, ctx)
    )
    async with slack(ctx, params.conn_id) as api:
        channels = await _channels(api, [name.removeprefix("#") for name in params.channels])
        facts = [await _facts(api, channel, question) for channel in channels]
        if question.posted:
            refuse_skew(ctx, api.authority, api.dated)
    subjects = tuple(Subject(name=n, facts=f) for n, f in zip(params.channels, facts, strict=True))
    summary = {one.name: one.facts for one in subjects}
    return Observation(subjects=subjects, authority=api.authority, summary=summary)


async def _people(params: SlackChannelParams, ctx: CheckContext) -> dict[Role, list[Holder]]:
    """Return the Slack ids of the people who hold each role."""
    people = {role: [h for h in await ctx.holders(role) if h.slack_id] for role in params.roles}
    unknown = [role.label for role, holders in people.items() if not holders]
    if unknown:
        message = f"the contacts have no person with a slack_id for {', '.join(unknown)}"
        raise Inconclusive(message)
    return people


def _oldest(params: SlackChannelParams, ctx: CheckContext) -> datetime:
    if params.since is None:
        return ctx.clock() - _DEFAULT_SINCE
    ago, at = duration(params.since), moment(params.since)
    if ago is None and at is None:
        message = f"'since' is {params.since!r}; write how long ago, such as 7d, or a time with zone"
        raise Inconclusive(message)
    return at or ctx.clock() - (ago or timedelta())


async def _channels(api: Slack, names: list[str]) -> list[Channel | None]:
    """Find each channel by id or name; None if the token sees no such channel."""
    by_name = [name for name in names if not _ID.fullmatch(name)]
    known = await _listed(api, set(by_name)) if by_name else {}
    return [known.get(name) if name in by_name else await _info(api, name) for name in names]


async def _info(api: Slack, channel_id: str) -> Channel | None:
    document = await api.call("conversations.info", channel=channel_id)
    if document.get("error") in _GONE:
        return None
    if not isinstance(document.get("channel"), dict):
        message = f"Slack answered {document.get('error') or 'no channel'} to conversations.info"
        raise Inconclusive(message)
    return dict(document["channel"])


async def _listed(api: Slack, wanted: set[str]) -> dict[str, Channel]:
    """Search the public channels, then the private ones if the token may."""
    found: dict[str, Channel] = {}
    scopes = str((await api.told("auth.test")).get("scopes") or "")
    for sort in ("public_channel", *(["private_channel"] if _PRIVATE in scopes.split(",") else [])):
        if wanted <= found.keys():
            break
        page = await api.pages(
            "conversations.list",
            "channels",
            lambda listed: wanted <= {channel.get("name") for channel in listed if not _archived(channel)},
            types=sort,
            exclude_archived="false",
            limit=_LIST,
        )
        for channel in page:
            # An archived channel may have the name of an active one, in another case; the active one counts.
            if channel.get("name") in wanted and (channel["name"] not in found or not _archived(channel)):
                found[channel["name"]] = channel
    return found


def _archived(channel: Channel) -> bool:
    return channel.get("is_archived") is not False


async def _facts(api: Slack, channel: Channel | None, question: _Question) -> Facts:
    if channel is None:
        return {"exists": False, "note": _UNSEEN}
    facts: Facts = {
        "exists": True,
        "id": channel.get("id"),
        "archived": _archived(channel),
        "member": channel.get("is_member") is True,
    }
    if question.people:
        facts |= await _attendance(api, str(channel.get("id")), question)
    if question.posted:
        # Slack shows a bot only the history of channels that it is a member of.
        facts["message"] = await _message(api, str(channel.get("id")), question) if facts["member"] else None
    return facts


async def _attendance(api: Slack, channel_id: str, question: _Question) -> Facts:
    """Return the roles without a member in the channel, and those without an active member."""
    members = set(await api.pages("conversations.members", "members", channel=channel_id, limit=_LIST))
    there = {role: [h for h in holders if h.slack_id in members] for role, holders in question.people.items()}
    facts: Facts = {
        "members": len(members),
        "missing_roles": [_named(role, question.people[role]) for role, found in there.items() if not found],
    }
    if question.present:
        asked = {h.slack_id for found in there.values() for h in found if h.slack_id}
        answers = await together(_active(api, person) for person in sorted(asked))
        active = {person for person, here in zip(sorted(asked), answers, strict=True) if here}
        facts["away"] = [
            _named(role, found)
            for role, found in there.items()
            if found and not any(h.slack_id in active for h in found)
        ]
    return facts


def _named(role: Role, holders: list[Holder]) -> str:
    return f"{role} ({' or '.join(holder.name for holder in holders)})"


async def _active(api: Slack, person: str) -> bool:
    return (await api.told("users.getPresence", user=person)).get("presence") == "active"


async def _message(api: Slack, channel_id: str, question: _Question) -> Facts | None:
    """Find the newest message that matches."""

    def says(message: Any) -> bool:
        return (
            isinstance(message, dict)
            and _said(message)
            and (number(message.get("ts")) or 0) >= question.oldest.timestamp()
            and any(occurs(question.posted, words) for words in words_of(message))
        )

    listed = await api.pages(
        "conversations.history",
        "messages",
        lambda messages: any(map(says, messages)),
        channel=channel_id,
        oldest=f"{question.oldest.timestamp():.6f}",
        limit=_MESSAGES,
    )
    message = next(filter(says, listed), None)
    if message is None:
        return None
    ts = str(message.get("ts"))
    link = await api.call("chat.getPermalink", channel=channel_id, message_ts=ts)
    return {
        "ts": ts,
        "at": datetime.fromtimestamp(float(ts), UTC).isoformat(),
        "permalink": link.get("permalink"),
        "text": words_of(message)[0][:_SHOWN],
    }


def _said(message: dict[str, Any]) -> bool:
    """Return whether a person or bot wrote it, unlike a notice that someone joined or set the topic."""
    return message.get("subtype") in {None, "bot_message", "me_message", "thread_broadcast", "file_share"}
