"""The first words with Slack: which workspace the token is of, what it may do, and whether we are let in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from slack_sdk.errors import SlackApiError

from launch_pipeline.approvals.deployed import policy
from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.bridge.connection.errors import mendable, passes, until_slack_answers, word_of
from launch_pipeline.slack.scopes import BRIDGE_SCOPES, EMAIL_SCOPE

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

log = logging.getLogger(__name__)

_TOKEN = "LAUNCH_SLACK_BOT_TOKEN"  # noqa: S105 - a name, not a token


class Workspace(Frozen):
    """Where the bot token belongs."""

    team_id: str
    bot_user: str


async def greet(client: AsyncWebClient, channel: str) -> Workspace:
    """Wait until Slack answers, and make sure that the app can do its work.

    Raises ConfigurationError for a token that is refused, a scope that is missing, or a channel that the
    app is not in.
    """
    told = await until_slack_answers(client.auth_test, _TOKEN)
    _check_scopes(told)
    found = Workspace(team_id=str(told["team_id"]), bot_user=str(told["user_id"]))
    await until_slack_answers(lambda: _try_to_speak(client, channel, found.bot_user), _TOKEN)
    log.info("In Slack as %s of %s.", told.get("user"), told.get("team"))
    return found


def _check_scopes(told: AsyncSlackResponse) -> None:
    given = told.headers.get("x-oauth-scopes", "")
    have = {scope.strip() for scope in given.split(",")}
    needed = (*BRIDGE_SCOPES, EMAIL_SCOPE) if policy().slack_by_email else BRIDGE_SCOPES
    missing = [scope for scope in needed if scope not in have]
    if given and missing:
        problem = f"the app has no scope {', '.join(missing)}."
        raise ConfigurationError("environment", _TOKEN, problem, "add it to the app and install it again.")


async def _try_to_speak(client: AsyncWebClient, channel: str, bot_user: str) -> None:
    """Say something that nobody sees: the app's few scopes leave no other look into a channel."""
    try:
        await client.chat_postEphemeral(channel=channel, user=bot_user, text="Launch Gates can speak here.")
    except SlackApiError as error:
        if passes(error) or mendable(error):
            raise
        # It was let as far as the question who should read it.
        log.info("Slack did not take the trial message (%s).", word_of(error))
