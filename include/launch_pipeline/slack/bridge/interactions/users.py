"""Identify the Slack user behind a click, before any rule of the launch applies.

Only active, full members of our workspace may act: no deactivated users, guests, bots or members of another
workspace. An e-mail address counts only if Slack has confirmed it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache

from launch_pipeline.approvals.contacts import SlackId
from launch_pipeline.base import Frozen
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.bridge.connection.errors import CALL_ERRORS
from launch_pipeline.slack.errors import USER_UNKNOWN, error_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.approvals.policy import Policy

log = logging.getLogger(__name__)

CACHE_SECONDS = 300.0
"""How long a user who was deactivated may still act, because Slack is not asked again."""
_CACHED_USERS = 500
_REFUSED = {
    "deleted": ("deactivated", "Your Slack account is deactivated."),
    "is_bot": ("bot", "Bots cannot answer here."),
    "is_workflow_bot": ("bot", "Workflows cannot answer here."),
    "is_restricted": ("guest", "Guests of this workspace cannot answer; ask a member who holds the role."),
    "is_ultra_restricted": ("guest", "Guests of this workspace cannot answer; ask a member of it."),
    "is_stranger": ("foreign_team", "You are not a member of this workspace; only its members can answer."),
}


class SlackUser(Frozen):
    """Describe a member of our workspace."""

    slack_id: SlackId
    name: str
    email: str = ""
    """Set only if Slack has confirmed it and shows it to the bridge."""


class Users:
    """Look up Slack users, and cache them for five minutes."""

    def __init__(
        self, client: AsyncWebClient, team_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._team_id = team_id
        self._cache: TTLCache[str, SlackUser] = TTLCache(_CACHED_USERS, CACHE_SECONDS, timer=clock)

    async def user(self, slack_id: str) -> SlackUser:
        """Return the member with this Slack id.

        Raises AnswerRefused if there is no such member, or if Slack cannot be asked.
        """
        if known := self._cache.get(slack_id):
            return known
        self._cache[slack_id] = user = member_of(self._team_id, slack_id, await self._info(slack_id))
        return user

    async def _info(self, slack_id: str) -> Mapping[str, Any]:
        try:
            user = (await self._client.users_info(user=slack_id)).get("user")
        except CALL_ERRORS as error:
            log.warning("Slack did not identify %s: %s", slack_id, error_code(error))
            if error_code(error) in USER_UNKNOWN:
                raise AnswerRefused("unknown_slack_user", "Slack does not know you here.") from error
            raise _unreachable() from error
        return user if isinstance(user, dict) else {}


def member_of(team_id: str, slack_id: str, user: Mapping[str, Any]) -> SlackUser:
    """Read Slack's ``user``. Raises AnswerRefused unless it is this active, full member of this team."""
    for flag, (code, sentence) in _REFUSED.items():
        if user.get(flag):
            raise AnswerRefused(code, sentence)
    if user.get("team_id") != team_id or user.get("id") != slack_id:
        raise AnswerRefused(*_REFUSED["is_stranger"])
    given = user.get("profile")
    profile = given if isinstance(given, dict) else {}
    email = profile.get("email") if user.get("is_email_confirmed") is True else ""
    name = profile.get("real_name") or user.get("name") or slack_id
    return SlackUser(slack_id=slack_id, name=str(name), email=str(email or ""))


def contacts_seen_by(user: SlackUser, contacts: Contacts, policy: Policy) -> Contacts:
    """Return the contacts, with the user's Slack id filled in if the policy finds people by e-mail.

    This only decides what the user is shown; the plugin decides whether an answer counts.
    """
    found = contacts.by_email(user.email) if policy.slack_by_email else None
    if found is None or found.slack_id is not None or contacts.by_slack_id(user.slack_id):
        return contacts
    known = found.model_copy(update={"slack_id": user.slack_id})
    return contacts.model_copy(update={"people": tuple(known if p is found else p for p in contacts.people)})


def _unreachable() -> AnswerRefused:
    sentence = "Slack did not say who you are, so nothing was done. Try again in a moment, or open Airflow."
    return AnswerRefused("slack_unreachable", sentence)
