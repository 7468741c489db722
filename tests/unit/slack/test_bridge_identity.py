"""Which Slack users may act, and how long the answer is cached."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.approvals.policy import Policy
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.bridge.interactions.users import CACHE_SECONDS, Users, contacts_seen_by, member_of
from launch_rehearsal.slack_server.base.settings import TEAM, member
from servers.slack import CONTACTS, client, slack

ADA = "U0LAUNCH01"
BY_EMAIL = Policy(slack_by_email=True)


def refused(**flags: Any) -> str:
    with pytest.raises(AnswerRefused) as refusal:
        member_of(TEAM, ADA, member(ADA, "Ada Lindqvist", "ada@example.org", **flags))
    return refusal.value.code


def test_full_member_is_taken() -> None:
    """A member has a name and, if Slack confirmed it, an e-mail address."""
    person = member_of(TEAM, ADA, member(ADA, "Ada Lindqvist", "ada@example.org"))
    assert (person.slack_id, person.name, person.email) == (ADA, "Ada Lindqvist", "ada@example.org")
    unconfirmed = member(ADA, "Ada Lindqvist", "ada@example.org", is_email_confirmed=False)
    assert member_of(TEAM, ADA, unconfirmed).email == ""
    assert member_of(TEAM, ADA, unconfirmed | {"profile": None}).name == "ada.lindqvist"


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ({"deleted": True}, "deactivated"),
        ({"is_bot": True}, "bot"),
        ({"is_workflow_bot": True}, "bot"),
        ({"is_restricted": True}, "guest"),
        ({"is_restricted": True, "is_ultra_restricted": True}, "guest"),
        ({"is_stranger": True}, "foreign_team"),
        ({"team_id": "T0ELSEWHERE"}, "foreign_team"),
        ({"team_id": None}, "foreign_team"),
        ({"id": "U0SOMEBODY"}, "foreign_team"),
    ],
)
def test_everybody_else_is_refused(flags: dict[str, Any], code: str) -> None:
    """Users who are not active, full members of this workspace, or whom Slack does not describe."""
    assert refused(**flags) == code


def test_nothing_said_is_nobody() -> None:
    """An answer without a user is not a member without flags."""
    with pytest.raises(AnswerRefused):
        member_of(TEAM, ADA, {})


def test_word_is_believed_for_five_minutes() -> None:
    """Slack is asked once within the cache time; afterwards a deactivated user is refused."""
    now = [0.0]

    async def inside() -> None:
        async with slack() as standin:
            people = Users(client(standin), TEAM, lambda: now[0])
            await people.user(ADA)
            standin.workspace.users[ADA]["deleted"] = True
            now[0] = CACHE_SECONDS - 1
            await people.user(ADA)
            assert standin.api.calls["users.info"] == 1
            now[0] = CACHE_SECONDS
            with pytest.raises(AnswerRefused) as refusal:
                await people.user(ADA)
            assert refusal.value.code == "deactivated"
            standin.workspace.users[ADA]["deleted"] = False
            await people.user(ADA)
            assert standin.api.calls["users.info"] == 3
            with pytest.raises(AnswerRefused) as refusal:
                await people.user("U0NOBODY")
            assert refusal.value.code == "unknown_slack_user"

    asyncio.run(inside())
    assert CACHE_SECONDS <= 300


def test_memory_of_people_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache holds the latest users only."""
    monkeypatch.setattr("launch_pipeline.slack.bridge.interactions.users._CACHED_USERS", 2)

    async def inside() -> None:
        async with slack() as standin:
            people = Users(client(standin), TEAM)
            for slack_id in (ADA, "U0LAUNCH02", "U0LAUNCH03", ADA):
                await people.user(slack_id)
            assert standin.api.calls["users.info"] == 4
            assert len(people._cache) == 2

    asyncio.run(inside())


def test_email_finds_only_whom_the_policy_lets_it_find() -> None:
    """By e-mail: only where the policy says so, and only a contact and a person without a Slack id there."""
    contacts = load_contacts(CONTACTS)
    ada = contacts.by_slack_id(ADA)
    assert ada is not None
    unknown = ada.model_copy(update={"slack_id": None})
    without = contacts.model_copy(update={"people": (unknown, *contacts.people[1:])})
    person = member_of(TEAM, "U0NEWADA", member("U0NEWADA", "Ada", ada.email.upper()))
    found = contacts_seen_by(person, without, BY_EMAIL).by_slack_id("U0NEWADA")
    assert found is not None
    assert found.id == "ada"
    assert contacts_seen_by(person, without, Policy()) is without
    assert contacts_seen_by(person, contacts, BY_EMAIL) is contacts
    bo = member_of(TEAM, "U0LAUNCH12", member("U0LAUNCH12", "Bo", ada.email))
    assert contacts_seen_by(bo, without, BY_EMAIL) is without
