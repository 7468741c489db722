"""``slack_channel`` with the real client against a strict stand-in of Slack's Web API."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.context import Holder
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.slack_api import TOKEN, SlackApi, channel, message
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from launch_pipeline.checklist.vocabulary import Role

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ADA, BO, OMAR = "U0LAUNCH01", "U0LAUNCH12", "U0LAUNCH03"
HOLDERS = {
    "technical_lead": [Holder("Ada", ADA), Holder("Bo", BO)],
    "operations_lead": [Holder("Omar", OMAR)],
    "cto": [Holder("Carla")],
}


async def holders(role: Role) -> list[Holder]:
    return HOLDERS.get(role.value, [])


def asked(
    workspace: SlackApi, token: str = TOKEN, sleeps: list[float] | None = None, **params: Any
) -> CheckResult:
    async def sleep(seconds: float) -> None:
        (sleeps if sleeps is not None else []).append(seconds)

    async def ask() -> CheckResult:
        async with serving(workspace.app) as port:
            connection = http_connection(port, "slack_check", password=token)
            ctx = replace(context({"slack_check": connection}, sleep=sleep), holders=holders)
            return await check(ctx, "slack_channel", **{"channels": ["war-room"], **params})

    return run(ask())


ROLES: dict[str, Any] = {"roles": ["technical_lead", "operations_lead"]}
JOINED = message("Ada has joined; launch!", subtype="channel_join")
CHANNELS: dict[str, tuple[list[dict[str, Any]], dict[str, Any], Verdict, str]] = {
    "there": ([channel("war-room")], {}, P, "exists = true"),
    "with a hash": ([channel("war-room")], {"channels": ["#war-room"]}, P, "exists = true"),
    "not there": ([channel("other")], {}, F, "exists = false"),
    "archived": ([channel("war-room", is_archived=True)], {}, F, "archived = true"),
    "without us": ([channel("war-room", is_member=False)], {}, F, "member = false"),
    "every channel": ([channel("war-room")], {"channels": ["war-room", "incidents"]}, F, "incidents: exists = false"),
    "roles are there": ([channel("war-room", ADA, OMAR)], ROLES, P, "exists = true"),
    "a backup stands for the role": ([channel("war-room", BO, OMAR)], ROLES, P, "exists = true"),
    "a role is missing": ([channel("war-room", ADA)], ROLES, F, "operations_lead (Omar)"),
    "a role that nobody holds": ([channel("war-room")], {"roles": ["security_lead"]}, Q, "no person with a slack_id"),
    "a holder without Slack": ([channel("war-room")], {"roles": ["cto"]}, Q, "no person with a slack_id for CTO"),
    "active": ([channel("war-room", ADA, BO, OMAR)], {**ROLES, "present": True}, F, "operations_lead (Omar)"),
    "posted": ([channel("war-room", messages=[message("The Launch is live")])], {"posted": "(?i)launch"}, P, "exists = true"),
    "never posted": ([channel("war-room", messages=[message("hello")])], {"posted": "(?i)launch"}, F, "message is missing"),
    "posted too long ago": (
        [channel("war-room", messages=[message("launch", ago=8 * 86400)])], {"posted": "launch", "since": "7d"}, F, "message is missing"),
    "posted since a time": (
        [channel("war-room", messages=[message("launch")])], {"posted": "launch", "since": "2020-01-01T00:00:00Z"}, P, "exists = true"),
    "since nonsense": ([channel("war-room")], {"posted": "launch", "since": "lately"}, Q, "write how long ago"),
    "that somebody joined is no announcement": (
        [channel("war-room", messages=[JOINED])], {"posted": "(?i)launch"}, F, "message is missing"),
    "a history that we may not read": (
        [channel("war-room", is_member=False, messages=[message("launch")])], {"posted": "launch"}, F, "member = false"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "params", "verdict", "headline"), CHANNELS.values(), ids=CHANNELS.keys()
)
def test_channel(
    channels: list[dict[str, Any]], params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """A channel is there, in use, with us and the roles in it, and the word was said in it."""
    workspace = SlackApi(*channels)
    workspace.active = {ADA}
    result = asked(workspace, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_active_people() -> None:
    """One active holder of each role is enough."""
    workspace = SlackApi(channel("war-room", ADA, BO, OMAR))
    workspace.active = {BO, OMAR}
    assert asked(workspace, **ROLES, present=True).verdict is P


def test_everything_comes_in_pages() -> None:
    """The channel, the member and the message on the last page are found."""
    old = [message(f"hello {n}", ago=n) for n in range(9)]
    people = [f"U{n:09d}" for n in range(9)] + [ADA, OMAR]
    room = channel("war-room", *people, messages=[*old, message("launch", ago=99)])
    others = [channel(f"other-{n}") for n in range(9)]
    result = asked(SlackApi(*others, room, page=2), **ROLES, posted="launch")
    assert result.verdict is P, result.headline


def test_message_has_its_link() -> None:
    """The evidence leads to the message."""
    result = asked(SlackApi(channel("war-room", messages=[message("launch")])), posted="launch")
    assert "/archives/C" in result.observed["war-room"]["message"]["permalink"]


def test_channel_by_id() -> None:
    """An id is looked up by itself, and a private channel needs no list for it."""
    room = channel("war-room", id="C0123456789")
    assert asked(SlackApi(room), channels=["C0123456789"]).verdict is P
    assert asked(SlackApi(room), channels=["C9999999999"]).verdict is F


def test_private_channel_needs_a_scope() -> None:
    """Without groups:read a private channel is not seen, and nothing is asked that would be refused."""
    workspace = SlackApi(channel("war-room", is_private=True))
    result = asked(workspace)
    assert (result.verdict, "groups:read" in str(result.observed)) == (F, True)
    workspace.scopes.add("groups:read")
    assert asked(workspace).verdict is P


SCOPES: dict[str, dict[str, Any]] = {
    "channels:read": {},
    "channels:history": {"posted": "launch"},
    "users:read": {**ROLES, "present": True},
}


@pytest.mark.parametrize(("scope", "params"), SCOPES.items(), ids=SCOPES.keys())
def test_missing_scope_is_named(scope: str, params: dict[str, Any]) -> None:
    """What the token may not ask is inconclusive and named."""
    workspace = SlackApi(channel("war-room", ADA, OMAR))
    workspace.scopes.discard(scope)
    result = asked(workspace, **params)
    assert (result.verdict, f"lacks the scope {scope}" in raw(result)) == (Q, True), result.headline


def test_scopes_that_are_not_needed_are_not_asked_for() -> None:
    """Whether a channel is there takes one scope."""
    workspace = SlackApi(channel("war-room"))
    workspace.scopes = {"channels:read"}
    assert asked(workspace).verdict is P


def test_wrong_token_is_inconclusive_and_unsaid() -> None:
    """Slack refuses us with status 200; that is no answer about the channel."""
    result = asked(SlackApi(channel("war-room")), token="xoxb-1111111111-wrong-token")
    assert (result.verdict, "credentials: Slack answered invalid_auth" in raw(result)) == (Q, True)
    assert "wrong-token" not in result.model_dump_json()


def test_no_token_is_named() -> None:
    """A connection without a token asks nobody."""
    assert "has no token" in asked(SlackApi(), token="").headline


def test_rate_limit_is_waited_for() -> None:
    """429 is asked again after the time that Slack names."""
    workspace, sleeps = SlackApi(channel("war-room")), list[float]()
    workspace.limited = 1
    result = asked(workspace, sleeps=sleeps)
    assert (result.verdict, sleeps, result.attempts) == (P, [1.0], 2)


def test_lasting_rate_limit_is_inconclusive() -> None:
    """Who is still limited after three attempts says so."""
    workspace = SlackApi(channel("war-room"))
    workspace.limited = 99
    result = asked(workspace)
    assert (result.verdict, "limits the rate" in raw(result), result.attempts) == (Q, True, 3)


def test_nobody_knows_the_contacts() -> None:
    """Without contacts a role is nobody; that is said, and is no failure."""

    async def ask() -> CheckResult:
        async with serving(SlackApi(channel("war-room")).app) as port:
            ctx = context({"slack_check": http_connection(port, "slack_check", password=TOKEN)})
            return await check(ctx, "slack_channel", channels=["war-room"], **ROLES)

    result = run(ask())
    assert (result.verdict, "not connected: the contacts" in raw(result)) == (Q, True)
