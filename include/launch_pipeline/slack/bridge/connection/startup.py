"""Check the connection to Slack at startup: workspace, scopes, and access to the channel."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from slack_sdk.errors import SlackApiError

from launch_pipeline.approvals.deployed import policy
from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.bridge.connection.errors import is_transient, until_slack_answers
from launch_pipeline.slack.errors import NEEDS_A_PERSON, error_code, problem_of
from launch_pipeline.slack.scopes import BRIDGE_SCOPES, EMAIL_SCOPE

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

log = logging.getLogger(__name__)

_TOKEN = "LAUNCH_SLACK_BOT_TOKEN"  # noqa: S105 - a name, not a token


class Workspace(Frozen):
    """Identify the bot token's workspace and user."""

    team_id: str
    bot_user: str


async def check_access(client: AsyncWebClient, channel: str) -> Workspace:
    """Wait until Slack answers, and check that the app can do its work.

    Raises ConfigurationError for a refused token, a missing scope, or a channel that the app is not in.
    """
    response = await until_slack_answers(client.auth_test, _TOKEN)
    _check_scopes(response)
    found = Workspace(team_id=str(response["team_id"]), bot_user=str(response["user_id"]))
    await until_slack_answers(lambda: _try_to_post(client, channel, found.bot_user), _TOKEN)
    log.info("Connected to Slack as %s of %s.", response.get("user"), response.get("team"))
    return found


def _check_scopes(response: AsyncSlackResponse) -> None:
    given = response.headers.get("x-oauth-scopes", "")
    have = {scope.strip() for scope in given.split(",")}
    needed = (*BRIDGE_SCOPES, EMAIL_SCOPE) if policy().slack_by_email else BRIDGE_SCOPES
    missing = [scope for scope in needed if scope not in have]
    if given and missing:
        problem = f"the app has no scope {', '.join(missing)}."
        raise ConfigurationError("environment", _TOKEN, problem, "add it to the app and install it again.")


async def _try_to_post(client: AsyncWebClient, channel: str, bot_user: str) -> None:
    """Post an ephemeral message to the bot itself: with its few scopes, no other call tests the channel."""
    try:
        await client.chat_postEphemeral(channel=channel, user=bot_user, text="Launch Gates can post here.")
    except SlackApiError as error:
        if is_transient(error) or problem_of(error) in NEEDS_A_PERSON:
            raise
        # Token, scope and channel were accepted; Slack only objects to the recipient.
        log.info("Slack did not take the trial message (%s).", error_code(error))
