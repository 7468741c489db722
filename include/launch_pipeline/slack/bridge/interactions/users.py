"""Who clicked: Slack's own word about a person, before anybody asks what he may do.

Only members of our workspace act: nobody deactivated, no guest, no bot, nobody of another workspace. An
e-mail counts only where Slack has confirmed it.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.contacts import SlackId
from launch_pipeline.base import Frozen
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.bridge.connection.errors import TROUBLE, word_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.approvals.policy import Policy

log = logging.getLogger(__name__)

CACHE_SECONDS = 300.0
"""How long somebody who has left may still act on an answer of Slack's from before."""
_MOST_PEOPLE = 500
_REFUSED = {
    "deleted": ("deactivated", "Your Slack account is deactivated."),
    "is_bot": ("bot", "Bots answer nothing here."),
    "is_workflow_bot": ("bot", "Workflows answer nothing here."),
    "is_restricted": ("guest", "Guests of this workspace answer nothing; ask a member who holds the role."),
    "is_ultra_restricted": ("guest", "Guests of this workspace answer nothing; ask a member of it."),
    "is_stranger": ("foreign_team", "You are not a member of this workspace; only its members answer."),
}
_NOBODY = frozenset({"user_not_found", "user_not_visible", "users_not_found"})


class SlackPerson(Frozen):
    """A member of our workspace."""

    slack_id: SlackId
    name: str
    email: str = ""
    """Only where Slack has confirmed it, and lets the bridge see it."""


class People:
    """Slack's people, remembered for five minutes at most."""

    def __init__(
        self, client: AsyncWebClient, team_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._team_id = team_id
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, SlackPerson]] = OrderedDict()

    async def person(self, slack_id: str) -> SlackPerson:
        """Give the member behind a Slack id.

        Raises AnswerRefused for whoever is none, and where Slack cannot be asked.
        """
        learned, known = self._known.get(slack_id, (0.0, None))
        if known is not None and self._clock() - learned < CACHE_SECONDS:
            return known
        self._known.pop(slack_id, None)
        person = member_of(self._team_id, slack_id, await self._asked(slack_id))
        self._known[slack_id] = (self._clock(), person)
        while len(self._known) > _MOST_PEOPLE:
            self._known.popitem(last=False)
        return person

    async def _asked(self, slack_id: str) -> Mapping[str, Any]:
        try:
            user = (await self._client.users_info(user=slack_id)).get("user")
        except TROUBLE as error:
            log.warning("Slack did not say who %s is: %s", slack_id, word_of(error))
            if word_of(error) in _NOBODY:
                raise AnswerRefused("unknown_slack_user", "Slack does not know you here.") from error
            raise _unreachable() from error
        return user if isinstance(user, dict) else {}


def member_of(team_id: str, slack_id: str, user: Mapping[str, Any]) -> SlackPerson:
    """Read Slack's ``user``. Raises AnswerRefused unless it is this active, full member of this team."""
    for flag, (code, sentence) in _REFUSED.items():
        if user.get(flag):
            raise AnswerRefused(code, sentence)
    if user.get("team_id") != team_id or user.get("id") != slack_id:
        raise AnswerRefused(*_REFUSED["is_stranger"])
    told = user.get("profile")
    profile = told if isinstance(told, dict) else {}
    email = profile.get("email") if user.get("is_email_confirmed") is True else ""
    name = profile.get("real_name") or user.get("name") or slack_id
    return SlackPerson(slack_id=slack_id, name=str(name), email=str(email or ""))


def contacts_seen_by(person: SlackPerson, contacts: Contacts, policy: Policy) -> Contacts:
    """The contacts, with the person's Slack id filled in where the policy finds people by e-mail.

    For showing what is his only; whether an answer counts is the plugin's to say.
    """
    found = contacts.by_email(person.email) if policy.slack_by_email else None
    if found is None or found.slack_id is not None or contacts.by_slack_id(person.slack_id):
        return contacts
    known = found.model_copy(update={"slack_id": person.slack_id})
    return contacts.model_copy(update={"people": tuple(known if p is found else p for p in contacts.people)})


def _unreachable() -> AnswerRefused:
    sentence = "Slack did not say who you are, so nothing was done; try again in a moment, or open Airflow."
    return AnswerRefused("slack_unreachable", sentence)
